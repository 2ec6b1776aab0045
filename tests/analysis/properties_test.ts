/** Properties of any update, whatever its numbers. */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import {
  inActivationMetric,
  type LowRankFactors,
  marchenkoPasturEdge,
  principalAngles,
  randomSimilarity,
  rankForError,
  rightDirections,
  similarityGrid,
  spectrum,
  toTensor,
  truncateUpdate,
  truncationError,
  updateDirections,
  updateSvd,
} from "../../src/analysis/mod.ts";
import { toDense } from "../../src/analysis/input.ts";
import { Random } from "../../src/core/random.ts";
import { own } from "../../src/linalg/backend.ts";
import {
  identity,
  lq,
  multiply,
  multiplyTransposed,
  scaledBy,
  singularValues,
  transposed,
} from "../../src/linalg/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { gaussian } from "../../src/linalg/gaussian.ts";

const close = { relative: 1e-10, absolute: 1e-12 };

/** Factors of any fitting shape. */
const anyFactors: fc.Arbitrary<LowRankFactors> = fc.record({
  out: fc.integer({ min: 1, max: 20 }),
  inner: fc.integer({ min: 1, max: 20 }),
  wish: fc.integer({ min: 1, max: 8 }),
  scaling: fc.double({ min: 0.01, max: 100, noNaN: true }),
  seed: fc.nat(),
}).map(({ out, inner, wish, scaling, seed }) => {
  const random = new Random(seed), rank = Math.min(wish, Math.max(out, inner));
  return {
    A: toTensor(gaussian(rank, inner, random)),
    B: toTensor(gaussian(out, rank, random)),
    scaling,
  };
});

const dense = ({ A, B, scaling }: LowRankFactors) =>
  scaledBy(multiply(toDense(B, "B"), toDense(A, "A")), scaling);

Deno.test("factored values are those of the dense update, and its vectors build it", () => {
  fc.assert(fc.property(anyFactors, (factors) => {
    const { left, values, right } = updateSvd(factors), delta = dense(factors);
    const expected = singularValues(delta).slice(0, values.length);
    assertAllClose(values, expected, { relative: 0, absolute: 1e-13 * values[0] });
    assertAllClose(spectrum(factors).singularValues, values, {
      relative: 0,
      absolute: 1e-13 * values[0],
    });
    const weighted = values.reduce((rows, value, i) => {
      const row = rows.data.subarray(i * left.columns, (i + 1) * left.columns);
      row.forEach((u, j) => row[j] = u * value);
      return rows;
    }, { ...left, data: left.data.slice() });
    const built = multiply(transposed(weighted), right);
    assertAllClose(built.data, delta.data, { relative: 0, absolute: 1e-12 * values[0] });
  }));
});

Deno.test("ranks lie between 1 and the number of values, and do not know the scale", () => {
  fc.assert(fc.property(anyFactors, (factors) => {
    const one = spectrum(factors), other = spectrum({ ...factors, scaling: 8 * factors.scaling });
    const k = one.singularValues.length;
    const { stableRank, effectiveRank, participationRatio, nuclearRatio, energyRank90 } = one;
    for (
      const rank of [stableRank, effectiveRank, participationRatio, nuclearRatio, energyRank90]
    ) {
      assert(rank > 1 - 1e-9 && rank < k + 1e-9);
    }
    const { frobenius, singularValues, noiseEdge, ...rest } = other;
    assertEquals({ ...one, ...rest }, one);
    assertAllClose([frobenius, noiseEdge], [8 * one.frobenius, 8 * one.noiseEdge], close);
    assertAllClose(singularValues, one.singularValues.map((value) => 8 * value), close);
  }));
});

Deno.test("Eckart and Young: no other matrix of the rank is nearer than the truncated one", () => {
  fc.assert(
    fc.property(anyFactors, fc.integer({ min: 1, max: 6 }), fc.nat(), (factors, wish, seed) => {
      const delta = dense(factors), { rows, columns } = delta, random = new Random(seed);
      const { singularValues: values } = spectrum(factors), rank = Math.min(wish, values.length);
      const best = truncationError(values, rank).frobenius;
      const cut = dense(truncateUpdate(factors, rank)).data;
      const distance = (other: Float64Array) =>
        Math.hypot(...delta.data.map((value, at) => value - other[at]));
      assertAlmostEquals(distance(cut), best, 1e-6 * values[0]);
      const factor = values[0] * 0.1 * random.uniform();
      const near = multiply(gaussian(rows, rank, random), gaussian(rank, columns, random)).data;
      assert(distance(near.map((value) => factor * value)) >= best * (1 - 1e-12));
      const least = rankForError(values, 0.3);
      assert(truncationError(values, least).relative <= 0.3 + 1e-12);
      assert(least === 0 || truncationError(values, least - 1).relative > 0.3 - 1e-12);
    }),
  );
});

Deno.test("φ: symmetric, in [0, 1], 1 with itself, blind to a turn of both and to mixing within", () => {
  fc.assert(fc.property(fc.nat(), fc.integer({ min: 6, max: 20 }), (seed, d) => {
    const random = new Random(seed);
    const one = rightDirections(gaussian(3, d, random)),
      two = rightDirections(gaussian(5, d, random));
    const grid = similarityGrid(one, two), swapped = similarityGrid(two, one);
    grid.forEach((row, i) =>
      row.forEach((phi, j) => {
        assertAlmostEquals(phi, swapped[j][i], 1e-12);
        assert(phi >= 0 && phi <= 1 + 1e-12);
      })
    );
    similarityGrid(one, one).forEach((row, i) => assertAlmostEquals(row[i], 1, 1e-12));
    const turn = lq(gaussian(d, d, random)).Q, mix = lq(gaussian(5, 5, random)).Q;
    const turned = similarityGrid(multiply(one, turn), multiply(two, turn));
    assertAllClose(turned.flat(), grid.flat(), close);
    const mixed = similarityGrid(one, multiply(mix, two));
    grid.forEach((row, i) => assertAlmostEquals(mixed[i][4], row[4], 1e-12));
    // cos² of the angles add up to the whole of φ.
    const squares = principalAngles(one, two).reduce((sum, angle) => sum + Math.cos(angle) ** 2, 0);
    assertAlmostEquals(squares / 3, grid[2][4], 1e-12);
  }));
});

Deno.test("φ does not change when rows of A are permuted or mixed, nor with the scale of ΔW", () => {
  fc.assert(fc.property(fc.nat(), (seed) => {
    const random = new Random(seed), A = gaussian(4, 12, random), other = gaussian(3, 12, random);
    const order = [2, 0, 3, 1], permuted = { ...A, data: A.data.slice() };
    order.forEach((from, to) =>
      permuted.data.set(A.data.subarray(from * 12, from * 12 + 12), to * 12)
    );
    const grid = similarityGrid(rightDirections(A), rightDirections(other));
    const again = similarityGrid(rightDirections(permuted), rightDirections(other));
    assertAllClose(again.flat(), grid.flat(), { relative: 0, absolute: 1e-9 });
    const turned = multiply(lq(gaussian(4, 4, random)).Q, A);
    const turnedGrid = similarityGrid(rightDirections(turned), rightDirections(other));
    assertAllClose(turnedGrid.flat(), grid.flat(), { relative: 0, absolute: 1e-9 });
  }));
});

Deno.test("the random baseline is what random subspaces have, mean and spread", () => {
  const d = 24, draws = 4000, random = new Random(9);
  for (const [i, j] of [[1, 1], [2, 5], [6, 3]]) {
    const found = Array.from({ length: draws }, () => {
      const [one, two] = [i, j].map((size) => lq(gaussian(size, d, random)).Q);
      return similarityGrid(one, two)[i - 1][j - 1];
    });
    const mean = found.reduce((sum, phi) => sum + phi, 0) / draws;
    const variance = found.reduce((sum, phi) => sum + (phi - mean) ** 2, 0) / draws;
    const expected = randomSimilarity(i, j, d);
    // Five standard errors; that of a spread is taken for a kurtosis of up to 15.
    assertAlmostEquals(mean, expected.mean, 5 * expected.standardDeviation / Math.sqrt(draws));
    assertAlmostEquals(
      Math.sqrt(variance) / expected.standardDeviation,
      1,
      5 * Math.sqrt(14 / 4 / draws),
    );
  }
  assertEquals(randomSimilarity(1, 1, 1), { mean: 1, standardDeviation: 0 });
  assertEquals(randomSimilarity(3, 7, 7), { mean: 1, standardDeviation: 0 });
});

Deno.test("the metric of white inputs is none, and that of one direction leaves rank 1", () => {
  const random = new Random(2);
  const factors = {
    A: toTensor(gaussian(3, 8, random)),
    B: toTensor(gaussian(6, 3, random)),
    scaling: 2,
  };
  const white = inActivationMetric(factors, { secondMoment: identity(8) });
  assertAllClose(spectrum(white).singularValues, spectrum(factors).singularValues, close);
  const single = inActivationMetric(factors, { activations: gaussian(1, 8, random) });
  assertEquals(updateDirections(single).left.rows, 1);
});

Deno.test("noise ends at the Marchenko-Pastur edge", () => {
  const noise = gaussian(300, 200, new Random(8)), values = own.singularValues(noise);
  const frobenius = Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0));
  assertAlmostEquals(values[0] / marchenkoPasturEdge(300, 200, frobenius), 1, 0.03);
});

Deno.test("angles: orthogonal subspaces, the same one, and one inside the other", () => {
  const basis = identity(6),
    rows = (from: number, count: number) => ({
      rows: count,
      columns: 6,
      data: basis.data.slice(6 * from, 6 * (from + count)),
    });
  assertAllClose(principalAngles(rows(0, 2), rows(2, 3)), [Math.PI / 2, Math.PI / 2], close);
  assertAllClose(principalAngles(rows(0, 3), rows(1, 1)), [0], close);
  assertEquals(multiplyTransposed(rows(0, 1), rows(0, 1)).data, Float64Array.of(1));
});
