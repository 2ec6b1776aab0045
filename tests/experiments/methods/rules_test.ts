/** The rules of decision 0027 on rows that just keep and just break them. */

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { claimsOn, type MethodsClaim } from "../../../experiments/methods/claims.ts";
import { MethodComparison, type MethodRow } from "../../../experiments/methods/comparison.ts";
import {
  amounts,
  kindsClaims,
  lowDataClaims,
  sizeOf,
} from "../../../experiments/methods/kinds/claims.ts";
import type { Judgment } from "../../../src/paper/claim.ts";

/** Two seeds of a method at a size, ±0.01 about a mean: a noise floor of 2 · √0.0002 = 0.0283. */
function runs(
  key: string,
  mean: number,
  { size = "", trained = 1000, compared = 1, spread = 0.01 } = {},
): MethodRow[] {
  const row = { key, label: key, family: "LoRA", size, trained, compared } as const;
  return [-spread, spread].map((off, seed) => ({
    ...{ ...row, seed, learningRate: 1, value: mean + off },
  }));
}

const noise = 2 * Math.sqrt(2e-4);

/** Verdicts of the rules on rows, in the order of the claims. */
const verdicts = <More extends object>(
  claims: readonly MethodsClaim<MethodComparison & More>[],
  rows: readonly MethodRow[],
  best: "lowest" | "highest",
  more = {} as More,
): Judgment[] => {
  const compared = Object.assign(new MethodComparison(rows, best), more);
  return claimsOn(compared, claims).map((claim) => claim.holds(undefined));
};

Deno.test("the noise is pooled over the cells that are compared, and a single seed has none", () => {
  const rows = [
    ...runs("a", 1),
    ...runs("b", 2),
    ...runs("a", 1, { size: "s", compared: 0, spread: 9 }),
  ];
  assertAlmostEquals(new MethodComparison(rows, "lowest").noise, noise, 1e-12);
  const [one, other] = [rows[0], rows[2]].map((row, i) => ({ ...row, value: i }));
  const single = new MethodComparison([one, other], "lowest");
  assertEquals(single.noise, NaN);
  assertEquals(single.isBetter(single.cell("a"), single.cell("b")), true);
});

Deno.test("table 2: LoRA is better than BitFit and adapters D, and above the most frequent kind", () => {
  const rows = (lora: number) => [
    ...runs("lora-qv", lora),
    ...runs("bitfit", 40),
    ...runs("adapter-d", 30),
  ];
  const holds = (lora: number, frequent: number) =>
    verdicts(kindsClaims, rows(lora), "highest", { chance: { frequent, texts: 1000 } });
  assertEquals(holds(40 + noise + 1e-9, 14), [true]);
  assertEquals(holds(40 + noise - 1e-9, 14), [false]);
  assertEquals(holds(41, 37), [false]); // Two standard errors are 4.4 points.
});

/** Accuracies of full fine-tuning, LoRA and the two prefixes at 100, 1,000 and 10,000 entries. */
const lowData = (all: readonly (readonly [full: number, lora: number, prefix: number])[]) =>
  all.flatMap(([full, lora, prefix], at) => {
    const more = { size: sizeOf(amounts[at]), compared: 0 };
    return [
      ...runs("full", full, more),
      ...runs("lora-qv", lora, more),
      ...["prefix-embedding", "prefix-layer"].flatMap((key) => runs(key, prefix, more)),
    ];
  });

Deno.test("table 16: prefixes behind at 100, a gap that narrows, and LoRA ahead at 100", () => {
  const holds = (...all: Parameters<typeof lowData>[0]) => {
    const compared = new MethodComparison(lowData(all), "highest", () => true);
    return claimsOn(compared, lowDataClaims.slice(0, 3)).map((claim) => claim.holds(undefined));
  };
  assertEquals(holds([20, 21, 19], [40, 40, 39], [60, 60, 60]), [true, true, true]);
  assertEquals(holds([20, 21, 20], [40, 40, 39], [60, 60, 60]), [false, true, true]);
  assertEquals(holds([20, 21, 19], [40, 40, 39], [60, 60, 58.52]), [true, false, true]);
  assertEquals(holds([20, 20, 19], [40, 40, 39], [60, 60, 60]), [true, true, false]);
  assertEquals(holds([20, 21, 19], [40, 38.9, 39], [60, 58.9, 59]), [true, true, true]);
  assertEquals(holds([20, 21, 19], [40, 38.8, 39], [60, 60, 60]), [true, true, false]);
});

Deno.test("table 16: prefix-layer is better than prefix-embedding, by more than the noise", () => {
  const holds = (layer: number) => {
    const size = { size: sizeOf(amounts[0]) };
    const rows = [...runs("prefix-embedding", 30, size), ...runs("prefix-layer", layer, size)];
    return verdicts(lowDataClaims.slice(3), rows, "highest");
  };
  assertEquals(holds(30 + noise + 1e-9), [true]);
  assertEquals(holds(30 + noise - 1e-9), [false]);
});
