/** The rules of decision 0027 on rows that just keep and just break them. */

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { budgetClaims, enoughRank } from "../../../experiments/methods/budget/claims.ts";
import { claimsOn, type MethodsClaim } from "../../../experiments/methods/claims.ts";
import { MethodComparison, type MethodRow } from "../../../experiments/methods/comparison.ts";
import { glossClaims } from "../../../experiments/methods/glosses/claims.ts";
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

/** What the rules say of rows, in the order of the claims. */
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

/** LoRA at 3 nats and its baselines of table 3, of which so many are worse by so much. */
function table3(worse: number, by: number, trained = 1000): MethodRow[] {
  const keys = ["full", "top-layers", "adapter-h", "adapter-l", "prefix-layer"];
  const rows = keys.flatMap((key, i) => runs(key, i < worse ? 3 + by : 3, { trained }));
  return [...runs("lora-qv", 3), ...rows];
}

Deno.test("table 3: three of five baselines, by more than the noise, with 0.9 times the values", () => {
  const [claim] = glossClaims, holds = (rows: MethodRow[]) => verdicts([claim], rows, "lowest");
  assertEquals(holds(table3(3, noise + 1e-9)), [true]);
  assertEquals(holds(table3(3, noise - 1e-9)), [false]);
  assertEquals(holds(table3(2, 1)), [false]);
  assertEquals(holds(table3(5, 1, 900)), [true]);
  assertEquals(holds(table3(5, 1, 899)), [false]);
  assertEquals(holds(table3(5, 1).filter(({ key }) => key !== "adapter-l")), []); // Left out.
});

Deno.test("figure 2: a smaller size that is better, by more than the noise", () => {
  const [, monotone] = glossClaims;
  const rows = (small: number) => [
    ...runs("prefix-embedding", 3, { trained: 20 }),
    ...runs("prefix-embedding", 3, { size: "s", trained: 10, compared: 0 }),
    ...runs("prefix-layer", 3, { trained: 20 }),
    ...runs("prefix-layer", small, { size: "s", trained: 10, compared: 0 }),
  ];
  assertEquals(verdicts([monotone], rows(3 - noise - 1e-9), "lowest"), [true]);
  assertEquals(verdicts([monotone], rows(3 - noise + 1e-9), "lowest"), [false]);
  assertEquals(verdicts([monotone], rows(4), "lowest"), [false]);
});

Deno.test("figure 2: LoRA falls with its size, and its best is better than three others'", () => {
  const [, , scales] = glossClaims;
  const rows = (large: number, other: number, adapters = other) => [
    ...runs("lora-qv", 3, { trained: 10 }),
    ...runs("lora-qv", large, { size: "l", trained: 20, compared: 0 }),
    ...["prefix-embedding", "prefix-layer"].flatMap((key) => runs(key, other)),
    ...runs("adapter-h", adapters),
  ];
  assertEquals(verdicts([scales], rows(2.9, 2.9 + noise + 1e-9), "lowest"), [true]);
  assertEquals(verdicts([scales], rows(2.9, 2.9 + noise - 1e-9), "lowest"), [false]);
  assertEquals(verdicts([scales], rows(3 + noise + 1e-9, 9), "lowest"), [false]);
  assertEquals(verdicts([scales], rows(2.9, 9, 2.9 + 1e-9), "lowest"), [true]);
  assertEquals(verdicts([scales], rows(2.9, 9, 2.9 - 1e-9), "lowest"), [false]);
});

Deno.test("with as many values, none of three adapters is better than LoRA", () => {
  const [, , , adapters] = glossClaims;
  const rows = (mean: number) => [
    ...runs("lora-qv", 3),
    ...["adapter-h", "adapter-l"].flatMap((key) => runs(key, 3)),
    ...runs("adapter-p", mean),
  ];
  assertEquals(verdicts([adapters], rows(3 - noise + 1e-9), "lowest"), [true]);
  assertEquals(verdicts([adapters], rows(3 - noise - 1e-9), "lowest"), [false]);
});

/** Table 5's rows at 3 nats but for q,v and q alone. */
const placed = (both: number, alone: number) => [
  ...["k-8", "v-8", "o-8", "qk-4"].flatMap((key) => runs(key, 4)),
  ...runs("qkvo-2", 3),
  ...runs("qv-4", both),
  ...runs("q-8", alone),
];

Deno.test("table 5: both choices are better than q and than k, by more than the noise", () => {
  const [table5] = budgetClaims;
  assertEquals(verdicts([table5], placed(3, 3 + noise + 1e-9), "lowest"), [true]);
  assertEquals(verdicts([table5], placed(3, 3 + noise - 1e-9), "lowest"), [false]);
  assertEquals(verdicts([table5], placed(3.9999, 5), "lowest"), [false]); // Than k.
});

Deno.test("table 5: q,v is the best when nothing is better by more than the noise", () => {
  const [, best] = budgetClaims;
  assertEquals(verdicts([best], placed(3 + noise - 1e-9, 5), "lowest"), [true]);
  assertEquals(verdicts([best], placed(3 + noise + 1e-9, 5), "lowest"), [false]);
});

/** q and v at r = 1, 4, 16 and 64. */
const ranked = (...means: readonly number[]) =>
  [1, 4, 16, 64].flatMap((rank, i) =>
    runs(`qv-${rank}`, means[i], { size: `r = ${rank}`, trained: rank })
  );

Deno.test("tables 6 and 18: 3.6 percent, and the smallest rank that no other is better than", () => {
  const [, , table6, table18] = budgetClaims, both = [table6, table18];
  assertEquals(verdicts(both, ranked(3.1079, 3, 3, 3), "lowest"), [true, true]);
  assertEquals(verdicts(both, ranked(3.1081, 3, 3, 3), "lowest"), [false, true]);
  assertEquals(verdicts(both, ranked(3, 3, 3, 3), "lowest"), [true, false]); // r = 1 is enough.
  assertEquals(verdicts(both, ranked(4, 3.1, 3.05, 3), "lowest"), [false, false]); // r = 64.
  const compared = new MethodComparison(ranked(4, 3.1, 3.02, 3), "lowest");
  assertEquals(enoughRank(compared).size, "r = 16");
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
