/** Finished runs as rows: losses of each held-out pair and of other texts, and what the answers score. @module */

import { fromTo, mean } from "../../src/core/numbers.ts";
import type { Device } from "../../src/device/device.ts";
import type { JsonRecord } from "../../src/runs/mod.ts";
import type { MadeRun } from "../frame/mod.ts";
import { chooseLeast, type ChosenRate, type TriedRates } from "../methods/rates.ts";
import { answersOf, openBase } from "../methods/e2e/runs.ts";
import { choiceNoise, scorer, type Scores, type Texts, valuesOf } from "../methods/e2e/rows.ts";
import type { MethodRow } from "../methods/comparison.ts";
import { methodOf, reportedRun } from "./plan.ts";
import { measureLosses, type RealRun, realSteps } from "./runs.ts";
import type { RealTask } from "./task.ts";

/** The measurements of a run; `value` is the held-out loss in nats per token, `seed` that of its data. */
export interface RealRow extends MethodRow, Partial<Omit<Scores, "value">> {
  /** Seed of its random start. */
  readonly start?: number;
  /** Its steps. */
  readonly steps?: number;
  /** BLEU in percent. */
  readonly bleu?: number;
  /** Loss on the base's own texts. */
  readonly own?: number;
  /** Loss on the novel. */
  readonly novel?: number;
  /** Loss of each held-out pair, in 1e-4 nats per token, separated by spaces. */
  readonly pairs?: string;
  /** Commit, device and date of its making, where it was not made in this job. */
  readonly source?: string;
  /** Standard deviation of its BLEU less that of LoRA at r = 4 with the same data, over draws of the meanings. */
  readonly choice?: number;
}

/** The study's rows. */
export interface RealRows {
  /** The base and the values of the meanings, and then the runs. */
  readonly rows: readonly RealRow[];
  /** Scored tokens of each held-out pair, separated by spaces. */
  readonly counts: string;
}

/** LoRA as Table 3 has it. */
export const loraKey = "qv-4";

/** A run with its rate's place in the grid. */
export type ChosenRun = RealRun & Pick<ChosenRate, "end">;

/** `17 0 5` of numbers, and back. */
export const packed = (values: readonly number[], unit = 1): string =>
  values.map((value) => Math.round(value / unit)).join(" ");

/** The numbers of a packed text. */
export const unpacked = (text: string, unit = 1): number[] =>
  text.split(" ").map((value) => Number(value) * unit);

/** `0.13 (0.00 to 0.28)`. */
export const meanAndRange = (values: readonly number[], decimals = 2): string =>
  `${mean(values).toFixed(decimals)} (${fromTo(values, decimals)})`;

/** The unit of a pair's loss. */
export const pairUnit = 1e-4;

/** All reported runs whose rate was searched, seed by seed, with the end of its grid where it is one. */
export function chosenRuns(
  tried: Readonly<Record<string, TriedRates>>,
  seeds?: readonly number[],
): ChosenRun[] {
  const runs = Object.keys(tried).flatMap((key) => {
    const { learningRate, end } = chooseLeast(tried[key]), method = methodOf(key);
    const own = seeds ?? method.seeds;
    return own.map((seed) => ({ ...reportedRun(method, learningRate, seed), end }));
  });
  return runs.sort((a, b) => a.data - b.data);
}

/** Scores of answers to the meanings, and the meanings' own values as answers. */
async function openScores(task: RealTask) {
  const scoresOf = await scorer(), meanings = await task.answered.meanings("test");
  const textsOf = (answers: readonly string[]): Texts =>
    meanings.map(({ references }, i) => ({ output: answers[i], references }));
  const scored = (answers: readonly string[] | undefined) => {
    if (!answers) return {};
    const { value: bleu, ...others } = scoresOf(textsOf(answers));
    return { bleu, ...others };
  };
  return { textsOf, scored, values: meanings.map(valuesOf) };
}

/** The rows of what is not trained: the base and the values of the meanings. */
export async function untrainedRows(task: RealTask, base: JsonRecord): Promise<RealRows> {
  const { scored, values } = await openScores(task);
  return {
    rows: [
      { ...untrained("base", "the base, not trained", base), ...scored(base.answers as string[]) },
      { ...untrained("values", "the values of the meaning"), ...scored(values) },
    ],
    counts: packed(base.counts as number[]),
  };
}

/** The rows of some finished runs. */
export async function runRows(
  made: readonly MadeRun<ChosenRun>[],
  task: RealTask,
): Promise<RealRow[]> {
  const { textsOf, scored } = await openScores(task);
  return made.map((run): RealRow => {
    const answers = run.metrics.answers as string[] | undefined;
    const other = loraBeside(made, run),
      choice = answers && other &&
        choiceNoise(textsOf(answers), textsOf(other.metrics.answers as string[]));
    return {
      ...runRow(run),
      ...scored(answers),
      ...choice !== undefined && { choice },
    };
  });
}

/** Measures the base as a run is measured. */
export async function measureBase(task: RealTask, device: Device): Promise<JsonRecord> {
  using base = await openBase(device, task.heldOut);
  return { ...await measureLosses(base, task), answers: await answersOf(base, task.answered) };
}

/** LoRA at r = 4 with the same data, for another run that has answers. */
function loraBeside(
  made: readonly MadeRun<ChosenRun>[],
  { chosen: { key, data } }: MadeRun<ChosenRun>,
): MadeRun<ChosenRun> | undefined {
  if (key === loraKey) return undefined;
  return made.find(({ chosen }) =>
    chosen.key === loraKey && chosen.data === data && chosen.steps === realSteps
  );
}

const lossesOf = ({ losses, own, novel }: JsonRecord) => ({
  ...{ own: own as number, novel: novel as number },
  pairs: packed(losses as number[], pairUnit),
});

const untrained = (key: string, label: string, metrics?: JsonRecord): RealRow => ({
  ...{ key, label, family: "baseline", size: "none", compared: 0, trained: 0 },
  value: metrics ? metrics.loss as number : NaN,
  ...metrics && lossesOf(metrics),
});

function runRow({ chosen, metrics }: MadeRun<ChosenRun>): RealRow {
  const { key, data: seed, start, steps, learningRate, end, method } = chosen;
  const { label } = methodOf(key), rank = method.kind === "lora" ? method.rank : undefined;
  return {
    ...{ key, label, family: method.kind === "lora" ? "LoRA" : "full" },
    size: rank === undefined ? "" : `r = ${rank}`,
    ...{ compared: 1, seed, start, steps, learningRate, ...end && { end } },
    ...{ trained: metrics.trained as number, value: metrics.loss as number },
    ...lossesOf(metrics),
  };
}
