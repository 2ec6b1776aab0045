/** Held-out losses of runs of the study, a row for each choice of sites and rank. @module */

import { loadAdapter } from "../../src/adapt/mod.ts";
import { mean, range } from "../../src/core/numbers.ts";
import type { Device } from "../../src/device/device.ts";
import { type DataTable, table } from "../../src/figures/mod.ts";
import type { RunResult } from "../../src/runs/mod.ts";
import { evaluate } from "../../src/train/mod.ts";
import { baseFolder, loadBase } from "../base_model.ts";
import type { ExperimentContext } from "../frame/mod.ts";
import { measuredOn, openEvaluation } from "../gloss_runs.ts";
import { adapterFolders } from "./adapters.ts";
import { studyData, type StudyRun } from "./runs.ts";

/** The runs of one choice: the adapted roles (`q, v`), the rank of each, and the losses in nats per token. */
export type LossRow = ReturnType<typeof lossRow>;

/** The row of the losses of some seeds. */
export function lossRow(sites: string, rank: number, trained: number, losses: readonly number[]) {
  return { sites, rank, trained, losses, loss: mean(losses), spread: range(losses) };
}

/** A row for each choice, in the order of the runs, and the base's loss without an adapter. */
export type StudyLosses = Awaited<ReturnType<typeof studyLosses>>;

/**
 * Losses that each device has measured, by number of pairs and the adapter's folder: tables 5 and 6
 * have runs in common.
 */
const known = new WeakMap<Device, Map<string, Promise<{ loss: number; trained: number }>>>();

/** Measures every run's adapter; `results` are those of the runs that are not shipped. */
export async function studyLosses(
  runs: readonly StudyRun[],
  results: readonly RunResult[],
  context: ExperimentContext,
) {
  const folders = await adapterFolders(runs, results, context);
  using model = await loadBase(context.device);
  const evaluation = measuredOn("test", context.quick);
  const batches = await openEvaluation({ ...studyData(context.quick), evaluation });
  const measure = async (folder: string) => {
    using adapter = folder === baseFolder ? undefined : await loadAdapter(model, folder);
    return { loss: (await evaluate(model, batches)).loss, trained: adapter?.parameterCount ?? 0 };
  };
  const losses = known.getOrInsertComputed(context.device, () => new Map());
  const lossOf = (folder: string) =>
    losses.getOrInsertComputed(`${evaluation.examples} ${folder}`, () => measure(folder));
  const { loss: base } = await lossOf(baseFolder), measured = [];
  for (const [i, { sites, rank }] of runs.entries()) {
    measured.push({ sites: sites.join(", "), rank, ...await lossOf(folders[i]) });
    context.report((i + 1) / runs.length, "measured");
  }
  const groups = Map.groupBy(measured, ({ sites, rank }) => `${sites} ${rank}`);
  const rows = [...groups.values()].map((own) => {
    const [{ sites, rank, trained }] = own;
    return lossRow(sites, rank, trained, own.map(({ loss }) => loss));
  });
  return { base, rows };
}

/** A row for each choice, the base without an adapter first. */
export const lossTable = (id: string, title: string) => ({ base, rows }: StudyLosses): DataTable =>
  table<Partial<LossRow>>({
    id,
    title,
    columns: [
      ["sites", "adapted", "text"],
      ["rank", "r", "count"],
      ["trained", "trained parameters", "count"],
      ["loss", "held-out loss (nats per token)", "nats"],
      [
        "spread",
        "spread over seeds",
        "nats",
        ({ losses = [], spread }) => losses.length > 1 ? spread : undefined,
      ],
      ["seeds", "seeds", "count", ({ losses }) => losses?.length],
    ],
    rows: [{ sites: "none (the base)", loss: base }, ...rows],
  });

/** Words of a finding about its seeds. */
export function seedsNote({ losses }: LossRow): string {
  return losses.length === 1
    ? "One seed, so the spread over seeds is unknown"
    : `Means of ${losses.length} seeds`;
}
