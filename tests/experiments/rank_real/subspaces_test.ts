/** Cells of the study of a real base, what is kept of them, and the rules on more modules than four. */

import "../../support/open_lapack.ts";
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { realAmplificationClaims } from "../../../experiments/rank_real/amplification.ts";
import {
  cellLayers,
  type CellLine,
  cellLines,
  cellSimilarities,
  similaritiesInA,
  withoutEachRun,
} from "../../../experiments/rank_real/similarities.ts";
import {
  cellNames,
  cellsAt,
  cellsAtStart,
  judgedCell,
  nameOf,
  type Pair,
  type Place,
  placesOfCells,
} from "../../../experiments/rank_real/cells.ts";
import { packed, unpacked } from "../../../experiments/rank_real/rows.ts";
import {
  beyondClaims,
  realSubspaceClaims,
  startClaim,
  stepsClaim,
} from "../../../experiments/rank_real/subspace_claims.ts";
import { siteOf } from "../../../experiments/rank_real/update_lines.ts";
import type { ModuleSimilarity } from "../../../experiments/rank_study/subspace_rows.ts";
import type { AmplificationRow } from "../../../src/inspect/amplification_rows.ts";
import type { LowRankUpdate } from "../../../src/adapt/mod.ts";
import { Random } from "../../../src/core/random.ts";

const all = () => true;

Deno.test("every pair is in the cell that its seeds say, and a start of r = 8 counts only where it is meant", () => {
  const cells = cellsAt(500, 500, all);
  assertEquals(cells.map(({ name, ranks, seeds }) => [name, ranks.length, seeds.length]), [
    ["same start, same data", 3, 0],
    ["same start, other data", 3, 3],
    ["other start, same data", 3, 0],
    ["other start, other data", 6, 3],
  ]);
  for (const { name, ranks } of cells) {
    for (const [one, other] of ranks) {
      assertEquals([one.key, other.key], ["qv-8", "qv-64"]);
      assertEquals(one.start === other.start, name.startsWith("same start"));
      assertEquals(one.data === other.data, name.endsWith("same data"));
    }
  }
  const long = cellsAt(1000, 3000, all);
  assertEquals(long.map(({ ranks }) => ranks.length), [1, 1, 1, 1]);
  assertEquals(nameOf(long[0].ranks[0][1]), "qv-64-start811-data11-at1000");
  const some = (place: Place) => place.start !== 802 && place.start < 6402;
  assertEquals(cellsAt(500, 500, some).map(({ ranks }) => ranks.length), [2, 2, 1, 1]);
});

Deno.test("before the first step the same pairs are compared, of adapters that were there at the end", () => {
  const starts = cellsAtStart(({ start, at }) => at === 500 && start !== 802);
  assertEquals(starts.map(({ at, ranks }) => [at, ranks.length]), [[0, 2], [0, 2], [0, 2], [0, 4]]);
  assertEquals(placesOfCells(starts).length, 2 + 3 + 4); // Of r = 8; of r = 64 with its own start; with those of r = 8.
});

const random = new Random(1),
  values = (count: number) => Float32Array.from({ length: count }, () => random.normal());

/** Updates of q and v of two layers of width 96. */
const updatesOf = (rank: number): LowRankUpdate[] =>
  [0, 1].flatMap((layer) =>
    (["q", "v"] as const).map((site): LowRankUpdate => ({
      module: `model.layers.${layer}.self_attn.${site}_proj`,
      A: { shape: [rank, 96], data: values(rank * 96) },
      B: { shape: [site === "q" ? 96 : 64, rank], data: values((site === "q" ? 96 : 64) * rank) },
      scaling: 1,
    }))
  );

Deno.test("φ is of the pairs of a cell, and its lines give the same numbers", () => {
  const cell = { ...cellsAt(500, 500, all)[3] }, [[small, large]] = cell.ranks;
  const own = updatesOf(8), updates = new Map([[nameOf(small), own], [nameOf(large), own]]);
  const one = { ...cell, ranks: [[small, large]] as const, seeds: [[large, large]] as const };
  const found = cellSimilarities(updates, [one]);
  assertEquals(found.map(({ space }) => space), ["A", "ΔW, inputs", "ΔW, outputs"]);
  for (const { modules } of found) {
    for (const { ranks, seeds } of modules) {
      assertAlmostEquals(ranks[7][7], 1, 1e-6);
      assertAlmostEquals(seeds[0][0], 1, 1e-6);
    }
  }
  const lines = cellLines(found, () => "commit a"), [line] = lines;
  assertEquals(line.source, "commit a");
  const start = similaritiesInA(updates, [one]);
  assertEquals(start.map(({ space }) => space), ["A"]);
  assertEquals([lines.length, line.site, line.pairs], [6, "q", 1]);
  assertEquals([cellLayers(line, "top"), cellLayers(line, "common")], [[1, 1], [8, 8]]);
  assert(unpacked(line.gaussian)[0] < 500);
});

Deno.test("numbers are packed in a unit, and a module says its place", () => {
  assertEquals(packed([0.1234, 2], 1e-3), "123 2000");
  assertEquals(unpacked("123 2000", 1e-3), [0.123, 2]);
  assertEquals(siteOf({ module: "base.model.layers.12.self_attn.v_proj" }), {
    site: "v",
    layer: 12,
  });
});

const size = 8,
  grid = (value: number) => Array.from({ length: size }, () => Array<number>(size).fill(value));

/** Modules of ten layers, of which some share their top direction. */
const modules = (sharing: number): ModuleSimilarity[] =>
  Array.from({ length: 20 }, (_, i) => {
    const value = grid(i < sharing ? 0.6 : 0.5), control = { ranks: grid(0.1), seeds: grid(0.1) };
    return { site: i % 2 ? "v" : "q", layer: i >> 1, ranks: value, seeds: value, control };
  });

Deno.test("figure 3: three quarters of the modules, and figures 6 and 7 all of them", () => {
  const [top, , , , every] = realSubspaceClaims.map(({ holds }) => (sharing: number) =>
    holds({ space: "A", modules: modules(sharing) })
  );
  assertEquals([14, 15, 20].map(top), [false, true, true]);
  assertEquals([19, 20].map(every), [false, true]);
});

const lineOf = (name: string, tops: string, more: Partial<CellLine> = {}): CellLine => ({
  ...{ cell: name, at: 500, steps: 500, pairs: 3, space: "A", site: "q", top: tops },
  ...{ gaussian: "20 10", ...more },
});

Deno.test("a broken rule is decided where the module at its mark is below by more than pairs differ", () => {
  const [{ margin }, , , , { margin: all }] = realSubspaceClaims;
  const space = { space: "A", modules: modules(14) }; // The 15th highest is at 0.5.
  // Six pairs of three runs a side: no more than three are independent.
  const tops = (low: number) =>
    [low, 0.1, 0.2, low, 0.1, 0.2].map((value) => Array<number>(20).fill(value));
  const { beyond, noise, seeds } = margin!({ ...space, tops: tops(0.3) });
  assertEquals([beyond, seeds], [0, 3]);
  assertAlmostEquals(noise, 2 * Math.sqrt(0.04 / 5) / Math.sqrt(3));
  assertEquals(all!(space), { beyond: 0, noise: Infinity, seeds: 1 });
});

Deno.test("figure 4: the common directions of q and v, with each run left out once", () => {
  const [, , , { margin }] = realSubspaceClaims,
    common = (count: number) =>
      Array.from({ length: 8 }, (_, i) => Array<number>(8).fill(i < count ? 0.5 : 0.4));
  const module = (site: "q" | "v", count: number) =>
    ({ site, layer: 0, seeds: common(count) }) as unknown as ModuleSimilarity;
  const space = { space: "A", modules: [module("q", 1), module("v", 5)] };
  assertEquals(margin!(space), { beyond: 4, noise: Infinity, seeds: 0 });
  // Without a run q has 1, v 4, 5, 6: √(2/3 · 2) is the jackknife's error of −4.
  const known = margin!({ ...space, commonWithout: [[1, 4], [1, 5], [1, 6]] });
  assertEquals([known.beyond, known.seeds], [4, 3]);
  assertAlmostEquals(known.noise, 2 * Math.sqrt(2 / 3 * 2));
});

Deno.test("a run is left out with all of its pairs, and two runs leave none", () => {
  const places = [1, 2, 3].map((data): Place => ({
    ...{ key: "qv-64", start: 6400 + data, data, at: 500, steps: 500 },
  }));
  const pairs: Pair[] = [[places[0], places[1]], [places[0], places[2]], [places[1], places[2]]];
  assertEquals(withoutEachRun(pairs, ["12", "13", "23"]), [["23"], ["13"], ["12"]]);
  assertEquals(withoutEachRun(pairs.slice(0, 1), ["12"]), []);
});

Deno.test("the start decides where both cells with the same one share, and no other does", () => {
  const lines = (tops: readonly string[]) => cellNames.map((name, i) => lineOf(name, tops[i]));
  const [most, few] = ["600 501 900 500", "600 501 500 100"];
  assertEquals(startClaim.holds(lines([most, most, few, few])), true);
  assertEquals(startClaim.holds(lines([most, few, few, few])), false);
  assertEquals(startClaim.holds(lines([most, most, most, few])), false);
  const alsoByChance = lines([most, most, few, few]).map((line) => ({ ...line, gaussian: "510" }));
  assertEquals(startClaim.holds(alsoByChance), false);
  const starts = [lineOf(cellNames[0], "100 600", { at: 0 }), lineOf(judgedCell, "2 4", { at: 0 })];
  const found = startClaim.found!([...lines([most, most, few, few]), ...starts]);
  const said =
    " Before the first step: same start 1 of 2 modules, φ(1, 1) q 0.35 (0.10 to 0.60); " +
    "other start 0 of 2 modules, φ(1, 1) q 0.00 (0.00).";
  assert(found.endsWith(said), found);
  assertEquals(beyondClaims(lines([most, most, few, few])).length, 1);
  assertEquals(beyondClaims(lines([most, most, few, few]).slice(1)).length, 0);
});

Deno.test("after 3,000 steps the rule of figure 3 is asked of runs without a common start and data", () => {
  const lines = (last: string) =>
    [150, 500, 1000, 3000].map((at) =>
      lineOf(judgedCell, at === 3000 ? last : "100 100 100 100", { at, steps: 3000 })
    );
  assertEquals(stepsClaim.holds(lines("600 501 900 500")), true);
  assertEquals(stepsClaim.holds(lines("600 501 500 500")), false);
  assert(stepsClaim.found!(lines("600 501 900 500")).startsWith("After fewer steps"));
});

Deno.test("figure 8 and table 7: three quarters of the layers", () => {
  const row = (layer: number, rank: number, more: Partial<AmplificationRow>) =>
    ({ layer: `${layer}`, rank, ...more }) as AmplificationRow;
  const rows = (keeping: number) =>
    Array.from({ length: 8 }, (_, layer) => {
      const kept = layer < keeping;
      const small = { inDelta: kept ? 1.4 : 1.2, inRandom: 1, randomSpread: 0.1, inWeight: 4 };
      const overlap = Array.from({ length: 58 }, () => Array<number>(4).fill(kept ? 0.24 : 0.26));
      return [
        row(layer, 4, { ...small, overlap, pickedUp: 1, factor: 3 }),
        row(layer, 64, { pickedUp: kept ? 2 : 1, randomPickedUp: 1, factor: kept ? 2 : 3 }),
      ];
    }).flat();
  const known = rows(5).map((one) => {
    const [first, ...others] = one.rank === 4 ? [1.25, 1.15] : [0.5, 1.5, 9];
    const numbers = (value: number) => ({ inDelta: value, pickedUp: value });
    return { ...one, bySeed: [numbers(first), ...others.map(numbers)] };
  });
  const { beyond, noise } = realAmplificationClaims[2].margin!(known);
  assertAlmostEquals(beyond, 1); // Layers at 1.2 are two deviations above random.
  assertAlmostEquals(noise, 2 * Math.SQRT1_2 / Math.SQRT2); // Seeds at 2.5 and 1.5.
  const picked = realAmplificationClaims[1].margin!(known);
  assertEquals([picked.beyond, picked.seeds], [0, 2]); // r = 4 has two seeds, r = 64 a third.
  assertAlmostEquals(picked.noise, 2 * (1.1 / Math.SQRT2) / Math.SQRT2); // 0.5 − 1.25 and 1.5 − 1.15.
  for (const { holds, text } of realAmplificationClaims) {
    assertEquals([6, 5].map((keeping) => holds(rows(keeping))), [true, false], String(text));
  }
});
