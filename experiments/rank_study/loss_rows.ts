/** Held-out losses of runs of the study, a row for each choice of sites and rank. @module */

import { loadAdapter } from "../../src/adapt/mod.ts";
import { evaluate } from "../../src/train/mod.ts";
import { loadBase } from "../base_model.ts";
import type { ExperimentContext } from "../frame/context.ts";
import { openEvaluation } from "../gloss_runs.ts";
import { adapterFolders } from "./adapters.ts";
import type { StudyRun } from "./runs.ts";
import { studyData } from "./training.ts";

/** The runs of one choice. */
export interface LossRow {
  /** The adapted roles: `q, v`. */
  readonly sites: string;
  /** r of each site. */
  readonly rank: number;
  /** Trained values. */
  readonly trained: number;
  /** Held-out loss of each seed, nats per token. */
  readonly losses: readonly number[];
}

/** The mean over the seeds. */
export const meanLoss = ({ losses }: Pick<LossRow, "losses">): number =>
  losses.reduce((sum, loss) => sum + loss, 0) / losses.length;

/** Largest minus smallest; 0 for one seed. */
export const spreadOf = ({ losses }: Pick<LossRow, "losses">): number =>
  Math.max(...losses) - Math.min(...losses);

/** What the base loses without an adapter, and a row for each choice, in the order of the runs. */
export async function lossRows(
  runs: readonly StudyRun[],
  context: ExperimentContext,
): Promise<{ readonly base: number; readonly rows: LossRow[] }> {
  const folders = await adapterFolders(runs, context);
  using model = await loadBase(context.device);
  const batches = await openEvaluation(studyData(context.quick));
  const base = (await evaluate(model, batches)).loss, measured = [];
  for (const [i, run] of runs.entries()) {
    using adapter = await loadAdapter(model, folders[i]);
    const { loss } = await evaluate(model, batches);
    measured.push({ run, loss, trained: adapter.parameterCount });
    context.report((i + 1) / runs.length, "measured");
  }
  const groups = Map.groupBy(measured, ({ run: { sites, rank } }) => `${sites} ${rank}`);
  const rows = [...groups.values()].map((own): LossRow => {
    const [{ run: { sites, rank }, trained }] = own;
    return { sites: sites.join(", "), rank, trained, losses: own.map(({ loss }) => loss) };
  });
  return { base, rows };
}
