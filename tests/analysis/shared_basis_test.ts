/** The number of directions that several updates need together. */

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import {
  energyRank,
  type LowRankFactors,
  sharedBasis,
  toTensor,
  updateSingularValues,
} from "../../src/analysis/mod.ts";
import { mean, standardDeviation } from "../../src/core/numbers.ts";
import { Random } from "../../src/core/random.ts";
import { gaussian, multiply, orthonormalRows, rowsOf, transposed } from "../../src/linalg/mod.ts";
import "../support/open_lapack.ts";

function updates(
  seed: number,
  out: number,
  inner: number,
  ranks: readonly number[],
): LowRankFactors[] {
  const random = new Random(seed);
  return ranks.map((rank) => ({
    A: toTensor(gaussian(rank, inner, random)),
    B: toTensor(gaussian(out, rank, random)),
    scaling: 0.5 + rank,
  }));
}

const anySet = fc.record({
  seed: fc.nat(),
  out: fc.integer({ min: 2, max: 24 }),
  inner: fc.integer({ min: 2, max: 24 }),
  ranks: fc.array(fc.integer({ min: 1, max: 2 }), { minLength: 2, maxLength: 5 }),
  energy: fc.double({ min: 0.3, max: 0.99, noNaN: true }),
});

const close = 1e-9;

Deno.test("together never needs more than alone, and no side more than it has", () => {
  fc.assert(fc.property(anySet, ({ seed, out, inner, ranks, energy }) => {
    const set = updates(seed, out, inner, ranks);
    const { alone, inputs, outputs } = sharedBasis(set, { seed, energy, draws: 3 });
    for (const [side, dimensions] of [[inputs, inner], [outputs, out]] as const) {
      assert(side.together >= 1 && side.together <= Math.min(alone, dimensions));
      assert(side.byChance <= Math.min(alone, dimensions));
      side.held.forEach((row, i) =>
        row.forEach((share, j) => {
          assert(share >= -close && share <= 1 + close);
          if (i === j) assert(share >= energy - close);
        })
      );
    }
  }));
});

Deno.test("the same update several times needs one basis, whatever their scalings are", () => {
  fc.assert(fc.property(anySet, ({ seed, out, inner, ranks, energy }) => {
    const [one] = updates(seed, out, inner, ranks);
    const set = ranks.map((_, i) => ({ ...one, scaling: 3 ** i }));
    const { inputs, outputs } = sharedBasis(set, { seed, energy: energy, draws: 1 });
    const own = energyRank(updateSingularValues(one), energy);
    assertEquals([inputs.together, outputs.together], [own, own]);
    for (const share of inputs.held.flat()) assertAlmostEquals(share, inputs.held[0][0], close);
  }));
});

Deno.test("perpendicular updates need as many directions as alone; one side may be shared alone", () => {
  const random = new Random(3), basis = orthonormalRows(9, 12, random);
  const A = [0, 3, 6].map((from) => rowsOf(basis, from, 3)), B = transposed(rowsOf(basis, 0, 3));
  // Equal singular values: three directions of each hold all of it, one third each.
  const set = A.map((rows) => ({ A: toTensor(rows), B: toTensor(B), scaling: 2 }));
  const { ranks, alone, inputs, outputs } = sharedBasis(set, { seed: 1, energy: 0.95 });
  assertEquals([ranks, alone, inputs.together, outputs.together], [[3, 3, 3], 9, 9, 3]);
  inputs.held.forEach((row, i) =>
    row.forEach((share, j) => assertAlmostEquals(share, i === j ? 1 : 0, 1e-12))
  );
  for (const share of outputs.held.flat()) assertAlmostEquals(share, 1, 1e-12);
});

Deno.test("random directions hold K / d of each other, which is what chance says", () => {
  const count = 40, [out, inner] = [30, 40], set = updates(11, out, inner, Array(count).fill(2));
  const { inputs, outputs, alone } = sharedBasis(set, { seed: 2, energy: 0.9, draws: 1 });
  for (const [side, d] of [[inputs, inner], [outputs, out]] as const) {
    const others = side.held.flatMap((row, i) => row.filter((_, j) => i !== j));
    // What K of d random directions hold of one is Beta(K / 2, (d - K) / 2); the two shares of a pair may be one.
    const deviation = Math.sqrt(2 * 2 * (d - 2) / (d ** 2 * (d + 2)));
    const allowed = 5 * deviation * Math.sqrt(2 / others.length);
    assertAlmostEquals(mean(others), mean(side.heldByChance), allowed);
    assert(side.together < alone);
  }
});

Deno.test("what Gaussian updates need together is what chance says", () => {
  const excess = Array.from({ length: 30 }, (_, seed) => {
    const set = updates(100 + seed, 12, 16, [3, 2, 2, 3]);
    const { inputs, outputs } = sharedBasis(set, { seed, energy: 0.9, draws: 8 });
    return [inputs, outputs].map(({ together, byChance }) => together - byChance);
  });
  for (const side of [0, 1]) {
    const values = excess.map((both) => both[side]);
    const allowed = 4 * standardDeviation(values) / Math.sqrt(values.length);
    assert(Math.abs(mean(values)) <= allowed, `${mean(values)}, allowed ${allowed}`);
  }
});

Deno.test("the leading directions are those of the weighted projections", () => {
  const [one, other] = updates(5, 6, 7, [2, 2]);
  const { inputs } = sharedBasis([one, other], { seed: 1, energy: 1 });
  // With all directions, the share held is ‖ΔW P‖² / ‖ΔW‖² for the projection P on the other's row space.
  const dense = ({ A, B }: LowRankFactors) =>
    multiply(
      { rows: 6, columns: 2, data: Float64Array.from(B.data) },
      { rows: 2, columns: 7, data: Float64Array.from(A.data) },
    );
  const delta = dense(one), rows = { rows: 2, columns: 7, data: Float64Array.from(other.A.data) };
  const [a, b] = [rowsOf(rows, 0, 1).data, rowsOf(rows, 1, 1).data];
  const dot = (x: Float64Array, y: Float64Array) =>
    x.reduce((sum, value, i) => sum + value * y[i], 0);
  const unit = (x: Float64Array) => x.map((value) => value / Math.sqrt(dot(x, x)));
  const p = unit(a), along = dot(b, p), q = unit(b.map((value, i) => value - along * p[i]));
  let held = 0;
  for (let i = 0; i < 6; i++) {
    const row = rowsOf(delta, i, 1).data;
    held += dot(row, p) ** 2 + dot(row, q) ** 2;
  }
  assertAlmostEquals(inputs.held[0][1], held / dot(delta.data, delta.data), 1e-6);
});

Deno.test("an update that is zero has no directions", () => {
  const [one] = updates(1, 3, 4, [1]),
    zero = { ...one, module: "q", B: { shape: [3, 1], data: new Float32Array(3) } };
  assertThrows(
    () => sharedBasis([one, zero], { seed: 1 }),
    RangeError,
    "the update of q must not be zero: it has no directions then",
  );
  assertThrows(
    () => sharedBasis([one, one], { seed: 1, energy: 0 }),
    RangeError,
    "in (0, 1], found 0",
  );
});
