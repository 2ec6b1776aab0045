/** Starts and steps: the largest eigenvalue by gradients, seeds of their own, and the rules on planted rows. */

import { assert, assertEquals } from "@std/assert";
import {
  curvatureFit,
  spreads,
  startClaims,
  type StartRows,
} from "../../../experiments/skills/starts/claims.ts";
import {
  largestEigenvalue,
  largestOfTridiagonal,
} from "../../../experiments/skills/starts/eigenvalue.ts";
import { startArms, startSeed, startTasks } from "../../../experiments/skills/starts/runs.ts";
import { Random } from "../../../src/core/random.ts";
import { assertAllClose } from "../../support/all_close.ts";

/** The gradient of ½ xᵀ Q diag(values) Qᵀ x + cᵀ x, where Q reflects in a random plane, in float64. */
function quadratic(values: readonly number[]) {
  const random = new Random(3), normals = () => values.map(() => random.normal());
  const [u, c] = [normals(), normals()], norm = Math.hypot(...u);
  const reflect = (x: readonly number[]) => {
    const along = 2 * x.reduce((sum, value, i) => sum + value * u[i], 0) / norm ** 2;
    return x.map((value, i) => value - along * u[i]);
  };
  return (step: Float64Array) => {
    const inside = reflect([...step]).map((value, i) => values[i] * value);
    return Promise.resolve(Float64Array.from(reflect(inside), (value, i) => value + c[i]));
  };
}

Deno.test("the largest eigenvalue is that of a quadratic, also where one below 0 is larger in size", async () => {
  const spread = Array.from({ length: 40 }, (_, i) => Math.sin(i));
  for (const values of [[...spread, 7], [...spread, -30, 7], [...spread, -7, 7], [-1, -2, -9]]) {
    const options = { size: values.length, epsilon: 1e-2, products: 40, seed: 5 };
    const { value } = await largestEigenvalue(quadratic(values), options);
    // It stops when a product changes the value by less than 0.1%.
    assertAllClose([value], [Math.max(...values)], { relative: 2e-3, absolute: 0 });
  }
});

Deno.test("the largest eigenvalue of a chain is that of its cosine", () => {
  const count = 9, ones = (length: number, value: number) => new Array<number>(length).fill(value);
  const found = largestOfTridiagonal(ones(count, 2), ones(count - 1, -1));
  assertAllClose([found], [2 + 2 * Math.cos(Math.PI / 10)], { relative: 1e-14, absolute: 0 });
  assertEquals(largestOfTridiagonal([-3], []), -3);
});

Deno.test("no two runs of the study share a seed", () => {
  const seeds = startTasks.flatMap(({ task }) =>
    startArms.flatMap((arm) => [1, 2, 3, 101, 102].map((repeat) => startSeed(task, arm, repeat)))
  );
  assertEquals(new Set(seeds).size, seeds.length);
});

/** The planted values of an arm on a task. */
interface Planted {
  readonly right: number;
  readonly loss: number;
  readonly rate: number;
  readonly eigenvalue: number;
}

const alike: Planted = { right: 90, loss: 0.1, rate: 0.008, eigenvalue: 30 };

/** Rows of three seeds half a point apart, all tried at two rates. */
function planted(of: (arm: string, at: number) => Partial<Planted>): StartRows {
  const cells = startTasks.flatMap(({ task }) =>
    startArms.map(({ name, training }, at) => ({
      ...{ task: task.name, name, training, ...alike, ...of(name, at) },
    }))
  );
  const seeded = cells.flatMap((cell) => [1, 2, 3].map((seed) => ({ ...cell, seed })));
  return {
    runs: seeded.map(({ right, loss, rate, seed, task, name }) => ({
      ...{ task, name, seed, learningRate: rate, trained: 1, texts: 600 },
      ...{ right: right + (seed - 2) / 2, loss: loss * 1.05 ** (seed - 2) },
    })),
    curvatures: seeded.filter(({ training }) => !training)
      .map(({ task, name, seed, eigenvalue }) => ({ task, name, seed, eigenvalue, norm: 1 })),
    tried: cells.flatMap(({ task, name, right, rate }) => [
      { task, name, learningRate: rate, right, loss: 0.1 },
      { task, name, learningRate: 2 * rate, right: 0, loss: null },
    ]),
  };
}

const verdicts = (rows: StartRows) => startClaims.map((claim) => claim.holds(rows));

Deno.test("arms that are alike tie, and no rule finds a reason in them", () => {
  // At one rate none differs, which is twice of nothing; without a spread there is no correlation.
  assertEquals(verdicts(planted(() => ({}))), [true, true, true, false, false, false, false]);
});

Deno.test("rates that fall as 1/λ are the curvature's, and in another order they are not", () => {
  const rows = planted((_, at) => ({ eigenvalue: 10 * 2 ** at, rate: 0.016 / 2 ** at }));
  const { r, slope, chance } = curvatureFit(rows);
  assertAllClose([r, slope], [1, 1], { relative: 1e-9, absolute: 0 });
  assertEquals(chance, 1 / 5040);
  assertEquals(verdicts(rows).slice(3, 5), [true, true]);
  const against = planted((_, at) => ({ eigenvalue: 10 * 2 ** at, rate: 0.001 * 2 ** at }));
  assertEquals(verdicts(against)[3], false);
});

Deno.test("an arm that is better breaks the tie, within noise it does not", () => {
  const better = planted((name) => name === "PiSSA" ? { right: 95 } : {});
  assertEquals(verdicts(better).slice(0, 2), [false, false]);
  const worse = planted((name) => name === "OLoRA" ? { right: 50 } : {});
  assertEquals(verdicts(worse).slice(0, 2), [false, true]);
  const faster = planted((name) => name === "LoRA-GA" ? { loss: 0.05 } : {});
  assertEquals(verdicts(faster).slice(5), [true, false]);
});

Deno.test("at one rate an arm is read at the nearest that was tried", () => {
  const rows = planted((name) => name === "LoRA+" ? { rate: 0.004 } : {});
  const [{ task }] = startTasks, { own, one } = spreads(rows, task.name);
  assertEquals([own, one], [0, 90]);
  assert(startClaims[2].holds(rows));
});
