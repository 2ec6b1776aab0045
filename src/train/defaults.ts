/** Settings of a training that needs no thought. @module */

import type { ScheduleName } from "./schedule.ts";

/**
 * What is trained: a model's own weights, matrices of an adapter, the model's biases alone, or other vectors alone,
 * those of virtual tokens or VeRA's.
 */
export type TrainedKind = "weights" | "matrices" | "biases" | "vectors";

/** What the settings depend on. */
export interface DefaultsFor {
  /** Batches in a pass over the data. */
  readonly batches: number;
  /** Width of the model. */
  readonly width: number;
  /** α / r of an adapter; 1 for full fine-tuning. */
  readonly scaling: number;
  /** What is trained. */
  readonly trained: TrainedKind;
}

/** Settings by their names in the options of a training. */
export interface DefaultSettings {
  /** Ten passes, but at least 200 steps; of large data at most 1,000 steps, or one pass. */
  readonly steps: number;
  /** Falls with the width and the scaling. */
  readonly learningRate: number;
  /** To 0 at the last step. */
  readonly schedule: ScheduleName;
  /** Once a pass, but at most every 10 and at least every 100 steps. */
  readonly validateEvery: number;
}

/**
 * The learning rate times width and scaling. It is 5e-3 for an adapter of scaling 1 on the shipped model of
 * width 256; of four rates that were tried there on two files of texts, 1e-2 did better on both, and the
 * default is half of it, as too small a rate costs steps and too large a one the training. For GPT-2
 * medium of the paper's Table 11 (width 1024, scaling 8) it would be 1.6e-4, where the paper has 2e-4.
 */
const rateTimesWidth = 1.28;

/**
 * By how much what is trained takes another rate. A model's own weights take a tenth.
 *
 * Vectors take ten times an adapter's rate. On the same model and two files, of 5e-3, 2e-2, 5e-2 and 1e-1, 1e-1 was the
 * best or within 1e-3 nats of it with every prefix method on both; this is half of it, for the same reason. VeRA's
 * held-out losses at these and at 3e-1 were 3.21, 0.95, 0.27, 0.17 and 0.16 nats on the one file and 3.89, 3.08, 3.00,
 * 2.91 and 3.10 on the other; in the search of decision 0027 1e-1 was the best of 3e-2, 1e-1 and 3e-1.
 *
 * Biases take four times: of 5e-3, 2e-2, 5e-2, 1e-1 and 3e-1, the held-out losses of BitFit were 0.90, 0.42, 0.31, 0.34
 * and 3.59 nats on the one file and 3.07, 2.95, 3.47 and no better than the base on the other; in the search of decision
 * 0027 1e-2, 3e-2 and 1e-1 gave 3.72, 3.66 and 3.64. Of all of these 2e-2 alone did better than 5e-3 everywhere.
 *
 * With a new head beside them, which has a matrix, they take an adapter's rate: on a model of width 128, where that is
 * 1e-2, the same search found 1e-2 (VeRA 3e-2), the lowest that it tried, and 1e-1 did far worse.
 */
const times: Readonly<Record<TrainedKind, number>> = {
  weights: 0.1,
  matrices: 1,
  biases: 4,
  vectors: 10,
};

/** Settings for a training on some batches. */
export function defaultSettings(
  { batches, width, scaling, trained }: DefaultsFor,
): DefaultSettings {
  const rate = rateTimesWidth / (width * Math.max(1, Math.abs(scaling)));
  return {
    steps: Math.min(Math.max(10 * batches, 200), Math.max(1000, batches)),
    learningRate: Number((times[trained] * rate).toPrecision(2)),
    schedule: "linear",
    validateEvery: Math.min(Math.max(batches, 10), 100),
  };
}

/** Measurements in a row that may bring nothing before a training on texts ends. */
export const defaultPatience = 3;
