/** Speed of several runs over one base at once, against the same runs in a row. @module */

import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { type Figure, linesFigure, table } from "../../src/figures/mod.ts";
import { loadBase } from "../base_model.ts";
import { type Experiment, experiment, type ExperimentContext } from "../frame/mod.ts";
import { timeInTurns } from "../quantized/speed/turns.ts";
import {
  boundOf,
  loadText,
  type RunsAtOnce,
  runsAtOnceClaims,
  speedupOf,
  type VariantTimes,
} from "./claims.ts";
import { compareRuns } from "./equality.ts";
import { allVariants, rank, ruled, ruledVariants, trainedSteps, trainingOf } from "./variants.ts";

async function measure(context: ExperimentContext): Promise<RunsAtOnce> {
  const { device, seeds: [seed], report } = context;
  report(0, "comparing runs");
  const own = await compareRuns(device, seed);
  using plain = await openCpuDevice({ blas: false });
  const differences = [own, await compareRuns(plain, seed)] as const;
  report(0.2, "timing trainings");
  return { times: await timeTrainings(context), differences };
}

async function timeTrainings(
  { device, seeds: [seed], quick, full, signal }: ExperimentContext,
): Promise<VariantTimes[]> {
  using base = await loadBase(device);
  using owner = new DisposableStack();
  const variants = full ? allVariants : ruledVariants;
  const work = variants.map((variant) => trainingOf(base, variant, seed, owner));
  const times = await timeInTurns(work, quick ? 1 : 60, signal);
  return variants.map((variant, i) => ({ ...variant, ...times[i] }));
}

const isRuled = ({ rows, tokens, all }: VariantTimes): boolean =>
  rows === ruled.rows && tokens === ruled.tokens && all === ruled.all;

/** Time by number of runs. */
function timeFigure(found: RunsAtOnce): Figure {
  const line = (name: string, kind: VariantTimes["kind"]) => {
    const own = found.times.filter((one) => one.kind === kind && isRuled(one))
      .sort((a, b) => a.runs - b.runs);
    return {
      name,
      x: own.map(({ runs }) => runs),
      y: own.map(({ minimum }) => minimum / trainedSteps),
    };
  };
  return linesFigure(
    {
      id: "runs-at-once",
      title: "The time of a step of several runs over one base",
      caption: `LoRA of rank ${rank} on q and v of the small base, ${
        loadText(ruled)
      } a step and run. The least of the rounds.`,
      x: { title: "runs" },
      y: { title: "ms for a step of all" },
    },
    [line("in a row", "in a row"), line("at once", "at once")],
  );
}

/** Ratio of the speed to that in a row, for variants that have such a time. */
function timesAsFast(found: RunsAtOnce, one: VariantTimes): number | undefined {
  if (one.kind === "at once") return speedupOf(found, one, one.runs).ratio;
  return one.kind === "one run" ? boundOf(found, one).ratio : undefined;
}

const kindText = ({ kind }: VariantTimes): string =>
  kind === "one run" ? "one run with the rows of all" : kind;

/** K ranks, seeds or rates at once, against K runs in a row. */
export const runsAtOnce: Experiment = experiment<never, RunsAtOnce>({
  name: "runs-at-once",
  seconds: 20,
  title: "Runs at once over one base",
  question: "How much faster are several trainings over one frozen base at once than in a row?",
  source: "Hu et al. 2021, section 4.1 leaves it open",
  beyond: true,
  rows: (_, context) => measure(context),
  seeds: "{seed}",
  settings: (found) =>
    `Trainings of ${trainedSteps} steps of the small base, LoRA of rank ${rank}, from the first launch to the last loss ` +
    `read; ${found.times[0].rounds} rounds, all taking turns. Decision 0039 has the rules.`,
  claims: runsAtOnceClaims,
  tables: [(found) =>
    table<VariantTimes>({
      id: "runs-at-once",
      title: "The time of trainings",
      columns: [
        ["kind", "trained", "text", kindText],
        ["runs", "runs", "count"],
        ["load", "a step of a run", "text", loadText],
        ["minimum", "least (ms)", "time"],
        ["median", "median (ms)", "time"],
        ["times", "times as fast as in a row", "number", (row) => timesAsFast(found, row)],
      ],
      rows: found.times,
    })],
  figures: [timeFigure],
});
