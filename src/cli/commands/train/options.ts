/** The options of `train`, and which of them go together. @module */

import { parseUniqueJson } from "../../../core/checks.ts";
import type { TrainingSpec } from "../../../runs/mod.ts";
import { readJson } from "../../../storage/files.ts";
import { trainingOptimizers } from "../../../train/mod.ts";
import { batchExample, type Fields } from "../../cases.ts";
import type { CommonOptions } from "../../common.ts";
import {
  type BaseDtypeOption,
  type CheckpointingOption,
  dtypeOf,
  type DtypeOption,
  optionName,
  storedTypes,
} from "../../options.ts";
import type { DataOptions } from "./data.ts";
import {
  anything,
  checkFields,
  checkMethod,
  count,
  flag,
  type MethodOptions,
  number,
  oneOf,
  pair,
  positive,
} from "./method.ts";

/** Options of `train`. */
export interface TrainOptions
  extends
    CommonOptions,
    BaseDtypeOption,
    DtypeOption,
    CheckpointingOption,
    MethodOptions,
    DataOptions {
  readonly batches?: string;
  readonly config?: string;
  readonly output: string;
  readonly learningRate?: number;
  readonly loraPlusRatio?: number;
  readonly optimizer?: TrainingSpec["optimizer"];
  readonly steps?: number;
  readonly epochs?: number;
  readonly patience?: number;
  readonly validateEvery?: number;
  readonly checkpointEvery?: number;
}

/**
 * Refuses options that do not go together.
 *
 * @throws {RangeError} then.
 */
export function assertTogether(options: TrainOptions): void {
  const { data, batches, steps, epochs } = options;
  if (data === undefined && batches === undefined) {
    throw new RangeError(
      `train needs --data FILE with texts, or --batches FILE with token ids as in ${batchExample}, found neither`,
    );
  }
  if (data !== undefined && batches !== undefined) {
    throw new RangeError(`train takes --data or --batches, found both: ${data} and ${batches}`);
  }
  if (steps !== undefined && epochs !== undefined) {
    throw new RangeError(`train takes --steps or --epochs, found both: ${steps} and ${epochs}`);
  }
  const { batchSize, tokensPerStep } = options;
  if (batchSize !== undefined && tokensPerStep !== undefined) {
    throw new RangeError(
      `train takes --batch-size or --tokens-per-step, found both: ${batchSize} and ${tokensPerStep}`,
    );
  }
  const given = ofTexts.filter((name) => options[name] !== undefined).map(optionName);
  if (data !== undefined || given.length === 0) return;
  throw new RangeError(`${given.join(" and ")} must come with --data, found --batches`);
}

/** Options that batches of token ids have no use for. */
const ofTexts = [
  "validation",
  "promptTemplate",
  "batchSize",
  "tokensPerStep",
  "batchOrder",
  "patience",
  "validateEvery",
  "epochs",
] as const;

/** Options with what the configuration says of batches, unless the command line says how large they are. */
export const withBatching = (options: TrainOptions, { batching }: TrainConfig): TrainOptions =>
  options.batchSize === undefined && options.tokensPerStep === undefined
    ? { ...options, ...batching }
    : options;

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
