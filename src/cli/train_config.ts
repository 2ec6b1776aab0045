/** The configuration file of `train`. @module */

import { readJson } from "../core/files.ts";
import { parseUniqueJson } from "../core/json.ts";
import type { TrainingSpec } from "../runs/mod.ts";
import { trainingOptimizers } from "../train/mod.ts";
import { dtypeOf, type DtypeOption, storedTypes } from "./arguments.ts";
import type { Fields } from "./cases.ts";
import { anything, checkFields, count, flag, number, oneOf, pair, positive } from "./fields.ts";
import { checkMethod } from "./method.ts";

/** What the file says. */
export interface TrainConfig {
  /** How to train, as far as it says. */
  readonly training: Partial<TrainingSpec>;
  /** What to train, if the file says so. */
  readonly method: Fields | undefined;
  /** How large batches of texts are, if the file says so. */
  readonly batching?: { readonly batchSize?: number; readonly tokensPerStep?: number };
  /** Steps between checkpoints, if the file says so: no part of what is trained. */
  readonly checkpointEvery?: number;
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
  optimizer: oneOf(...trainingOptimizers),
  loraPlusRatio: number,
  loraPlusEmbeddingRate: number,
  activationCheckpointing: flag,
  batchSize: positive,
  tokensPerStep: positive,
  validateEvery: positive,
  checkpointEvery: positive,
  dtype: oneOf(...Object.keys(storedTypes)),
  method: anything,
};

/**
 * Reads `{"steps", "learningRate", ...}`.
 *
 * @throws {SyntaxError} when a field is unknown or invalid.
 */
export async function readTrainConfig(path: string): Promise<TrainConfig> {
  const fields = checkFields(path, await readJson(path, parseUniqueJson), rules);
  const { method, checkpointEvery, dtype, batchSize, tokensPerStep, ...training } = fields;
  return {
    training: { ...training, dtype: dtypeOf({ dtype } as DtypeOption) },
    method: method === undefined ? undefined : checkMethod(method),
    batching: { batchSize, tokensPerStep } as TrainConfig["batching"],
    checkpointEvery: checkpointEvery as number | undefined,
  };
}

/**
 * Settings with which a trainer can begin.
 *
 * @throws {SyntaxError} when there is no number of steps or no learning rate.
 */
export function completeTraining(training: Partial<TrainingSpec>): TrainingSpec {
  const { steps, learningRate } = training;
  for (const [option, value] of Object.entries({ steps, "learning-rate": learningRate })) {
    if (value !== undefined) continue;
    throw new SyntaxError(
      `train needs --${option}, or a configuration with it, for batches of tokens`,
    );
  }
  return training as TrainingSpec;
}
