/** The options of `train`, and which of them go together. @module */

import type { TrainingSpec } from "../runs/mod.ts";
import {
  type BaseDtypeOption,
  type CheckpointingOption,
  type DtypeOption,
  optionName,
} from "./arguments.ts";
import { batchExample } from "./batches.ts";
import type { CommonOptions } from "./common.ts";
import type { MethodOptions } from "./method.ts";
import type { TrainConfig } from "./train_config.ts";
import type { DataOptions } from "./train_data.ts";

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
