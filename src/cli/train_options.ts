/** The options of `train`, and which of them go together. @module */

import type { TrainingSpec } from "../runs/mod.ts";
import type { BaseDtypeOption, CheckpointingOption, DtypeOption } from "./arguments.ts";
import { batchExample } from "./batches.ts";
import type { CommonOptions } from "./common.ts";
import type { MethodOptions } from "./method.ts";
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
  const { validation, promptTemplate, batchSize, patience, validateEvery } = options;
  const ofTexts = {
    validation,
    "prompt-template": promptTemplate,
    "batch-size": batchSize,
    patience,
    "validate-every": validateEvery,
  };
  const given = Object.entries({ ...ofTexts, epochs }).filter(([, value]) => value !== undefined);
  if (data !== undefined || given.length === 0) return;
  const names = given.map(([name]) => `--${name}`).join(" and ");
  throw new RangeError(`${names} must come with --data, found --batches`);
}
