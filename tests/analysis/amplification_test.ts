import "../support/open_lapack.ts";
import { assert, assertAlmostEquals, assertEquals, assertStrictEquals } from "@std/assert";
import { leadingValues } from "../../src/analysis/spectrum.ts";
import { amplification, expectedRandomNorm, toTensor } from "../../src/analysis/mod.ts";
import { median } from "../../src/core/numbers.ts";
import { Random } from "../../src/core/random.ts";
import { gaussian } from "../../src/linalg/gaussian.ts";

Deno.test("the random column of Table 7 is r ‖W‖ / d, by GPT-3's numbers", () => {
  // Quoted: ‖W_q‖ is 61.95, the column says 0.02 at r = 4 and 0.33 at r = 64, one draw.
  assertAlmostEquals(expectedRandomNorm(4, 12288, 12288, 61.95), 0.02, 0.0005);
  assertAlmostEquals(expectedRandomNorm(64, 12288, 12288, 61.95), 0.33, 0.01);
});

Deno.test("random directions find of any weight what is expected, in the mean square", () => {
  const random = new Random(1), draws = 400;
  const weight = gaussian(14, 20, random);
  weight.data.fill(3, 0, 20); // one row stands out
  const factors = {
    A: toTensor(gaussian(3, 20, random)),
    B: toTensor(gaussian(14, 3, random)),
    scaling: 1,
  };
  let squares = 0, expected = 0;
  for (let seed = 0; seed < draws; seed++) {
    const found = amplification(factors, weight, { seed });
    squares += found.inRandom ** 2 / draws;
    expected = found.expectedRandom;
  }
  // Squares spread by about their mean at the most: five standard errors.
  assertAlmostEquals(squares / expected ** 2, 1, 5 / Math.sqrt(draws));
});

Deno.test("the factor grows with the scaling; the directions do not know it", () => {
  const random = new Random(2), weight = gaussian(9, 8, random);
  const factors = {
    A: toTensor(gaussian(2, 8, random)),
    B: toTensor(gaussian(9, 2, random)),
    scaling: 0.5,
  };
  const one = amplification(factors, weight, { seed: 3 });
  const four = amplification({ ...factors, scaling: 2 }, weight, { seed: 3 });
  assertAlmostEquals(four.factor / one.factor, 4, 1e-12);
  assertAlmostEquals(four.inDelta, one.inDelta, 1e-12);
  assertEquals(amplification(factors, weight, { seed: 3 }), one);
  assert(amplification(factors, weight, { seed: 4 }).inRandom !== one.inRandom);
  assertEquals(amplification(factors, weight, { seed: 3, rank: 1 }).rank, 1);
});

Deno.test("an update of fewer directions than its rank is judged by those that it has", () => {
  const random = new Random(7), weight = gaussian(9, 8, random);
  const B = gaussian(9, 2, random);
  const A = gaussian(2, 8, random), twice = { ...A, data: A.data.slice() };
  twice.data.set(A.data.subarray(0, 8), 8); // rank 1
  const factors = { A: toTensor(twice), B: toTensor(B), scaling: 1 };
  const found = amplification(factors, weight, { seed: 1 });
  const summed = Float64Array.from({ length: 9 }, (_, i) => B.data[2 * i] + B.data[2 * i + 1]);
  const one = {
    A: { shape: [1, 8], data: A.data.slice(0, 8) },
    B: { shape: [9, 1], data: summed },
    scaling: 1,
  };
  assertEquals(found.rank, 1);
  assertAlmostEquals(found.factor / amplification(one, weight, { seed: 1 }).factor, 1, 1e-12);
});

Deno.test("F32 weights give what their float64 copies give", () => {
  const random = new Random(5), data = new Float32Array(gaussian(9, 8, random).data);
  const factors = {
    A: toTensor(gaussian(2, 8, random)),
    B: toTensor(gaussian(9, 2, random)),
    scaling: 1,
  };
  const [one, other] = [data, new Float64Array(data)].map((values) =>
    amplification(factors, { shape: [9, 8], data: values }, { seed: 1 })
  );
  assertEquals(one, other);
});

Deno.test("a weight is decomposed once for all updates, and again where its values have changed", () => {
  const random = new Random(6), weight = gaussian(9, 8, random);
  const first = leadingValues(weight, 2, 1);
  assertStrictEquals(leadingValues(weight, 8, 2), first);
  assert(leadingValues({ ...weight }, 2, 1) !== first); // another object may be given other values
  weight.data.reverse(); // of the same norm
  assert(leadingValues(weight, 2, 1)[0] !== first[0]);
  // Of a large one, values from random projections are kept by what they were drawn for.
  const large = gaussian(1025, 1026, random),
    of = [2, 2, 3, 2].map((rank, i) => leadingValues(large, rank, i < 3 ? 1 : 2));
  assertStrictEquals(of[1], of[0]);
  assertEquals(new Set(of).size, 3);
});

Deno.test("the factor is beside that of random directions: 16 times less in the paper, alike by chance", () => {
  // Table 7 at r = 4: ‖ΔW‖ is 6.91, ‖UᵀWV‖ 0.32, of random directions 0.02.
  assertAlmostEquals(expectedRandomNorm(4, 12288, 12288, 61.95) / 0.32, 1 / 16, 0.001);
  const random = new Random(8),
    draw = (rows: number, columns: number) => toTensor(gaussian(rows, columns, random));
  const ratios = Array.from({ length: 50 }, () => {
    const found = amplification(
      { A: draw(4, 40), B: draw(30, 4), scaling: 3 },
      draw(30, 40),
      { seed: 1 },
    );
    assertAlmostEquals(found.timesRandom, found.factor / found.randomFactor, 1e-12);
    assertAlmostEquals(found.randomFactor, found.deltaNorm / found.expectedRandom, 1e-12);
    return found.timesRandom;
  });
  // 16 squares of a normal variable: each ratio spreads by a sixth.
  assertAlmostEquals(median(ratios), 1, 0.15);
});
