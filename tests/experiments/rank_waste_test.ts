/** `rank-waste`: what is measured, and the rules of decision 0041 on rows that just keep and just break them. */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import {
  allStarts,
  cutDown,
  errorOf,
  largestBasis,
  projectUpdate,
  sides,
  valuesOf,
  wasteEnergies,
  wasteRanks,
  type WasteRows,
  wasteRuns,
  wasteSites,
  wasteTasks,
  withSharedBasis,
} from "../../experiments/rank_waste/rows.ts";
import { unlearned, wasteClaims, wasteFigures } from "../../experiments/rank_waste/rank_waste.ts";
import shipped from "../../experiments/rank_waste/rank_waste.json" with { type: "json" };
import {
  commonDirections,
  type LowRankUpdate,
  toTensor,
  truncateUpdate,
} from "../../src/analysis/mod.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { deltaWeight } from "../../src/core/update.ts";
import { Random } from "../../src/core/random.ts";
import {
  gaussian,
  multiply,
  multiplyTransposed,
  orthonormalRows,
  rowsOf,
  transposed,
} from "../../src/linalg/mod.ts";
import { figureFaults } from "../support/figure_rules.ts";
import "../support/open_lapack.ts";

const random = new Random(3);

const updateOf = (out: number, inner: number, rank: number, module = "q"): LowRankUpdate => ({
  module,
  A: toTensor(gaussian(rank, inner, random)),
  B: toTensor(gaussian(out, rank, random)),
  scaling: 0.5,
});

Deno.test("the largest basis is the largest", () => {
  fc.assert(fc.property(
    fc.integer({ min: 2, max: 3000 }),
    fc.integer({ min: 2, max: 9 }),
    fc.integer({ min: 3000, max: 100000 }),
    (ends, count, most) => {
      const values = (k: number) => k * (ends + count * k), k = largestBasis(ends, count, most);
      assert(values(k) <= most && values(k + 1) > most, `${k}`);
    },
  ));
});

Deno.test("a projected update is P ΔW Q", () => {
  const update = updateOf(6, 9, 3);
  const basis = { inputs: orthonormalRows(4, 9, random), outputs: orthonormalRows(2, 6, random) };
  const delta = deltaOf(update),
    [Q, P] = [basis.inputs, basis.outputs].map((rows) => multiply(transposed(rows), rows));
  const wanted = multiply(multiply(P, delta), Q).data;
  const found = deltaOf({ ...update, ...projectUpdate(update, basis) }).data;
  found.forEach((value, i) => assertAlmostEquals(value, wanted[i], 1e-5));
});

Deno.test("adapters that have a basis in common lose nothing on it, and half of their values when cut down", () => {
  const inputs = orthonormalRows(3, 40, random), outputs = orthonormalRows(3, 40, random);
  const adapters = Array.from({ length: 4 }, (): LowRankUpdate[] => [{
    module: "q",
    A: toTensor(multiply(gaussian(4, 3, random), inputs)),
    B: toTensor(multiplyTransposed(transposed(outputs), gaussian(4, 3, random))),
    scaling: 2,
  }]);
  const shared = withSharedBasis(adapters, 0.5), cut = cutDown(adapters, 0.5);
  const all = adapters.flat().reduce((sum, update) => sum + valuesOf(update), 0);
  assert(shared.values <= all / 2);
  assertEquals(cut.values, all / 2);
  for (const [i, own] of adapters.entries()) {
    assert(errorOf(own, shared.adapters[i]) < 1e-5);
    const [update] = own, tail = truncateUpdate(update, 2).error.relative;
    assertAlmostEquals(errorOf(own, cut.adapters[i]), tail, 1e-5);
    assert(tail > 1e-4);
  }
});

Deno.test("the first common directions hold more of all updates than any others", () => {
  const updates = [2, 3, 1].map((rank) => updateOf(7, 8, rank)),
    { inputs } = commonDirections(updates);
  const held = (directions: typeof inputs) =>
    updates.reduce((sum, update) => {
      const delta = deltaOf(update), all = delta.data.reduce((sum, x) => sum + x * x, 0);
      const own = multiplyTransposed(delta, directions).data.reduce((sum, x) => sum + x * x, 0);
      return sum + own / all;
    }, 0);
  for (const k of [1, 2, 4]) {
    const best = held(rowsOf(inputs, 0, k));
    for (let i = 0; i < 50; i++) assert(held(orthonormalRows(k, 8, random)) < best);
  }
  assertAlmostEquals(held(inputs), 3, 1e-6);
});

function deltaOf(update: LowRankUpdate) {
  const { shape: [rows, columns], data } = deltaWeight(update);
  return { rows, columns, data: Float64Array.from(data) };
}

/** Findings that the rows are made to give. */
interface Found {
  readonly one?: number;
  readonly own?: number;
  readonly needed?: number;
  readonly shared?: number;
  readonly cut?: number;
  readonly learned?: number;
}

/** Rows that just keep every rule, but for what is said; the last rank alone differs. */
function rowsOfFound(
  { one = 0.4, own = 0.2, needed = 75, shared = 2.9, cut = 3, learned = 2 }: Found,
): WasteRows {
  const good = { one: 0.4, own: 0.2, needed: 75, shared: 2.9, cut: 3, learned: 2 };
  const at = (rank: number) =>
    rank === wasteRanks.at(-1) ? { one, own, needed, shared, cut, learned } : good;
  const names = wasteTasks.map(({ name }) => name);
  const each = wasteRanks.flatMap((rank) => allStarts.map((starts) => ({ rank, starts })));
  return {
    pairs: each.flatMap(({ rank, starts }) =>
      sides.flatMap((side) =>
        names.flatMap((two, i) =>
          names.slice(0, i + 1).map((one) => ({
            ...{ rank, starts, side, one, two, top: 0.5, chance: 0.1 },
            // The same task with another seed is not asked about.
            all: one === two ? 0 : at(rank)[starts],
          }))
        )
      )
    ),
    sites: each.flatMap(({ rank, starts }) =>
      wasteEnergies.flatMap((energy) =>
        wasteSites.flatMap((site) =>
          sides.map((side) => ({
            ...{ rank, starts, site, side, energy, alone: 110, byChance: 100 },
            together: energy === 0.9 && starts === "own" ? at(rank).needed : 100,
          }))
        )
      )
    ),
    bases: each.flatMap(({ rank, starts }) =>
      ([["all", 1], ["shared basis", 0.5], ["cut down", 0.5], ["none", 0]] as const).map(
        ([way, share]) => {
          const { shared, cut, learned } = at(rank);
          const loss = { all: learned, "shared basis": shared, "cut down": cut, none: 5 }[way];
          return { rank, starts, way, share, values: 1000 * share, error: 1 - share, loss };
        },
      )
    ),
  };
}

const [isTrap, isCommon, isFewer, isCheaper] = wasteClaims(rowsOfFound({}));

Deno.test("rows as they are expected keep every rule, and each rule is broken at one rank", () => {
  const kept = (found: Found) =>
    wasteClaims(rowsOfFound(found)).map((claim) => claim.holds(rowsOfFound(found)));
  assertEquals(kept({}), [true, true, true, true]);
  assertEquals(isTrap.holds(rowsOfFound({ one: 0.39 })), false);
  assertEquals(isCommon.holds(rowsOfFound({ own: 0.19 })), false);
  assertEquals(isFewer.holds(rowsOfFound({ needed: 76 })), false);
  assertEquals(isCheaper.holds(rowsOfFound({ shared: 3 })), false);
  for (const claim of [isTrap, isCommon, isFewer, isCheaper]) {
    const words = [claim.ours!(rowsOfFound({})), claim.found?.(rowsOfFound({})) ?? ""];
    for (const text of words) assert(!/NaN|undefined|Infinity/.test(text), text);
  }
});

Deno.test("the rows that are quoted are those of all ranks, tasks and sites, and figures show them", () => {
  const rows = shipped.rows as WasteRows, groups = wasteRanks.length * 2;
  // Pairs of four tasks, each also with itself.
  assertEquals(rows.pairs.length, groups * 10 * sides.length);
  assertEquals(rows.sites.length, groups * wasteSites.length * sides.length * 2);
  // Whole and none, and two ways at a half; at the other shares of ranks that four divides, too.
  assertEquals(rows.bases.length, groups * 4 + (groups - 2) * 4);
  assertEquals([shipped.seeds, unlearned(rows)], [[1, 2], []]);
  for (const view of wasteFigures) assertEquals(figureFaults(view(rows)), []);
});

Deno.test("nothing is judged where nothing was learned", () => {
  const none = rowsOfFound({ learned: 5 });
  assertEquals([unlearned(none), wasteClaims(none)], [[wasteRanks.at(-1)], []]);
});

Deno.test("tasks of one start have one seed, and no two others do", async () => {
  using device = await openCpuDevice({ threads: 1 });
  const runs = wasteRuns({ seeds: [1, 2], quick: false, full: true });
  const seeds = await Promise.all(runs.map(async (run) => ({
    ...{ ...run.chosen, run: (await run.spec(device)).seed },
  })));
  for (const rank of wasteRanks) {
    const own = seeds.filter((one) => one.rank === rank && one.starts === "own");
    const one = seeds.filter((one) => one.rank === rank && one.starts === "one");
    assertEquals([own.length, new Set(own.map(({ run }) => run)).size], [8, 8]);
    assertEquals([one.length, new Set(one.map(({ run }) => run)).size], [8, 2]);
    assert(own.every(({ run }) => one.every((other) => other.run !== run)));
  }
});
