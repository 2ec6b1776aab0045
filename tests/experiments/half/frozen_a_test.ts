/** The share that a random A leaves: the formula in cases that are known, and the rules on rows that just keep and just break them. */

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { frozenA, predictedShare, ridgeOf } from "../../../experiments/half/frozen_a.ts";
import { Random } from "../../../src/core/random.ts";
import { gaussian } from "../../../src/linalg/mod.ts";

const ones = (count: number, of: number) => Array.from({ length: of }, (_, i) => Number(i < count));

Deno.test("the effective ridge of white inputs is d / r − 1, and none where the rank is enough", () => {
  assertAlmostEquals(ridgeOf(ones(64, 64), 16), 3, 1e-9);
  assertEquals(ridgeOf(ones(8, 64), 8), 0);
  assertAlmostEquals(ridgeOf(ones(8, 64), 4), 1, 1e-9);
});

Deno.test("white inputs leave 1 − r / d of any shift, and 8 dimensions 1 − r / 8", () => {
  const C = gaussian(3, 64, new Random(1));
  for (const rank of [1, 4, 32, 63]) {
    assertAlmostEquals(predictedShare(C, ones(64, 64), rank), 1 - rank / 64, 1e-9);
  }
  const columns = C.data.map((value, at) => at % 64 < 8 ? value : 0);
  const few = { ...C, data: columns };
  assertAlmostEquals(predictedShare(few, ones(8, 64), 6), 1 - 6 / 8, 1e-9);
  assertEquals(predictedShare(few, ones(8, 64), 8), 0);
});

Deno.test("of two inputs at rank 1 the formula is the integral over A", () => {
  // E[λ₁ z₁² / (λ₁ z₁² + λ₂ z₂²)] of normal z is √λ₁ / (√λ₁ + √λ₂).
  const C = { rows: 1, columns: 2, data: Float64Array.of(3, 0) };
  assertAlmostEquals(predictedShare(C, [9, 1], 1), 1 - 3 / (3 + 1), 1e-9);
});

/** A row of each table that the rules read; what matters is changed. */
const student = (more: object) => ({
  ...{ spectrum: "flat, 4 equal", inputs: "white", seed: 1, rank: 4, freezeA: true },
  ...{ init: "kaiming", trained: 256, loss: 0.9, best: 0.9, excess: 0, ...more },
});
const drawn = (more: object) => ({
  ...{ spectrum: "flat, 4 equal", inputs: "white", outputs: 64, rank: 4, trained: 256 },
  ...{ left: 0.9375, error: 0.01, most: 1, formula: 0.9375, aAlone: 0.94, wrong: 0.4, ...more },
});

const good = {
  students: [
    student({}),
    student({ rank: 8, loss: 0.501 }),
    student({ freezeA: false, loss: 0.05 }),
    student({ rank: 61, init: "orthonormal" }),
  ],
  drawn: [
    drawn({}),
    drawn({ inputs: "8 dimensions", rank: 8, left: 0, formula: 0, most: 1e-9 }),
    drawn({ inputs: "correlated", left: 0.8, formula: 0.8 }),
    drawn({ inputs: "correlated", outputs: 2, left: 0.8, formula: 0.8, aAlone: 0 }),
  ],
};

/** The first row of a kind with a change. */
function withChange(kind: "students" | "drawn", at: number, change: object) {
  const rows: object[] = [...good[kind]];
  rows[at] = { ...rows[at], ...change };
  return { ...good, [kind]: rows };
}

const breaking = [
  withChange("students", 0, { excess: 0.0011 }),
  withChange("students", 3, { excess: 0.0011 }),
  withChange("drawn", 0, { left: 0.978, formula: 0.978 }),
  withChange("drawn", 2, { formula: 0.779 }),
  withChange("students", 1, { loss: 0.499 }),
  withChange("drawn", 1, { most: 2e-9 }),
  withChange("drawn", 3, { aAlone: 0.81 }),
];

Deno.test("each rule holds on rows that keep it, and breaks on rows that just do not", () => {
  assertEquals(frozenA.claims.length, breaking.length);
  frozenA.claims.forEach(({ text, holds }, i) => {
    assertEquals([text, holds(good), holds(breaking[i])], [text, true, false]);
  });
  const behind = withChange("students", 2, { loss: 0.051 });
  assertEquals(frozenA.claims[4].holds(behind), false);
});
