/** The intrinsic dimension: d90 of curves that are known, and the rules on the paper's numbers, beside them and on chance. */

import { assertAlmostEquals, assertEquals } from "@std/assert";
import {
  type ArmRow,
  dimensionClaims,
  markOf,
  neededDimension,
} from "../../experiments/intrinsic_dimension/intrinsic_dimension.ts";
import { arms, armSeed, ranks, widths } from "../../experiments/intrinsic_dimension/runs.ts";

const [size, width, values, fewer, adaptedValues] = dimensionClaims;

/** Accuracies that rise by 10 points from half of a d90 to twice it, straight in ln d, with the mark 90 there. */
const accuracyAt = (d: number, d90: number): number => 90 + 5 * Math.log2(d / d90);

/** Rows of every arm with these d90, by the width and of the base; LoRA has the given accuracy. */
const rowsOf = (d90: Readonly<Record<number, number>>, lora: number, base = 50): ArmRow[] =>
  [1, 2, 3].flatMap((seed) =>
    arms.map((arm) => {
      const ofLine = {
        full: 100,
        subspace: accuracyAt(arm.size, arm.base ? base : d90[arm.width]),
        lora,
      };
      const accuracy = ofLine[arm.line], trained = arm.line === "lora" ? 1594 * arm.size : arm.size;
      return { ...arm, seed, learningRate: 0.1, trained, accuracy };
    })
  );

const even = (d90: number) => Object.fromEntries(widths.map((one) => [one, d90]));

Deno.test("d90 is where a curve reaches 90% of its baseline, between dimensions", () => {
  const rows = rowsOf({ 100: 600, 200: 750, 400: 300 }, 0);
  for (const [one, d90] of [[100, 600], [200, 750], [400, 300]]) {
    assertEquals(markOf(rows, { width: one }), 90);
    const need = neededDimension(rows, { width: one });
    for (const found of [need.d90, ...need.interval]) assertAlmostEquals(found, d90, 1e-6);
  }
});

Deno.test("d90 beyond the grid is its lower end, or infinite", () => {
  assertAlmostEquals(neededDimension(rowsOf(even(64), 0), { width: 200 }).d90, 128, 1e-9);
  assertEquals(neededDimension(rowsOf(even(1500), 0), { width: 200 }).d90, Infinity);
});

Deno.test("the rules pass the paper's own numbers, and fail beside them and by chance", () => {
  assertEquals([601, 750, 899].map((d90) => size.holds(rowsOf(even(d90), 0))), [true, true, true]);
  assertEquals([599, 901, 1500].map((d90) => size.holds(rowsOf(even(d90), 0))), [
    false,
    false,
    false,
  ]);
  assertEquals(width.holds(rowsOf({ 100: 600, 200: 700, 400: 1.32 * 600 }, 0)), true);
  assertEquals(width.holds(rowsOf({ 100: 600, 200: 700, 400: 1.34 * 600 }, 0)), false);
  assertEquals(width.holds(rowsOf({ 100: 600, 200: 700, 400: 1500 }, 0)), false);
  const at = accuracyAt(1024, 750);
  assertEquals([at - 0.1, at].map((lora) => values.holds(rowsOf(even(750), lora))), [true, false]);
  const ofBase = accuracyAt(1024, 50);
  assertEquals(
    [ofBase - 0.1, ofBase].map((lora) => adaptedValues.holds(rowsOf(even(750), lora))),
    [true, false],
  );
  assertEquals([749, 751].map((base) => fewer.holds(rowsOf(even(750), 0, base))), [true, false]);
  const chance = rowsOf(even(750), 10).map((row) => ({ ...row, accuracy: 10 }));
  assertEquals([values, adaptedValues].map(({ holds }) => holds(chance)), [false, false]);
  const untrained = chance.map((row) => row.line === "full" ? { ...row, accuracy: 96 } : row);
  assertEquals([size, width, fewer].map(({ holds }) => holds(untrained)), [false, false, false]);
});

Deno.test("no two arms or repeats have a seed in common", () => {
  const seeds = [0, 1, 2, 3].flatMap((repeat) => arms.map((arm) => armSeed(arm, repeat)));
  assertEquals(new Set(seeds).size, seeds.length);
  const lora = arms.filter(({ line }) => line === "lora").map(({ size }) => size);
  assertEquals(lora, [...ranks, ...ranks]);
});
