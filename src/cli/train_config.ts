/** The configuration file of `train`. @module */

import { readJson } from "../core/files.ts";
import type { TrainingSpec } from "../runs/mod.ts";
import type { Fields } from "./cases.ts";
import { anything, checkFields, count, number, oneOf, pair } from "./fields.ts";
import { checkMethod } from "./method.ts";

/** What the file says. */
export interface TrainConfig {
  /** How to train. */
  readonly training: TrainingSpec;
  /** What to train, if the file says so. */
  readonly method: Fields | undefined;
}

const rules = {
  steps: count,
  learningRate: number,
  betas: pair,
  epsilon: number,
  weightDecay: number,
  schedule: oneOf("linear", "cosine", "constant"),
  warmupSteps: count,
  clipNorm: number,
  method: anything,
};

/**
 * Reads `{"steps", "learningRate", ...}`.
 *
 * @throws {SyntaxError} when a field is missing, unknown or invalid.
 */
export async function readTrainConfig(path: string): Promise<TrainConfig> {
  const { method, ...training } = checkFields(path, await readJson(path), rules);
  for (const key of ["steps", "learningRate"]) {
    if (training[key] === undefined) throw new SyntaxError(`${path} must have ${key}`);
  }
  return {
    training: training as unknown as TrainingSpec,
    method: method === undefined ? undefined : checkMethod(method),
  };
}
