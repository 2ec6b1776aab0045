/** Reduced-rank regression and linear tasks, against brute force. */

import { assert, assertEquals } from "@std/assert";
import { Random } from "../../src/core/random.ts";
import { linearTask, type LinearTaskSpec, shiftValues } from "../../src/data/mod.ts";
import {
  bestUpdate,
  leastLoss,
  reducedRank,
  rightSimilarity,
  updateLoss,
} from "../../src/analysis/mod.ts";
import {
  type DenseMatrix,
  difference,
  gaussian,
  multiply,
  orthonormalRows,
  singularValues,
  squaredNorm,
} from "../../src/linalg/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import "../support/open_lapack.ts";

const width = 6;

function taskSpec(more: Partial<LinearTaskSpec> = {}): LinearTaskSpec {
  const shift = { kind: "geometric", ratio: 0.7 } as const;
  const rest = { width, shift, norm: 2, inputs: "correlated", examples: 20, noise: 0.3, seed: 4 };
  return { ...rest, ...more } as LinearTaskSpec;
}

const metricOf = ({ inputs, residuals }: ReturnType<typeof linearTask>) =>
  reducedRank(inputs, residuals);

/** Σ ‖residual - ΔW x‖² / n, example by example. */
function plainLoss({ inputs, residuals }: ReturnType<typeof linearTask>, update: DenseMatrix) {
  const [examples] = inputs.shape;
  let sum = 0;
  for (let row = 0; row < examples; row++) {
    for (let i = 0; i < width; i++) {
      let gap = residuals.data[row * width + i];
      for (let j = 0; j < width; j++) {
        gap -= update.data[i * width + j] * inputs.data[row * width + j];
      }
      sum += gap * gap;
    }
  }
  return sum / examples;
}

const updates = (rank: number, seed: number) => {
  const random = new Random(seed);
  return multiply(gaussian(width, rank, random), gaussian(rank, width, random));
};

for (
  const [name, spec] of [
    ["more examples than inputs", taskSpec()],
    ["fewer examples than inputs", taskSpec({ examples: 4 })],
    ["white, no noise", taskSpec({ inputs: "white", noise: 0 })],
  ] as const
) {
  Deno.test(`reduced rank, ${name}: the loss of an update is that over all examples`, () => {
    const task = linearTask(spec), metric = metricOf(task);
    for (const rank of [1, 3, width]) {
      const update = updates(rank, rank), plain = plainLoss(task, update);
      assertAllClose([updateLoss(metric, update)], [plain], {
        absolute: 1e-11 * plain,
        what: name,
      });
    }
    const zero = { rows: width, columns: width, data: new Float64Array(width ** 2) };
    assertAllClose([leastLoss(metric, 0)], [plainLoss(task, zero)], {
      absolute: 1e-11,
      what: "no update",
    });
  });
}

Deno.test("best update: it has its rank, its loss is the tail, and no neighbor of that rank is better", () => {
  const task = linearTask(taskSpec()), metric = metricOf(task), random = new Random(3);
  for (const rank of [1, 2, 4, width]) {
    const best = bestUpdate(metric, rank), loss = plainLoss(task, best);
    assertEquals(singularValues(best).filter((value) => value > 1e-9).length, rank);
    assertAllClose([leastLoss(metric, rank)], [loss], { absolute: 1e-10, what: `rank ${rank}` });
    for (let trial = 0; trial < 30; trial++) {
      // Turning both sides a little keeps the rank.
      const [left, right] = [nearIdentity(random), nearIdentity(random)];
      const neighbor = multiply(left, multiply(best, right));
      assert(plainLoss(task, neighbor) >= loss - 1e-12, `a better update of rank ${rank}`);
    }
  }
});

function nearIdentity(random: Random): DenseMatrix {
  const matrix = gaussian(width, width, random);
  const data = matrix.data.map((value, at) => 0.05 * value + Number(at % (width + 1) === 0));
  return { ...matrix, data };
}

Deno.test("best update of full rank is the least-squares solution: its gradient is zero", () => {
  const task = linearTask(taskSpec()), best = bestUpdate(metricOf(task), width);
  const { inputs: { shape: [examples], data: x }, residuals: { data: y } } = task;
  for (let i = 0; i < width; i++) {
    for (let j = 0; j < width; j++) {
      let gradient = 0;
      for (let row = 0; row < examples; row++) {
        let gap = y[row * width + i];
        for (let k = 0; k < width; k++) gap -= best.data[i * width + k] * x[row * width + k];
        gradient += gap * x[row * width + j];
      }
      assert(Math.abs(gradient) < 1e-10, `gradient ${gradient} at ${i}, ${j}`);
    }
  }
});

Deno.test("linear task: the shift has its norm and spectrum, inputs have theirs, and bits repeat", () => {
  const spec = taskSpec({ examples: 40_000, noise: 0 }), task = linearTask(spec);
  const values = singularValues(task.shift), wanted = shiftValues(spec.shift, width);
  const scale = 2 / Math.hypot(...wanted);
  assertAllClose([...values], [...wanted].map((v) => scale * v), { absolute: 1e-12, what: "σ" });
  const moments = singularValues(metricOf(task).root).map((value) => value ** 2);
  const sum = [1, 2, 3, 4, 5, 6].reduce((total, i) => total + 1 / i, 0);
  const known = Array.from({ length: width }, (_, i) => width / sum / (i + 1));
  // 40,000 draws: a relative deviation of √(2 / 40,000) = 0.007, four of them.
  assertAllClose([...moments].map((m, i) => m / known[i]), known.map(() => 1), {
    absolute: 0.03,
    what: "spectrum of the inputs",
  });
  assertEquals(linearTask(spec), task);
});

Deno.test("linear task: tasks share the directions that they are said to share", () => {
  const spec = (firstDirection: number) =>
    taskSpec({ shift: { kind: "flat", rank: 3 }, firstDirection });
  const shiftOf = (first: number) => linearTask(spec(first)).shift;
  for (const shared of [0, 1, 2, 3]) {
    const similarity = rightSimilarity(shiftOf(0), shiftOf(3 - shared), 3);
    assertAllClose([similarity], [shared / 3], { absolute: 1e-12, what: `${shared} shared` });
  }
  assert(squaredNorm(difference(shiftOf(0), shiftOf(3))) > 1);
});

Deno.test("random rows are orthonormal", () => {
  const Q = orthonormalRows(3, 7, new Random(2));
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 3; j++) {
      let sum = 0;
      for (let k = 0; k < 7; k++) sum += Q.data[i * 7 + k] * Q.data[j * 7 + k];
      assertAllClose([sum], [Number(i === j)], { absolute: 1e-14, what: `${i} · ${j}` });
    }
  }
});
