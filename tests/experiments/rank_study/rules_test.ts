import { assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import type { Grid } from "../../../src/analysis/subspaces.ts";
import { isExplained } from "../../../experiments/full_size.ts";
import {
  amplification,
  amplificationClaims,
} from "../../../experiments/rank_study/amplification.ts";
import type { AmplificationRow } from "../../../src/inspect/amplification_rows.ts";
import { type LossRow, lossRow } from "../../../experiments/rank_study/losses.ts";
import { commonOf, subspaceClaims, subspaces } from "../../../experiments/rank_study/subspaces.ts";
import {
  commonDirections,
  type ModuleSimilarity,
  restShared,
} from "../../../experiments/rank_study/subspace_rows.ts";
import {
  budgetClaim,
  harmNote,
  whichMatrices,
} from "../../../experiments/rank_study/which_matrices.ts";
import { rankClaims, relativeGain, whichRank } from "../../../experiments/rank_study/which_rank.ts";

const size = 10;

/** φ(i, j) of the same value everywhere but where others are said, counted from 1. */
function grid(value: number, others: Readonly<Record<number, number>> = {}): Grid {
  return Array.from(
    { length: size },
    (_, i) => Array.from({ length: size }, (_, j) => i === j ? others[i + 1] ?? value : value),
  );
}

const chance = { ranks: grid(0.1), seeds: grid(0.1) };

/** Four modules, each a change of one whose directions are all shared. */
function modules(...changes: readonly Partial<ModuleSimilarity>[]): ModuleSimilarity[] {
  return ([["q", 0], ["v", 0], ["q", 1], ["v", 1]] as const).map(([site, layer], i) => {
    return { site, layer, ranks: grid(0.6), seeds: grid(0.6), control: chance, ...changes[i] };
  });
}

/** Rules of figures 3, 4, 6 and 7, in the order of their claims, as functions of modules. */
const [topIsShared, othersAreNot, seedsShare, queryHasMore, sameInEveryLayer] = subspaceClaims.map(
  (claim) => (modules: readonly ModuleSimilarity[], chance?: number) =>
    claim.holds({ space: "A", modules, chance }),
);

Deno.test("figure 3: the top direction is shared in three of four modules, not in two, nor at 0.5", () => {
  const not = { ranks: grid(0.9, { 1: 0.5 }) };
  assertEquals(topIsShared(modules({}, {}, {}, not)), true);
  assertEquals(topIsShared(modules({}, {}, not, not)), false);
});

Deno.test("figure 3: a shared direction says nothing where Gaussian updates share theirs", () => {
  const alsoByChance = { control: { ranks: grid(0.1, { 1: 0.51 }), seeds: grid(0.1) } };
  assertEquals(topIsShared(modules({}, {}, alsoByChance, alsoByChance)), false);
});

Deno.test("figure 3: the others are what is left of φ(8, 8) without φ(1, 1)", () => {
  const ranks = grid(0.9, { 1: 0.95, 8: 0.5 });
  assertAlmostEquals(restShared({ ranks }), (8 * 0.5 - 0.95) / 7);
  const apart = { ranks }, shared = { ranks: grid(0.9, { 8: 0.7 }) };
  assertEquals(othersAreNot(modules(apart, apart, apart, shared)), true);
  assertEquals(othersAreNot(modules(apart, apart, shared, shared)), false);
});

Deno.test("figure 4: twice the Gaussian matrices' φ(8, 8), in every module, and these on chance", () => {
  const seeds = (value: number) => ({ seeds: grid(0.9, { 8: value }) });
  assertEquals(seedsShare(modules(seeds(0.2), seeds(0.2), seeds(0.2), seeds(0.2))), true);
  assertEquals(seedsShare(modules(seeds(0.2), seeds(0.2), seeds(0.2), seeds(0.19))), false);
  assertEquals(seedsShare(modules(), 0.119), true);
  assertEquals(seedsShare(modules(), 0.121), false);
});

Deno.test("figure 4: the last i with φ(i, i) ≥ 0.5 counts, and q needs more of them than v", () => {
  assertEquals(commonDirections({ seeds: grid(0.4, { 1: 0.7, 5: 0.5 }) }), 5);
  assertEquals(commonDirections({ seeds: grid(0.4) }), 0);
  const few = { seeds: grid(0.2, { 2: 0.5 }) }, many = { seeds: grid(0.2, { 3: 0.5 }) };
  assertEquals(commonOf(modules(many, few, few, few), "q"), 5);
  assertEquals(queryHasMore(modules(many, few, few, few)), true);
  assertEquals(queryHasMore(modules(few, few, few, few)), false);
});

Deno.test("figures 6, 7: one module that does not share its top direction is enough", () => {
  assertEquals(sameInEveryLayer(modules()), true);
  assertEquals(sameInEveryLayer(modules({}, {}, {}, { ranks: grid(0.5) })), false);
});

/** Rules of figure 8 and table 7, in the order of their claims, as functions of rows. */
const [topsDiffer, largeRanksShareMore, aboveRandom, belowOwn, factorFalls] = amplificationClaims
  .map(
    ({ holds }) => (rows: readonly Partial<AmplificationRow>[]) =>
      holds(rows as AmplificationRow[]),
  );

Deno.test("figure 8: φ of ΔW's top 4 directions is 0.2 to one decimal, whatever larger ranks do", () => {
  const overlap = (rows: number, columns: number, last: number) => ({
    ...{ rank: columns, dimensions: 256 },
    overlap: Array.from(
      { length: rows },
      (_, i) =>
        Array.from({ length: columns }, (_, j) => i === rows - 1 && j === columns - 1 ? last : 1),
    ),
  });
  assertEquals(topsDiffer([overlap(26, 4, 0.249), overlap(26, 64, 0.5)]), true);
  assertEquals(topsDiffer([overlap(26, 4, 0.251), overlap(26, 64, 0.5)]), false);
  assertEquals(topsDiffer([overlap(26, 4, 0.2), overlap(26, 64, 0.51)]), true);
});

Deno.test("figure 8: a larger rank has more of W's top directions, and more than any random matrix", () => {
  const rows = (pickedUp: number) => [
    { layer: "1", rank: 4, pickedUp: 0.5, randomPickedUp: 9 },
    { layer: "1", rank: 64, pickedUp, randomPickedUp: 1 },
  ];
  assertEquals([1.1, 1, 0.4].map((more) => largeRanksShareMore(rows(more))), [true, false, false]);
});

Deno.test("table 7: three deviations above random, below half of W's own, at r = 4 in every layer", () => {
  const row = (inDelta: number, layer: string, rank = 4) => {
    return { rank, layer, inDelta, inRandom: 1, randomSpread: 0.1, inWeight: 4 };
  };
  assertEquals(aboveRandom([row(1.5, "1"), row(1.31, "2"), row(1, "2", 64)]), true);
  assertEquals(aboveRandom([row(1.5, "1"), row(1.29, "2")]), false);
  assertEquals(belowOwn([row(1.5, "1"), row(1.9, "2"), row(9, "2", 64)]), true);
  assertEquals(belowOwn([row(1.5, "1"), row(2, "2")]), false);
  assertEquals(belowOwn([row(1.5, "1"), row(1.29, "2")]), false); // As random directions are.
});

Deno.test("table 7: the factor has to fall in every layer", () => {
  const rows = (last: number) => [
    { layer: "1", rank: 4, factor: 9 },
    { layer: "1", rank: 64, factor: 2 },
    { layer: "2", rank: 4, factor: 3 },
    { layer: "2", rank: 64, factor: last },
  ];
  assertEquals(factorFalls(rows(2)), true);
  assertEquals(factorFalls(rows(3)), false);
});

const row = (sites: string, rank: number, ...losses: number[]) => lossRow(sites, rank, 1, losses);

const base = 5,
  [spreadBudgetWins, rankOneIsEnough, queryNeedsMore] = [budgetClaim, ...rankClaims]
    .map(({ holds }) => (rows: LossRow[]) => holds({ base, rows }));

Deno.test("table 5: both spread budgets win by more than the larger spread of the two compared", () => {
  const rows = (q: number[], all: number[]) => [
    row("q", 8, ...q),
    row("k", 8, 4, 4),
    row("v", 8, 1, 1),
    row("q, v", 4, 3, 3.1),
    row("q, k, v, o", 2, ...all),
  ];
  assertEquals(spreadBudgetWins(rows([3.3, 3.3], [3, 3])), true);
  assertEquals(spreadBudgetWins(rows([3.15, 3.15], [3, 3])), false); // 0.1 above, as far as seeds
  assertEquals(spreadBudgetWins(rows([3.5, 3.1], [3, 3])), false); // its own seeds spread by 0.4
  assertEquals(spreadBudgetWins(rows([3.3, 3.3], [4, 4])), false);
});

Deno.test("table 6: within 3.6% of the best rank, and q gains more than q,v up to its best", () => {
  const rows = (first: number, queryLast: number) => [
    row("q, v", 1, first),
    row("q, v", 8, 3),
    row("q, v", 64, 3.01),
    row("q", 1, 4),
    row("q", 64, queryLast),
  ];
  assertEquals(rankOneIsEnough(rows(3.107, 4)), true);
  assertEquals(rankOneIsEnough(rows(3.109, 4)), false);
  assertAlmostEquals(relativeGain(rows(3.5, 3), "q"), 0.25);
  assertAlmostEquals(relativeGain(rows(3.5, 3), "q, v"), 0.5 / 3.5); // The best is r = 8.
  assertEquals(queryNeedsMore(rows(3.5, 3)), true);
  assertEquals(queryNeedsMore(rows(3.5, 3.9)), false);
});

Deno.test("full size: table 7's 0.02 and 0.33 are chance at 12,288, and would not be at a quarter of it", () => {
  for (const [rank, value] of [[4, 0.02], [64, 0.33]]) {
    assertEquals(isExplained(value, rank, 12_288, 0.01), true);
    assertEquals(isExplained(value, rank, 3_072, 0.01), false);
  }
  assertEquals(isExplained(0.34, 64, 12_288, 0.01), false);
});

Deno.test("table 5: a choice that ends where the base began, above it or at NaN, is named", () => {
  assertEquals(harmNote({ base: 4, rows: [row("q", 4, 3.9)] }), "");
  const rows = [row("q", 4, 3.9), row("k", 4, 4), row("q, k", 4, 5), row("v", 4, NaN)];
  const note = harmNote({ base: 4, rows });
  assertStringIncludes(note, "the base's 4.000: k (r = 4); q, k (r = 4); v (r = 4).");
});

Deno.test("every claim of the study depends on scale", () => {
  for (const { name, scale } of [subspaces, amplification, whichMatrices, whichRank]) {
    assertEquals(scale, true, name);
  }
  const all = [...subspaceClaims, ...amplificationClaims, budgetClaim, ...rankClaims];
  for (const { text, scale } of all) assertEquals(scale, undefined, String(text));
});
