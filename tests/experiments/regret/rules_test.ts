/** The rules of decision 0025, on rows that just keep and just break them. */

import { assertAlmostEquals, assertEquals } from "@std/assert";
import {
  aboveFull,
  leavesAt,
  noiseOf,
  rateRatios,
  regretClaims,
  type RegretRow,
  type RegretRows,
} from "../../../experiments/regret/claims.ts";
import {
  bestExponents,
  everywhere,
  factCounts,
  firstGrid,
  growGrid,
  lowestPlace,
  rateAt,
  type Setting,
  settings,
} from "../../../experiments/regret/runs.ts";
import { stepClaims, type StepCost } from "../../../experiments/regret/step_cost.ts";
import { ratioOf } from "../../../experiments/frame/mod.ts";
import { notQuiet, tooNear } from "../../../src/paper/claim.ts";
import { turnTimes } from "../turn_times.ts";

const [few, many] = factCounts;

/** Two seeds around each mean, `spread` apart; methods that are not named have a mean of 3. */
function cellRows(
  part: Setting["part"],
  size: number,
  step: number,
  means: Readonly<Record<string, number>>,
  spread: number,
): RegretRow[] {
  const own = settings.filter((one) => one.part === part && one.size === size);
  return own.flatMap(({ method: { key, label, rank } }) =>
    [1, -1].map((side, i): RegretRow => {
      const loss = (means[key] ?? 3) + side * spread / 2;
      const row = { part, key, label, rank, size, step, loss };
      return { ...row, seed: i + 1, learningRate: 1, trained: 1 };
    })
  );
}

/** Rows with ratios of the rates, and of each part the means that are not 3; the floor of all is 0.1. */
function rowsOf(
  { ratios = [10, 10, 10, 10], pairs = {}, large = {}, facts = {} }: {
    ratios?: readonly number[];
    pairs?: Record<string, number>;
    large?: Record<string, number>;
    facts?: Readonly<Record<number, readonly Record<string, number>[]>>;
  },
): RegretRows {
  const spread = 0.1 / Math.SQRT2; // s = spread/√2, and the floor of two seeds is 2 s.
  const curves = [few, many].flatMap((count) =>
    [10, 20, 40].flatMap((step, i) =>
      cellRows("facts", count, step, facts[count]?.[i] ?? {}, spread)
    )
  );
  const exponents = [0, ...ratios.map(Math.log10)];
  return {
    runs: [
      ...cellRows("pairs", 8, 120, pairs, spread),
      ...cellRows("batch", 64, 15, large, spread),
      ...curves,
    ],
    rates: everywhere.map(({ key, rank }, i) => {
      return { key, rank, exponents: [exponents[i], exponents[i]] };
    }),
  };
}

const holds = (rows: RegretRows) => regretClaims.map((claim) => claim.holds(rows));
const [ratio, rank, attention, more, mlp, batch, batchRank, fewFacts, manyFacts, until] =
  regretClaims.map((claim) => (of: Parameters<typeof rowsOf>[0]) => claim.holds(rowsOf(of)));

Deno.test("the floor of two seeds is twice the pooled deviation, and of one seed there is none", () => {
  assertAlmostEquals(noiseOf(new Map([["a", [1, 1]], ["b", [2, 4]]])), 2, 1e-12); // s² = (0 + 2) / 2
  assertEquals(noiseOf(new Map([["a", [1]], ["b", [2]]])), NaN);
  assertEquals(holds(rowsOf({})).length, 10);
});

Deno.test("the ratio of the rates is about 10 from 5.63 to 17.7, and on all ranks together", () => {
  assertEquals(ratio({}), true);
  assertEquals(ratio({ ratios: [5.63, 5.63, 5.63, 5.63] }), true);
  assertEquals(ratio({ ratios: [5.6, 5.6, 5.6, 5.6] }), false);
  assertEquals(ratio({ ratios: [2, 50, 2, 50] }), true);
  assertEquals(ratio({ ratios: [17.8, 17.8, 17.8, 17.8] }), false);
});

Deno.test("rates depend on the rank from a factor of two on", () => {
  assertEquals(rank({ ratios: [10, 19.9, 10, 10] }), true);
  assertEquals(rank({ ratios: [10, 20.1, 10, 10] }), false);
});

Deno.test("a place is worse only beyond the floor", () => {
  assertEquals(attention({ pairs: { "attention-20": 3.101 } }), true);
  assertEquals(attention({ pairs: { "attention-20": 3.099 } }), false);
  assertEquals(more({ pairs: { "attention-32": 3.101 } }), true);
  assertEquals(more({ pairs: { "attention-32": 3.101, "mlp-16": 3.01 } }), false);
  assertEquals(more({ pairs: { "attention-32": 3.101, "all-16": 3.01 } }), false);
  assertEquals(mlp({ pairs: { "mlp-16": 3.099 } }), true);
  assertEquals(mlp({ pairs: { "mlp-16": 3.101 } }), false);
});

Deno.test("a difference between nothing and twice the floor is undecided", () => {
  const says = (mean: number) => {
    const [, , attention, , mlp] = regretClaims, means = { "attention-20": mean, "mlp-16": 3 };
    return [
      attention.found!(rowsOf({ pairs: means })),
      mlp.found!(rowsOf({ pairs: { "mlp-16": mean } })),
    ].map((text) => text.startsWith("Undecided"));
  };
  assertEquals([3.001, 3.099, 3.199].map(says), Array(3).fill([true, true]));
  assertEquals([2.999, 3.201].map(says), Array(2).fill([false, false]));
});

Deno.test("large steps cost more only beyond √2 times the floor, at both ranks", () => {
  assertEquals(batch({ large: { "all-4": 3.142, "all-64": 3.142 } }), true);
  assertEquals(batch({ large: { "all-4": 3.142, "all-64": 3.141 } }), false);
  assertEquals(batch({ large: { "all-4": 3.142, "all-64": 3.142, full: 3.01 } }), false);
  assertEquals(
    batch({ large: { "all-4": 3.142, "all-64": 3.142 }, pairs: { "all-4": 3.01 } }),
    false,
  );
  assertEquals(batchRank({ large: { "all-4": 3.2, "all-64": 3.059 } }), true);
  assertEquals(batchRank({ large: { "all-4": 3.2, "all-64": 3.058 } }), false);
  assertEquals(batchRank({ large: { "all-4": 3.141, "all-64": 3.2 } }), false);
});

Deno.test("with few facts one step above the floor is one too many", () => {
  assertEquals(fewFacts({ facts: { [few]: [{ "all-1": 3.099 }, {}, {}] } }), true);
  assertEquals(fewFacts({ facts: { [few]: [{ "all-1": 3.101 }, {}, {}] } }), false);
});

Deno.test("a rank leaves at the step from which on it stays above", () => {
  const curve = (...values: number[]) =>
    values.map((value, i) => ({ value, noise: 1, step: 10 * 2 ** i }));
  assertEquals(leavesAt(curve(2, 0, 2)), 40);
  assertEquals(leavesAt(curve(2, 2, 2)), 10);
  assertEquals(leavesAt(curve(2, 2, 1)), Infinity);
  const rows = rowsOf({ facts: { [many]: [{}, { "all-1": 4 }, { "all-1": 5 }] } });
  assertEquals(leavesAt(aboveFull(rows, many, "all-1")), 20);
});

Deno.test("with many facts the lowest rank leaves, the highest does not, and none before a lower one", () => {
  const [one, four, most] = [{ "all-1": 4 }, { "all-1": 5, "all-4": 4 }, { "all-64": 4 }];
  assertEquals(manyFacts({}), false);
  assertEquals(manyFacts({ facts: { [many]: [{}, one, four] } }), true);
  assertEquals(manyFacts({ facts: { [many]: [{ "all-4": 4 }, four, four] } }), false);
  assertEquals(manyFacts({ facts: { [many]: [{}, one, { ...four, ...most }] } }), false);
  assertEquals(until({ facts: { [many]: [{}, one, four] } }), true);
  assertEquals(until({ facts: { [many]: [{ "all-4": 4 }, one, four] } }), false);
});

Deno.test("the best rate is the vertex of the parabola through the three around the lowest mean", () => {
  const tried = (losses: readonly number[]) =>
    Object.fromEntries(losses.map((loss, i) => [String(10 ** (i - 4)), loss]));
  const parabola = (best: number) => [-4, -3, -2, -1].map((x) => 5 + (x - best) ** 2);
  const seeds = { 1000: tried(parabola(-2.3)), 1001: tried(parabola(-1.9)) };
  assertEquals(lowestPlace(seeds), 2);
  const [first, second] = bestExponents(seeds);
  assertAlmostEquals(first, -2.3, 1e-9);
  assertAlmostEquals(second, -1.9, 1e-9);
  const far = bestExponents({ 1000: tried([9, 2, 1, 3]), 1001: tried([9, 5, 4.5, 3]) });
  assertAlmostEquals(far[1], -1, 1e-12); // Its own lowest point is outside of the three.
  const cut = bestExponents({ 1000: { ...tried([9, 2, 1, 3]), [String(10 ** -1)]: null } });
  assertEquals(cut, [-2]); // A rate that diverged gives no parabola.
});

Deno.test("ratios are of geometric means, with the noise of the two seeds", () => {
  const full = { key: "full", exponents: [-3.1, -2.9] };
  const lora = { key: "all-1", rank: 1, exponents: [-2, -2] };
  const { ratios, noise } = rateRatios([full, lora]);
  assertAlmostEquals(ratios[0].exponent, 1, 1e-12);
  assertAlmostEquals(noise, 2 * Math.sqrt(0.02 / 2), 1e-12);
});

Deno.test("a grid grows on the side of its best rate until that is inside", async () => {
  const asked: number[] = [];
  const search = (best: number) =>
    growGrid({ quarters: [-10, -9, -8], spacing: 1 }, (rates) => {
      asked.push(...rates);
      const losses = rates.map((rate) => [rate, (Math.log10(rate) * 4 - best) ** 2]);
      return Promise.resolve({ 1000: Object.fromEntries(losses) });
    });
  const tried = await search(-6);
  assertEquals(asked, [-10, -9, -8, -7, -6, -5].map(rateAt));
  assertEquals(lowestPlace(tried), 4);
  assertEquals(Object.keys((await search(-9))[1000]).length, 3);
  assertEquals(settings.every((one) => firstGrid(one).quarters.length >= 3), true);
});

Deno.test("a step's operations and its time are within a tenth of their marks", () => {
  const rows = (share: number, time: number, control = 1): StepCost => {
    const row = { model: "m", width: 256, operations: 1 };
    const lora = [1, 2, 4].map((rank) => ({ ...row, rank, share: rank === 4 ? share : 0.66 }));
    const beyond = { ...row, rank: 64, share: 1.2 }; // The rule reads ranks up to d/64.
    const times = (time: number) => ratioOf(turnTimes(time).each, turnTimes(1).each);
    return {
      counted: [{ ...row, share: 1 }, ...lora, beyond],
      time: { share: times(time), control: times(control) },
    };
  };
  const judged = (share: number, time: number, control?: number) =>
    stepClaims.map((claim) => claim.holds(rows(share, time, control)));
  assertEquals(judged(0.733, 0.79), [true, true]);
  assertEquals(judged(0.734, 0.824), [false, false]);
  assertEquals(judged(0.601, 0.552), [true, true]);
  assertEquals(judged(0.599, 0.528), [false, false]);
  assertEquals([judged(0.7, 0.768), judged(0.7, 0.632)], [[true, tooNear], [true, tooNear]]);
  for (const off of [0.98, 1.021]) assertEquals(judged(0.7, 0.7, off), [true, notQuiet]);
});
