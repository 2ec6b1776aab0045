/** Methods side by side: the noise of their differences. */

import { assertAlmostEquals, assertEquals } from "@std/assert";
import {
  MethodComparison,
  type MethodRow,
  noiseNote,
} from "../../../experiments/methods/comparison.ts";

/** Two seeds of a method at a size, ±0.01 about a mean: a noise floor of 2 · √0.0002 = 0.0283. */
function runs(
  key: string,
  mean: number,
  { size = "", compared = 1, spread = 0.01 } = {},
): MethodRow[] {
  const row = { key, label: key, family: "LoRA", size, trained: 1000, compared } as const;
  return [-spread, spread].map((off, seed) => ({
    ...{ ...row, seed, learningRate: 1, value: mean + off },
  }));
}

Deno.test("the noise is pooled over the cells that are compared, and a single seed has none", () => {
  const rows = [
    ...runs("a", 1),
    ...runs("b", 2),
    ...runs("a", 1, { size: "s", compared: 0, spread: 9 }),
  ];
  const { noise, freedom } = new MethodComparison(rows, "lowest");
  assertAlmostEquals(noise, 2 * Math.sqrt(2e-4), 1e-12);
  assertEquals(freedom, 2);
  const [one, other] = [rows[0], rows[2]].map((row, i) => ({ ...row, value: i }));
  const single = new MethodComparison([one, other], "lowest");
  assertEquals(single.noise, NaN);
  assertEquals(noiseNote(single, "nats"), "One seed has no noise floor.");
  assertEquals(single.isBetter(single.cell("a"), single.cell("b")), true);
});

Deno.test("where the noise is not the same for all it is given, and nothing is pooled", () => {
  const rows = [...runs("a", 1), ...runs("b", 2)], given = () => 3;
  const compared = new MethodComparison(rows, "lowest", undefined, given);
  assertEquals(compared.noiseBetween(compared.cell("a"), compared.cell("b")), 3);
  assertEquals(compared.freedom, undefined);
});
