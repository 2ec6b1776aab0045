/** Tables 3, 6 and 18 on a real decoder. @module */

import { type Experiment, experiment, LeftOut, type PlannedRun } from "../frame/mod.ts";
import type { TriedRates } from "../methods/rates.ts";
import { realClaims } from "./claims.ts";
import found from "./learning_rates.json" with { type: "json" };
import shipped from "./losses.json" with { type: "json" };
import { meansTable, rankFigure, runsTable } from "./pictures.ts";
import { type ChosenRun, chosenRuns, measureBase, type RealRows, rowsOf } from "./rows.ts";
import { planReal, realSteps } from "./runs.ts";
import { findReal, openReal, packedPath, type RealSizes, realSizes } from "./task.ts";

/** What every rate gave, by the method's key. */
export const tried: Readonly<Record<string, TriedRates>> = found.tried;

/** A quick run's: one rank, little of everything. */
const quickSizes: RealSizes = { heldOut: 4, answered: 2, validation: 4, newTokens: 8, others: 2 };

const sizesOf = (quick: boolean) => quick ? quickSizes : realSizes;

function runsOf(seeds: readonly number[], quick: boolean): ChosenRun[] {
  const runs = chosenRuns(tried, seeds);
  return quick ? runs.slice(0, 1).map((run) => ({ ...run, steps: 2, kept: [] })) : runs;
}

/** Which rank, and which method, on SmolLM2 and E2E. */
export const rankReal: Experiment = experiment<ChosenRun, RealRows>({
  name: "rank-real",
  title: "Which rank is enough on a real decoder?",
  question:
    "How low can the rank be on SmolLM2-135M and the paper's own task, E2E, each rank at a rate of its own? " +
    "Is LoRA better than Table 3's other methods, and what does each forget?",
  source: "Hu et al. 2021, section 7.2, tables 6 and 18, and section 5.4, table 3",
  async runs({ seeds, quick, full }) {
    const places = full || quick ? await findReal() : undefined;
    if (!places) return [];
    const task = openReal(places, sizesOf(quick));
    return runsOf(seeds, quick).map((chosen): PlannedRun<ChosenRun> => {
      return { ...planReal(task, chosen), chosen };
    });
  },
  quoted: shipped.rows.rows.length === 0 ? undefined : shipped as unknown as {
    readonly rows: RealRows;
    readonly seeds: readonly number[];
    readonly source: string;
  },
  async rows(made, { device, quick, full }) {
    if (made.length > 0) {
      const task = openReal((await findReal())!, sizesOf(quick));
      return await rowsOf(made, task, await measureBase(task, device));
    }
    return new LeftOut(
      full || quick
        ? `LOWRANK_DATA is not a folder with ${packedPath}, E2E and a novel, or no rate was searched`
        : "only --full trains its runs, and no rows of one are shipped",
    );
  },
  settings:
    `${realSteps} steps of 4 pairs, none seen twice, no clipping, label smoothing 0.1, α = 32; the loss is of ` +
    `${realSizes.heldOut} pairs of the test set, the metrics of greedy answers to ${realSizes.answered} of its meanings. Seeds of ` +
    "data are shared by all, starts by none (decision 0056).",
  scale: true,
  claims: realClaims,
  tables: [meansTable, runsTable],
  figures: [rankFigure],
});
