/** Scores of every method's answers, and their comparison by the rules of decision 0030. @module */

import { type MethodCell, MethodComparison, type MethodRow } from "../comparison.ts";

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
export interface E2eMetric {
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
