/**
 * Rows of the directions that adapters share, and of the values that a shared basis saves and
 * loses.
 *
 * @module
 */

import { injectUpdates, type LowRankUpdate } from "../../src/adapt/mod.ts";
import {
  randomSimilarity,
  sharedBasis,
  similarityGrid,
  type UpdateDirections,
  updateDirections,
} from "../../src/analysis/mod.ts";
import { mean } from "../../src/core/numbers.ts";
import { siteName } from "../../src/core/update.ts";
import { readAdapter } from "../../src/formats/mod.ts";
import type { TextModel } from "../../src/models/mod.ts";
import { loadBase } from "../base_model.ts";
import type { ExperimentContext, MadeRun } from "../frame/mod.ts";
import { glossLoss } from "../gloss_runs.ts";
import {
  type Adapters,
  cutDown,
  errorOf,
  type Replaced,
  valuesOf,
  withSharedBasis,
} from "./bases.ts";
import { type Starts, wasteData, type WasteRun, wasteTasks } from "./runs.ts";

/** A side of ΔW. */
export type Side = "inputs" | "outputs";

/** Both sides. */
export const sides: readonly Side[] = ["inputs", "outputs"];

/** φ between the adapters of two tasks: means over sites and pairs. */
export interface PairRow {
  readonly rank: number;
  readonly starts: Starts;
  readonly side: Side;
  readonly one: string; // a task
  readonly two: string; // the other, or the same with another start
  readonly all: number; // φ(r, r)
  readonly top: number; // φ(1, 1)
  readonly chance: number; // what φ(r, r) is by chance
}

/** Number of directions that the four tasks need together: means over blocks and seeds. */
export interface SiteRow {
  readonly rank: number;
  readonly starts: Starts;
  readonly site: string; // its kind: q, k, v, o, up or down
  readonly side: Side;
  readonly energy: number; // the share that is held
  readonly alone: number; // if they share none
  readonly byChance: number; // if their directions are random
  readonly together: number;
}

/** Loss of adapters that are stored in fewer values: means over tasks and seeds. */
export interface BasisRow {
  readonly rank: number;
  readonly starts: Starts;
  readonly way: "all" | "shared basis" | "cut down" | "none";
  readonly share: number; // of the values, at most
  readonly values: number; // of the four adapters
  readonly error: number; // ‖ΔW − ΔW′‖ / ‖ΔW‖
  readonly loss: number; // held out, nats per token
}

/** The three tables. */
export interface WasteRows {
  readonly pairs: readonly PairRow[];
  readonly sites: readonly SiteRow[];
  readonly bases: readonly BasisRow[];
}

/** Shares of the values that are stored. */
export const wasteShares: readonly number[] = [0.25, 0.5, 0.75];

/** Shares of the energy that are held. */
export const wasteEnergies: readonly number[] = [0.9, 0.99];

/** An adapter that was trained. */
interface Trained extends WasteRun {
  readonly updates: readonly LowRankUpdate[];
}

/** Adapters of one rank and one kind of starts. */
interface Group {
  readonly rank: number;
  readonly starts: Starts;
  readonly own: readonly Trained[];
}

/** Measures all, rank by rank. */
export async function wasteRows(
  made: readonly MadeRun<WasteRun>[],
  context: ExperimentContext,
): Promise<WasteRows> {
  const trained = await Promise.all(made.map(async ({ folder, chosen }): Promise<Trained> => ({
    ...{ ...chosen, updates: (await readAdapter(`${folder}/adapter`)).updates },
  })));
  const groups = [...Map.groupBy(trained, ({ rank, starts }) => `${rank} ${starts}`).values()]
    .map((own): Group => ({ rank: own[0].rank, starts: own[0].starts, own }));
  const bases: BasisRow[] = [];
  using base = await loadBase(context.device);
  for (const [i, group] of groups.entries()) {
    context.report(i / groups.length, `what is lost at r = ${group.rank}`);
    bases.push(...await basisRows(base, group, context));
  }
  return { pairs: groups.flatMap(pairRows), sites: groups.flatMap(siteRows), bases };
}

/** The adapters of one seed, in the order of the tasks. */
const setsOf = ({ own }: Group): Adapters[] =>
  [...Map.groupBy(own, ({ seed }) => seed).values()]
    .map((all) => all.map(({ updates }) => updates));

/**
 * Pairs of adapters: of two tasks with one seed, which have one start if any have; of one task with
 * two seeds.
 */
function pairRows({ rank, starts, own }: Group): PairRow[] {
  const known = new Map(own.map((one) => [one, one.updates.map(updateDirections)]));
  const pairs = own.flatMap((one, i) =>
    own.slice(i + 1).filter((two) => (one.seed === two.seed) !== (one.task === two.task))
      .map((two) => ({ one, two, tasks: [one.task, two.task].sort() }))
  );
  return [...Map.groupBy(pairs, ({ tasks }) => tasks.join()).values()].flatMap((same) => {
    const [one, two] = same[0].tasks.map((task) => wasteTasks[task].name);
    return sides.map((side): PairRow => {
      const found = same.map((pair) =>
        similarity(known.get(pair.one)!, known.get(pair.two)!, side)
      );
      return { rank, starts, side, one, two, ...meanOf(found, ["all", "top", "chance"]) };
    });
  });
}

/** φ of two adapters, as means over their sites. */
function similarity(
  one: readonly UpdateDirections[],
  two: readonly UpdateDirections[],
  side: Side,
): Pick<PairRow, "all" | "top" | "chance"> {
  const sites = one.map((directions, place) => {
    const [U, V] = [directions, two[place]].map(({ left, right }) =>
      side === "inputs" ? right : left
    );
    const grid = similarityGrid(U, V), chance = randomSimilarity(U.rows, V.rows, U.columns).mean;
    return { all: grid.at(-1)!.at(-1)!, top: grid[0][0], chance };
  });
  return meanOf(sites, ["all", "top", "chance"]);
}

/** Kinds of sites, by what the names of layers end with. */
export const wasteSites = ["q", "k", "v", "o", "up", "down"] as const;

const ends: Readonly<Record<string, string>> = {
  "attn.c_proj": "o",
  "mlp.c_fc": "up",
  "mlp.c_proj": "down",
};

function kindOf(update: LowRankUpdate): string {
  const [, kind] = Object.entries(ends).find(([end]) => update.module.endsWith(end)) ??
    [, siteName(update).split(":")[1]];
  return kind!;
}

/** Draws of random directions. */
const draws = 5;

function siteRows(group: Group): SiteRow[] {
  const { rank, starts } = group;
  const sites = setsOf(group).flatMap((adapters) =>
    adapters[0].map((update, place) => ({
      kind: kindOf(update),
      updates: adapters.map((own) => own[place]),
    }))
  );
  return wasteEnergies.flatMap((energy) => {
    const measured = sites.map(({ kind, updates }, seed) => {
      return { kind, ...sharedBasis(updates, { seed, energy, draws }) };
    });
    return wasteSites.flatMap((site) =>
      sides.map((side): SiteRow => {
        const own = measured.filter(({ kind }) => kind === site)
          .map(({ alone, [side]: { together, byChance } }) => ({ alone, together, byChance }));
        const means = meanOf(own, ["alone", "byChance", "together"]);
        return { ...{ rank, starts, site, side, energy }, ...means };
      })
    );
  });
}

async function basisRows(
  base: TextModel,
  group: Group,
  { quick, signal }: ExperimentContext,
): Promise<BasisRow[]> {
  const { rank, starts } = group,
    sets = setsOf(group),
    data = wasteTasks.map((one) => wasteData(one, quick));
  const row = async (
    way: BasisRow["way"],
    share: number,
    replace: (adapters: Adapters) => Replaced,
  ): Promise<BasisRow> => {
    const found: Pick<BasisRow, "values" | "error" | "loss">[] = [];
    for (const adapters of sets) {
      const { adapters: others, values } = replace(adapters);
      for (const [task, own] of adapters.entries()) {
        signal.throwIfAborted();
        using _ = injectUpdates(base, others[task]);
        const error = others[task].length === 0 ? 1 : errorOf(own, others[task]);
        found.push({ values, error, loss: await glossLoss(base, data[task]) });
      }
    }
    return { ...{ rank, starts, way, share }, ...meanOf(found, ["values", "error", "loss"]) };
  };
  const rows = [await row("all", 1, (adapters) => ({ adapters, values: allValues(adapters) }))];
  for (const share of wasteShares.filter((share) => Number.isInteger(share * rank))) {
    rows.push(await row("shared basis", share, (adapters) => withSharedBasis(adapters, share)));
    rows.push(await row("cut down", share, (adapters) => cutDown(adapters, share)));
  }
  const none = await row(
    "none",
    0,
    (adapters) => ({ adapters: adapters.map(() => []), values: 0 }),
  );
  return [...rows, none];
}

const allValues = (adapters: Adapters): number =>
  adapters.flat().reduce((sum, update) => sum + valuesOf(update), 0);

/** The means of some columns. */
function meanOf<Key extends string>(
  rows: readonly Readonly<Record<Key, number>>[],
  keys: readonly Key[],
): Record<Key, number> {
  const entries = keys.map((key) => [key, mean(rows.map((row) => row[key]))]);
  return Object.fromEntries(entries) as Record<Key, number>;
}
