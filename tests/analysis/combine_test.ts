/** Sums of updates, their certificates, and what PEFT offers in their place, on any updates. */

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import {
  type CombinationMethod,
  combinationMethods,
  combineUpdates,
  type LowRankFactors,
  ShapeError,
  sumError,
  toTensor,
  truncateUpdate,
  truncationError,
  type WeightedUpdate,
} from "../../src/analysis/mod.ts";
import { toDense } from "../../src/analysis/input.ts";
import { Random } from "../../src/core/random.ts";
import { gaussian } from "../../src/linalg/gaussian.ts";
import {
  type DenseMatrix,
  difference,
  frobeniusNorm,
  multiply,
  scaledBy,
  singularValues,
} from "../../src/linalg/mod.ts";
import "../support/open_lapack.ts";

/** Several updates of one shape, of ranks, scalings and weights of their own. */
const anySum: fc.Arbitrary<WeightedUpdate[]> = fc.record({
  out: fc.integer({ min: 1, max: 16 }),
  inner: fc.integer({ min: 1, max: 16 }),
  parts: fc.array(
    fc.record({
      wish: fc.integer({ min: 1, max: 6 }),
      scaling: fc.double({ min: 0.01, max: 10, noNaN: true }),
      weight: fc.integer({ min: -8, max: 8 }).map((quarters) => quarters / 4),
    }),
    { minLength: 1, maxLength: 4 },
  ),
  seed: fc.nat(),
}).map(({ out, inner, parts, seed }) => {
  const random = new Random(seed);
  return parts.map(({ wish, scaling, weight }) => {
    const rank = Math.min(wish, Math.max(out, inner));
    const [A, B] = [gaussian(rank, inner, random), gaussian(out, rank, random)].map(inFloats);
    return { update: { A, B, scaling }, weight };
  });
});

function inFloats(matrix: DenseMatrix) {
  const { shape, data } = toTensor(matrix);
  return { shape, data: Float32Array.from(data) };
}

const denseOf = ({ A, B, scaling }: LowRankFactors): DenseMatrix =>
  scaledBy(multiply(toDense(B, "B"), toDense(A, "A")), scaling);

function denseSum(terms: readonly WeightedUpdate[]): DenseMatrix {
  const parts = terms.map(({ update, weight }) => scaledBy(denseOf(update), weight));
  return parts.reduce((sum, part) => ({ ...sum, data: sum.data.map((v, i) => v + part.data[i]) }));
}

/** Σ |wᵢ| ‖ΔWᵢ‖: what errors of rounding are relative to where updates cancel. */
const sizeOf = (terms: readonly WeightedUpdate[]): number =>
  terms.reduce((sum, { update, weight }) => {
    return sum + Math.abs(weight) * frobeniusNorm(denseOf(update));
  }, 0);

const distance = (one: DenseMatrix, other: DenseMatrix) => frobeniusNorm(difference(one, other));

/** A rounding to F32 of each of two factors, with room for the norms of balanced factors. */
const rounding = 4 * 2 ** -24;

Deno.test("the exact sum is linear, whatever the ranks, scalings and weights", () => {
  fc.assert(fc.property(anySum, (one) => {
    const delta = denseOf(combineUpdates(one));
    assert(distance(delta, denseSum(one)) <= rounding * sizeOf(one));
    const doubled = one.map(({ update, weight }) => ({ update, weight: 2 * weight }));
    assert(
      distance(denseOf(combineUpdates(doubled)), scaledBy(delta, 2)) <= rounding * sizeOf(doubled),
    );
    const again = one.map(({ update }, i) => ({ update, weight: i + 1 }));
    const both = denseOf(combineUpdates([...one, ...again]));
    const parts = denseOf(combineUpdates(again)), all = sizeOf([...one, ...again]);
    const sum = { ...delta, data: delta.data.map((value, i) => value + parts.data[i]) };
    assert(distance(both, sum) <= 2 * rounding * all);
  }));
});

Deno.test("the order of the adapters does not matter, but for DARE's draws", () => {
  const rankOf = (method: CombinationMethod) => method === "exact" ? undefined : 2;
  fc.assert(
    fc.property(anySum, (terms) => {
      const turned = terms.toReversed(), [{ update }] = terms;
      const alike = terms.map(({ weight }, i) => {
        const random = new Random(i + 1), [rank, inner] = update.A.shape, [out] = update.B.shape;
        const [A, B] = [gaussian(rank, inner, random), gaussian(out, rank, random)].map(inFloats);
        return { update: { A, B, scaling: update.scaling }, weight };
      });
      const [one, other] = [terms, turned].map((each) => denseOf(combineUpdates(each)));
      assert(distance(one, other) <= 2 * rounding * sizeOf(terms));
      for (const method of combinationMethods.filter((name) => !name.startsWith("dare"))) {
        const density = /ties|prune/.test(method) ? 0.5 : undefined;
        const rank = method.endsWith("svd") ? rankOf(method) : undefined;
        const [one, other] = [alike, alike.toReversed()].map((each) =>
          combineUpdates(each, { method, density, rank })
        );
        if (method.endsWith("svd")) {
          // A best approximation is not unique where values are equal; its error is.
          const [a, b] = [one, other].map((each) => sumError(alike, each));
          assertAlmostEquals(a.frobenius, b.frobenius, 1e-5 * (1 + sizeOf(alike)));
        } else assert(distance(denseOf(one), denseOf(other)) <= 1e-5 * (1 + sizeOf(alike)), method);
      }
    }),
    { numRuns: 40 },
  );
});

Deno.test("one adapter of weight 1 is itself: A to the bit, and B times its scaling", () => {
  fc.assert(fc.property(anySum, ([{ update }]) => {
    const { A, B, scaling } = combineUpdates([{ update, weight: 1 }]);
    const side = Math.min(A.shape[1], B.shape[0]);
    if (update.A.shape[0] <= side) {
      assertEquals(A.data, update.A.data);
      assertEquals(B.data, Float32Array.from(update.B.data, (value) => value * update.scaling));
    }
    assertEquals(scaling, 1);
    const size = frobeniusNorm(denseOf(update));
    assert(distance(denseOf({ A, B, scaling }), denseOf(update)) <= rounding * size);
  }));
});

Deno.test("at a rank, the error is the tail of the dense sum's values, and no other rank-k update has less", () => {
  fc.assert(fc.property(anySum, fc.integer({ min: 1, max: 6 }), (terms, rank) => {
    const sum = denseSum(terms), norm = frobeniusNorm(sum), values = singularValues(sum);
    const best = combineUpdates(terms, { rank }), own = sumError(terms, best);
    const tail = truncationError(values, best.A.shape[0]).frobenius;
    assert(best.A.shape[0] <= Math.min(rank, values.length));
    assertAlmostEquals(own.frobenius, tail, 1e-6 * sizeOf(terms));
    assertAlmostEquals(own.least * own.norm, tail, 1e-10 * sizeOf(terms));
    assertAlmostEquals(own.norm, norm, 1e-10 * sizeOf(terms));
    // Other candidates of that rank: each single update cut to it, and the mean of the factors.
    for (const { update, weight } of terms) {
      const { A, B, scaling } = truncateUpdate(update, rank);
      const other = sumError(terms, { A, B, scaling: scaling * (weight || 1) });
      assert(other.frobenius >= own.frobenius - 1e-6 * sizeOf(terms));
    }
  }));
});

Deno.test("the error is the measured one to 1e-6 of itself, whatever it is of", () => {
  const draws = new Random(1);
  fc.assert(
    fc.property(anySum, fc.constantFrom(...combinationMethods), (terms, method) => {
      const pruning = /ties|dare|prune/.test(method);
      const options = {
        method,
        density: pruning ? 0.5 : undefined,
        draw: method.startsWith("dare") ? () => draws.uniform() : undefined,
      };
      const ranks = new Set(terms.map(({ update: { A } }) => A.shape[0]));
      if (ranks.size > 1 && !["exact", "cat"].includes(method) && !method.endsWith("svd")) return;
      const combined = combineUpdates(terms, options),
        { frobenius, relative, norm } = sumError(terms, combined);
      const sum = denseSum(terms), measured = distance(sum, denseOf(combined));
      // The float64 of the dense check has its own rounding.
      const noise = 1e-13 * (sizeOf(terms) + frobeniusNorm(denseOf(combined)));
      assert(Math.abs(frobenius - measured) <= 1e-6 * measured + noise, `${frobenius} ${measured}`);
      if (norm > 1e-9 * sizeOf(terms)) {
        const expected = measured / frobeniusNorm(sum);
        assert(Math.abs(relative - expected) <= 1e-6 * expected + noise / norm);
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("updates that cancel leave nothing, and no error", () => {
  fc.assert(fc.property(anySum, (terms) => {
    const against = terms.map(({ update, weight }) => ({ update, weight: -weight }));
    const all = [...terms, ...against], zero = combineUpdates(all);
    const { norm, least } = sumError(all, zero);
    assertEquals([norm, least], [0, 0]);
    assert(frobeniusNorm(denseOf(zero)) <= rounding * sizeOf(all));
  }));
});

Deno.test("DARE keeps the expectation: the mean over draws comes near the exact sum", () => {
  const random = new Random(7), draws = new Random(8), count = 4000;
  const [A, B] = [gaussian(2, 6, random), gaussian(5, 2, random)].map(inFloats);
  const terms = [{ update: { A, B, scaling: 1 }, weight: 1 }], exact = denseSum(terms);
  const mean = new Float64Array(exact.data.length), options = { density: 0.5, rank: 5 };
  for (let i = 0; i < count; i++) {
    const draw = () => draws.uniform();
    const { data } = denseOf(
      combineUpdates(terms, { ...options, method: "dare_linear_svd", draw }),
    );
    data.forEach((value, at) => mean[at] += value / count);
  }
  // A value v is 0 or 2 v with equal chance: its mean over n draws has the deviation |v| / √n.
  exact.data.forEach((value, i) => {
    assert(Math.abs(mean[i] - value) <= 5 * Math.abs(value) / Math.sqrt(count) + 1e-6);
  });
});

Deno.test("what is asked for must make sense", () => {
  const tensor = (...shape: number[]) => ({
    shape,
    data: new Float32Array(shape[0] * shape[1]).fill(1),
  });
  const update = (rank: number, out: number, inner: number) => ({
    ...{ module: "q", A: tensor(rank, inner), B: tensor(out, rank), scaling: 1 },
  });
  const one = { update: update(1, 3, 4), weight: 1 }, two = { update: update(2, 3, 4), weight: 1 };
  assertThrows(() => combineUpdates([]), RangeError, "a sum needs at least one update, found none");
  assertThrows(
    () => combineUpdates([one, { update: update(1, 4, 3), weight: 1 }]),
    ShapeError,
    "the sum of q needs updates of one shape, found [3, 4] and [4, 3]",
  );
  assertThrows(
    () => combineUpdates([one, two], { method: "linear" }),
    ShapeError,
    "combining by linear needs updates of one rank in the sum of q, found A of [1, 4] and [2, 4]: exact takes any, and so do svd and the methods that end with _svd",
  );
  assertThrows(
    () => combineUpdates([{ ...one, weight: NaN }]),
    RangeError,
    "the weight of the update of q must be finite, found NaN",
  );
  for (
    const [options, message] of [
      [{ rank: 0 }, "combining by exact needs a rank of at least 1, found 0"],
      [{ method: "linear", rank: 1 }, "needs no rank, as its own is that of the updates, found 1"],
      [
        { method: "ties" },
        "combining by ties needs a density above 0 and at most 1, found none: pass density",
      ],
      [{ method: "ties_svd", density: 0 }, "needs a density above 0 and at most 1, found 0"],
      [{ density: 0.5 }, "combining by exact needs no density, as it prunes nothing, found 0.5"],
      [
        { method: "svd", sign: "total" },
        "combining by svd needs no way to elect signs, found total",
      ],
      [
        { method: "dare_ties", density: 0.5 },
        "combining by dare_ties needs random numbers, draw, found none",
      ],
    ] as const
  ) assertThrows(() => combineUpdates([one, two], options), RangeError, message);
});
