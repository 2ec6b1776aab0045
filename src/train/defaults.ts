/** Settings of a training that needs no thought. @module */

import type { ScheduleName } from "./schedule.ts";

/** What the settings depend on. */
export interface DefaultsFor {
  /** Batches in a pass over the data. */
  readonly batches: number;
  /** Width of the model. */
  readonly width: number;
  /** α / r of an adapter; 1 for full fine-tuning. */
  readonly scaling: number;
  /** Whether every parameter is trained. */
  readonly isFull: boolean;
  /** Whether vectors alone are trained: virtual tokens, biases, or VeRA's. Default false. */
  readonly areVectors?: boolean;
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

/** Full fine-tuning takes a tenth of an adapter's learning rate. */
const fullShare = 0.1;

/**
 * Vectors take ten times an adapter's rate where no matrix is trained beside them. On the same model and two files, of
 * 5e-3, 2e-2, 5e-2 and 1e-1, 1e-1 was the best or within 1e-3 nats of it with every prefix method on both. In the
 * search of decision 0027 it was the best of BitFit's rates, 1e-2, 3e-2 and 1e-1, and of VeRA's, 3e-2, 1e-1 and 3e-1, on
 * meanings and glosses. This is half of it, for the same reason. With a new head beside them, on a model of
 * width 128 where an adapter takes 1e-2, the same search found 1e-2 (VeRA 3e-2), the lowest that it tried, and 1e-1
 * did far worse.
 */
const vectorTimes = 10;

/** Settings for a training on some batches. */
export function defaultSettings(
  { batches, width, scaling, isFull, areVectors = false }: DefaultsFor,
): DefaultSettings {
  const rate = rateTimesWidth / (width * Math.max(1, Math.abs(scaling)));
  return {
    steps: Math.min(Math.max(10 * batches, 200), Math.max(1000, batches)),
    learningRate: Number(
      ((areVectors ? vectorTimes : isFull ? fullShare : 1) * rate).toPrecision(2),
    ),
    schedule: "linear",
    validateEvery: Math.min(Math.max(batches, 10), 100),
  };
}

/** Measurements in a row that may bring nothing before a training on texts ends. */
export const defaultPatience = 3;
