/** Merging: no latency, exact to the bit backwards, and one task for another. @module */

import { stepsOf } from "../adaptation/adaptation.ts";
import { learningRateOf, loraMethod } from "../adaptation/methods.ts";
import { loadBase } from "../base_model.ts";
import type { Experiment, ExperimentContext, PlanField } from "../experiment.ts";
import { type GlossData, glossData, openGloss, planGloss, publishAdapter } from "../gloss_runs.ts";
import { makeRuns, type PlannedRun } from "../planned_runs.ts";
import { measureMerging } from "./checks.ts";
import { latencyFigure, latencyTable } from "./figures.ts";
import { mergingFindings } from "./findings.ts";

/** The largest rank of the adaptation experiment. */
const rank = 16;

/** Task A defines nouns, as the adaptation experiment does, whose run it shares; task B defines verbs. */
function tasksOf({ quick }: Pick<ExperimentContext, "quick">): GlossData[] {
  return [glossData("noun", quick), glossData("verb", quick)];
}

function planMerging(context: Pick<ExperimentContext, PlanField>): PlannedRun[] {
  const method = loraMethod(rank), learningRate = learningRateOf(method);
  const steps = stepsOf(context), [seed] = context.seeds;
  return tasksOf(context).map((data, index) =>
    planGloss({ method: method.spec, learningRate, seed, steps, data }, `task ${"AB"[index]}`)
  );
}

async function trainAdapters(context: ExperimentContext): Promise<string[]> {
  const report = (share: number, text: string) => context.report(0.9 * share, text);
  const results = await makeRuns(planMerging(context), { ...context, report });
  const names = tasksOf(context).map(({ part }) =>
    `${part}s-${loraMethod(rank).key}-seed${context.seeds[0]}`
  );
  return await Promise.all(
    results.map(({ folder }, i) => publishAdapter(folder, context.out, names[i])),
  );
}

/** Merged against unmerged, back again, and from one task to another. */
export const merging: Experiment = {
  name: "merging",
  title: "Merging: no latency, exact, and one task for another",
  question:
    "What does an adapter cost when the model is used, and can it be taken out again? Task A " +
    "defines nouns, task B verbs.",
  source: "Hu et al. 2021, section 4.1 and table 1",
  plan: (context) => Promise.resolve(planMerging(context)),
  async run(context) {
    const [folderA, folderB] = await trainAdapters(context);
    using model = await loadBase(context.device);
    using base = await loadBase(context.device);
    const [dataA, dataB] = tasksOf(context);
    const [{ inputs }] = await openGloss(dataA, "test", 7, 1);
    const rounds = context.quick ? 5 : 30;
    const input = { model, base, folderA, folderB, dataB, inputs, rounds },
      { shape } = inputs.tokens;
    const result = await measureMerging(input);
    context.report(1, "merged, unmerged, switched");
    return {
      settings:
        `Two adapters of rank ${rank} on every linear layer, trained as in the comparison above. ` +
        `Timing: ${rounds} forward passes of ${shape[0]} sequences of ${shape[1]} tokens ` +
        "each, the three models in turn.",
      findings: mergingFindings(result),
      tables: [latencyTable(result.timings, shape)],
      figures: [latencyFigure(result.timings, rank, context.device.description)],
    };
  },
};
