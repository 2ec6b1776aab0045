/**
 * Rows of the directions that adapters share, and of the values that a shared basis saves and
 * loses.
 *
 * @module
 */

import { injectUpdates, type LowRankUpdate } from "../../src/adapt/mod.ts";
import {
  type CommonDirections,
  commonDirections,
  randomSimilarity,
  sharedBasis,
  similarityGrid,
  sumError,
  toTensor,
  truncateUpdate,
  type UpdateDirections,
  updateDirections,
} from "../../src/analysis/mod.ts";
import { mean } from "../../src/core/numbers.ts";
import { siteName } from "../../src/core/update.ts";
import type { GlossTask, PartOfSpeech } from "../../src/data/mod.ts";
import { readAdapter } from "../../src/formats/mod.ts";
import {
  type DenseMatrix,
  denseOf,
  multiply,
  multiplyTransposed,
  rowsOf,
  transposed,
} from "../../src/linalg/mod.ts";
import type { TextModel } from "../../src/models/mod.ts";
import { alpha } from "../adaptation/methods.ts";
import { loadBase } from "../base_model.ts";
import type { ExperimentContext, MadeRun, PlanContext, PlannedRun } from "../frame/mod.ts";
import { type GlossData, glossLoss, planGloss, shortGlossData } from "../gloss_runs.ts";

/** Task of an adapter. */
interface WasteTask {
  /** Its name in tables. */
  readonly name: string;
  /** Part of speech of its words. */
  readonly part: PartOfSpeech;
  /** Its kind: to define words, or to name their kind. */
  readonly task: GlossTask;
}

/** Two share their words, two the form of the answer. */
export const wasteTasks: readonly WasteTask[] = [
  { name: "define nouns", part: "noun", task: "gloss" },
  { name: "define verbs", part: "verb", task: "gloss" },
  { name: "kinds of nouns", part: "noun", task: "kind" },
  { name: "kinds of verbs", part: "verb", task: "kind" },
];

/** Initial A of the adapters: one for each task, or the same for all. */
export type Starts = "own" | "one";

/** Both starts, in the order of the report. */
export const allStarts: readonly Starts[] = ["own", "one"];

/** An adapter. */
export interface WasteRun {
  readonly rank: number;
  readonly starts: Starts;
  readonly seed: number; // of the job
  readonly task: number; // place in wasteTasks
}

/** The ranks of the study. */
export const wasteRanks: readonly number[] = [2, 4, 8, 16, 32];

/** Decision 0041 has the reasons. */
export const wasteSteps = 80, wasteRate = 1e-2, wastePairs = 128;

/** Data that a task is trained and measured on. */
function wasteData({ part, task }: WasteTask, quick: boolean): GlossData {
  const examples = quick ? 16 : wastePairs;
  return { ...shortGlossData(part, quick), task, evaluation: { split: "test", examples } };
}

/** Seed of A and of the batches: tasks of one start have one. */
const seedOf = ({ seed, starts, task }: WasteRun): number =>
  10 * seed + (starts === "own" ? task + 1 : 0);

/** All adapters of a job. */
export function wasteRuns({ seeds, quick }: PlanContext): PlannedRun<WasteRun>[] {
  const ranks = quick ? wasteRanks.slice(0, 1) : wasteRanks, steps = quick ? 5 : wasteSteps;
  const runs = ranks.flatMap((rank) =>
    seeds.flatMap((seed) =>
      allStarts.flatMap((starts) =>
        wasteTasks.map((_, task): WasteRun => ({ rank, starts, seed, task }))
      )
    )
  );
  return runs.map((run) => ({
    ...planGloss({
      ...{
        method: { kind: "lora", rank: run.rank, alpha, sites: "all" },
        seed: seedOf(run),
        steps,
      },
      ...{ learningRate: wasteRate, data: wasteData(wasteTasks[run.task], quick) },
    }, `r = ${run.rank}, ${wasteTasks[run.task].name}`),
    chosen: run,
  }));
}

/** Adapters, each with its sites in the same order. */
type Adapters = readonly (readonly LowRankUpdate[])[];

/** Adapters in place of others. */
interface Replaced {
  /** Adapters in the same number, of as many sites. */
  readonly adapters: Adapters;
  /** Values that have to be stored. */
  readonly values: number;
}

/**
 * Puts each adapter on the largest common basis of its site that stores at most a share of the
 * values.
 */
export function withSharedBasis(adapters: Adapters, share: number): Replaced {
  const sites = adapters[0].map((_, place) => {
    const updates = adapters.map((own) => own[place]);
    const most = share * updates.reduce((sum, update) => sum + valuesOf(update), 0);
    const { inputs, outputs } = commonDirections(updates), count = updates.length;
    const ends = inputs.columns + outputs.columns, size = largestBasis(ends, count, most);
    const basis = { inputs: firstOf(inputs, size), outputs: firstOf(outputs, size) };
    return {
      updates: updates.map((update) => ({ ...update, ...projectUpdate(update, basis) })),
      values: size * (ends + count * size),
    };
  });
  return {
    adapters: adapters.map((_, i) => sites.map(({ updates }) => updates[i])),
    values: sites.reduce((sum, { values }) => sum + values, 0),
  };
}

/** The largest k with k · ends + count · k² ≤ most. */
export function largestBasis(ends: number, count: number, most: number): number {
  return Math.floor((Math.sqrt(ends ** 2 + 4 * count * most) - ends) / (2 * count));
}

const firstOf = (directions: DenseMatrix, size: number): DenseMatrix =>
  rowsOf(directions, 0, Math.min(size, directions.rows));

/** P ΔW Q with the projections on directions of outputs and of inputs, in factors of the same rank. */
export function projectUpdate(
  { A, B, scaling }: Pick<LowRankUpdate, "A" | "B" | "scaling">,
  { inputs, outputs }: CommonDirections,
): Pick<LowRankUpdate, "A" | "B" | "scaling"> {
  return {
    A: toTensor(onto(denseOf(A), inputs)),
    B: toTensor(transposed(onto(transposed(denseOf(B)), outputs))),
    scaling,
  };
}

/** The rows, projected on the span of orthonormal directions. */
const onto = (rows: DenseMatrix, directions: DenseMatrix): DenseMatrix =>
  multiply(multiplyTransposed(rows, directions), directions);

/** Cuts each adapter down to a share of its rank, which must be whole. */
export function cutDown(adapters: Adapters, share: number): Replaced {
  const cut = adapters.map((own) =>
    own.map((update) => ({ ...update, ...truncateUpdate(update, share * update.A.shape[0]) }))
  );
  return { adapters: cut, values: cut.flat().reduce((sum, update) => sum + valuesOf(update), 0) };
}

/** Values of A and B. */
export const valuesOf = ({ A, B }: Pick<LowRankUpdate, "A" | "B">): number =>
  A.data.length + B.data.length;

/** ‖ΔW − ΔW′‖ / ‖ΔW‖ over all sites of an adapter. */
export function errorOf(own: readonly LowRankUpdate[], other: readonly LowRankUpdate[]): number {
  const errors = own.map((update, i) => sumError([{ update, weight: 1 }], other[i]));
  const sum = (key: "frobenius" | "norm") => errors.reduce((all, one) => all + one[key] ** 2, 0);
  return Math.sqrt(sum("frobenius") / sum("norm"));
}

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
