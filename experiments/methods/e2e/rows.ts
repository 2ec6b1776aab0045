/** Rows of E2E: from answers to scores, and methods side by side in five metrics. @module */

import { standardDeviation } from "../../../src/core/numbers.ts";
import { Random } from "../../../src/core/random.ts";
import { type E2eMeaning, type ReferencedOutput, wordNetSynonyms } from "../../../src/data/mod.ts";
import type { Device } from "../../../src/device/device.ts";
import { evaluate } from "../../../src/train/mod.ts";
import type { MadeRun } from "../../frame/mod.ts";
import { bleu, scoreTexts, textMetrics } from "../../text_metrics/mod.ts";
import {
  baselineRow,
  type ChosenMethod,
  type MethodCell,
  MethodComparison,
  type MethodRow,
  methodRow,
} from "../comparison.ts";
import { answersOf, type E2eTask, lora, openBase, splitSeed } from "./runs.ts";

/** Scores of a run's answers; `value` is BLEU in percent, as METEOR and ROUGE-L are. */
export interface E2eRow extends MethodRow {
  /** NIST in bits. */
  readonly nist: number;
  /** METEOR without paraphrases. */
  readonly meteor: number;
  /** ROUGE-L. */
  readonly rougeL: number;
  /** CIDEr. */
  readonly cider: number;
  /** Of the first references, in nats per token; absent for what is no model. */
  readonly loss?: number;
  /** Standard deviation of its BLEU less LoRA's with the same seed, over draws of the meanings. */
  readonly choice?: number;
}

/** A metric of the table. */
interface E2eMetric {
  /** Its key in a row. */
  readonly key: "value" | "nist" | "meteor" | "rougeL" | "cider";
  /** Its name. */
  readonly label: string;
  /** Decimals, as the paper prints it. */
  readonly decimals: number;
}

/** All five, in the paper's order. */
export const e2eMetrics: readonly E2eMetric[] = [
  { key: "value", label: "BLEU", decimals: 1 },
  { key: "nist", label: "NIST", decimals: 2 },
  { key: "meteor", label: "METEOR (no paraphrases)", decimals: 1 },
  { key: "rougeL", label: "ROUGE-L", decimals: 1 },
  { key: "cider", label: "CIDEr", decimals: 2 },
];

/** In so many of the five, one method has to be above another to be better. */
const mostMetrics = 3;

/** A metric with what the methods have in it. */
export interface ComparedMetric extends E2eMetric {
  /** The methods side by side. */
  readonly compared: MethodComparison;
}

/** Methods side by side, in five metrics. */
export class E2eComparison {
  /** One for each metric. */
  readonly metrics: readonly ComparedMetric[];

  /** Reads rows; `noise` is each metric's where the rows are means whose seeds are not known. */
  constructor(rows: readonly E2eRow[], noise: Partial<Record<E2eMetric["key"], number>> = {}) {
    this.metrics = e2eMetrics.map((metric) => {
      const own = rows.map((row) => ({ ...row, value: row[metric.key] }));
      return {
        ...metric,
        compared: new MethodComparison(own, "highest", undefined, noise[metric.key]),
      };
    });
  }

  /** True if all these methods have rows. */
  has(...keys: readonly string[]): boolean {
    return this.metrics[0].compared.has(...keys);
  }

  /** A method's name and trained values, with its BLEU. */
  cell(key: string): MethodCell {
    return cellIn(this.metrics[0], key);
  }

  /** Number of metrics in which one method is above another by more than the noise. */
  above(one: string, other: string): number {
    const isAbove = (metric: ComparedMetric) =>
      metric.compared.isBetter(cellIn(metric, one), cellIn(metric, other));
    return this.metrics.filter(isAbove).length;
  }

  /** True if one is above another in most metrics, and below it in none. */
  isBetter(one: string, other: string): boolean {
    return this.above(one, other) >= mostMetrics && this.above(other, one) === 0;
  }
}

/** A method's mean in a metric; it has one size. */
export const cellIn = ({ compared: { cells } }: ComparedMetric, key: string): MethodCell =>
  cells.find((cell) => cell.key === key)!;

/** Answers with their references. */
export type Texts = readonly ReferencedOutput[];

/** Scores of texts. */
export type Scores = Pick<E2eRow, "value" | "nist" | "meteor" | "rougeL" | "cider">;

/** The rows of what is not trained, and of all runs. */
export async function rowsOf(
  made: readonly MadeRun<ChosenMethod>[],
  task: E2eTask,
  device: Device,
): Promise<E2eRow[]> {
  const meanings = await task.meanings("test"), scoresOf = await scorer();
  const textsOf = (answers: readonly string[]): Texts =>
    meanings.map(({ references }, i) => ({ output: answers[i], references }));
  const untrained = (key: string, label: string, answers: readonly string[]): E2eRow => {
    const scores = scoresOf(textsOf(answers));
    return { ...baselineRow({ key, label, size: "none", value: scores.value }), ...scores };
  };
  const runs = made.map((run) => ({ run, texts: textsOf(run.metrics.answers as string[]) }));
  const base = await baseOf(task, device);
  return [
    { ...untrained("base", "the base, not trained", base.answers), loss: base.loss },
    untrained("values", "the values of the meaning", meanings.map(valuesOf)),
    ...runs.map(({ run, texts }): E2eRow => {
      const scores = scoresOf(texts), { seed } = run.chosen;
      const other = runs.find(({ run: { chosen } }) =>
        chosen.method.key === lora && chosen.seed === seed
      );
      return {
        ...{ ...methodRow(run, scores.value), ...scores, loss: run.metrics.loss as number },
        ...other && other.run !== run && { choice: choiceNoise(texts, other.texts) },
      };
    }),
  ];
}

/** Scores texts; BLEU, METEOR and ROUGE-L in percent. */
export async function scorer(): Promise<(texts: Texts) => Scores> {
  const tables = { synonyms: await wordNetSynonyms() };
  return (texts: Texts) => {
    const { bleu, nist, meteorWithoutParaphrases, rougeL, cider } = scoreTexts(
      texts,
      textMetrics,
      tables,
    );
    const meteor = 100 * meteorWithoutParaphrases!;
    return { value: 100 * bleu, nist, meteor, rougeL: 100 * rougeL, cider };
  };
}

async function baseOf(task: E2eTask, device: Device) {
  using base = await openBase(device, task);
  const { loss } = await evaluate(base, await task.measured("test"));
  return { loss, answers: await answersOf(base, task) };
}

/** `Blue Spice, pub, riverside.` of `name[Blue Spice], eatType[pub], area[riverside]`. */
export const valuesOf = ({ meaning }: Pick<E2eMeaning, "meaning">): string =>
  Array.from(meaning.matchAll(/\[(.*?)\]/g), ([, value]) => value).join(", ") + ".";

/** Draws of the meanings. */
const draws = 200;

/** The standard deviation of the difference of two BLEU, in percent, over draws of the same meanings with replacement. */
export function choiceNoise(one: Texts, other: Texts): number {
  const random = new Random(splitSeed);
  const differences = Array.from({ length: draws }, () => {
    const drawn = one.map(() => random.integer(one.length));
    const [own, others] = [one, other].map((texts) => bleu(drawn.map((at) => texts[at])));
    return 100 * (own - others);
  });
  return standardDeviation(differences);
}
