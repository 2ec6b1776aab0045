/** The analysis against mpmath's 50 digits, which works on dense matrices by definition. */

import { assertAlmostEquals, assertEquals } from "@std/assert";
import {
  amplification,
  energyRank,
  inActivationMetric,
  type InputStatistics,
  intruders,
  type LowRankFactors,
  principalAngles,
  rightDirections,
  similarityGrid,
  spectrum,
  toTensor,
  truncateUpdate,
  truncationError,
  updateDirections,
} from "../../src/analysis/mod.ts";
import { toDense } from "../../src/analysis/input.ts";
import { multiply, scaledBy } from "../../src/linalg/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { goldenJson } from "../support/golden.ts";
import { fromRows } from "../support/matrices.ts";

const { updates, pairs } = await goldenJson("analysis.json");

const factorsOf = ({ A, B }: { A: number[][]; B: number[][] }, scaling = 1): LowRankFactors => {
  return { A: toTensor(fromRows(A)), B: toTensor(fromRows(B)), scaling };
};

const close = { relative: 1e-10, absolute: 1e-12 };

Deno.test("spectra: values, norms and ranks", () => {
  for (const update of updates) {
    const found = spectrum(factorsOf(update, update.scaling));
    const absolute = 1e-13 * update.singularValues[0];
    assertAllClose(found.singularValues, update.singularValues, { relative: 0, absolute });
    for (
      const key of [
        "frobenius",
        "stableRank",
        "effectiveRank",
        "participationRatio",
        "nuclearRatio",
      ] as const
    ) {
      assertAllClose([found[key]], [update[key]], { ...close, what: key });
    }
    for (const [tau, rank] of Object.entries(update.energyRanks)) {
      assertEquals(energyRank(found.singularValues, Number(tau)), rank);
    }
  }
});

Deno.test("truncation: the error is the tail, and what truncateUpdate gives is as far away", () => {
  for (const update of updates) {
    const factors = factorsOf(update, update.scaling);
    const { singularValues } = spectrum(factors), delta = dense(factors);
    update.truncation.forEach((expected: number, rank: number) => {
      // The last is zero up to the rounding of 50 digits.
      const found = truncationError(singularValues, rank).frobenius;
      assertAllClose([found], [expected], { relative: 1e-10, absolute: 1e-10 * update.frobenius });
      if (rank === 0) return;
      const cut = dense(truncateUpdate(factors, rank));
      const distance = Math.hypot(...delta.data.map((value, at) => value - cut.data[at]));
      // A and B were rounded to F32.
      assertAlmostEquals(distance, expected, 3e-7 * update.frobenius);
    });
  }
});

Deno.test("amplification: projections onto ΔW's and W's own directions", () => {
  for (const update of updates) {
    const expected = update.amplification;
    const found = amplification(factorsOf(update, update.scaling), fromRows(update.W), { seed: 1 });
    assertEquals(found.rank, expected.rank);
    const { weightNorm, inDelta, inWeight, factor, deltaNorm } = found;
    assertAllClose(
      [weightNorm, inDelta, inWeight, factor, deltaNorm],
      [expected.weightNorm, expected.delta, expected.weight, expected.factor, update.frobenius],
      close,
    );
  }
});

Deno.test("intruders: cosines with W's directions and with blocks of them", () => {
  for (const { scaling, W, intruders: expected, ...update } of updates) {
    const { directions, count } = intruders(factorsOf(update, scaling), fromRows(W), {
      leading: 5,
      block: expected.block,
    });
    assertAllClose(directions.map(({ cosine }) => cosine), expected.cosines, close);
    assertAllClose(directions.map(({ blockCosine }) => blockCosine), expected.blockCosines, close);
    assertEquals(count, expected.cosines.filter((cosine: number) => cosine < 0.5).length);
  }
});

Deno.test("φ on A, on ΔW left and right, and in the activation metric", () => {
  for (const { A, B, activations, secondMoment, phi } of pairs) {
    const [one, two] = [0, 1].map((i) => factorsOf({ A: A[i], B: B[i] }));
    const [left, right] = [updateDirections(one), updateDirections(two)];
    compare(similarityGrid(rightDirections(one.A), rightDirections(two.A)), phi.A);
    compare(similarityGrid(left.left, right.left), phi["delta-left"]);
    compare(similarityGrid(left.right, right.right), phi["delta-right"]);
    const statistics = [{ secondMoment: fromRows(secondMoment) }, {
      activations: fromRows(activations),
    }];
    for (const inputs of statistics as InputStatistics[]) {
      const [a, b] = [one, two].map((factors) =>
        updateDirections(inActivationMetric(factors, inputs))
      );
      compare(similarityGrid(a.right, b.right), phi["metric-right"]);
    }
  }
});

Deno.test("principal angles, small ones too", () => {
  for (const { A, angles } of pairs) {
    const [one, two] = A.map((rows: number[][]) => rightDirections(fromRows(rows)));
    assertAllClose(principalAngles(one, two), angles, close);
    assertAllClose(principalAngles(two, one), angles, close);
  }
});

function compare(found: number[][], expected: number[][]): void {
  assertEquals(found.length, expected.length);
  assertAllClose(found.flat(), expected.flat(), close);
}

function dense({ A, B, scaling }: LowRankFactors) {
  return scaledBy(multiply(toDense(B, "B"), toDense(A, "A")), scaling);
}
