/** The options of `train`, and which of them go together. @module */

import { parseUniqueJson } from "../../../core/checks.ts";
import { batchOrders } from "../../../data/mod.ts";
import { anything, count, flag, number, oneOf, pair, positive } from "../../../methods/option.ts";
import type { TrainingSpec } from "../../../runs/mod.ts";
import { readJson } from "../../../storage/files.ts";
import { trainingOptimizers } from "../../../train/mod.ts";
import { batchExample, type Fields } from "../../cases.ts";
import { group, option, required } from "../../command.ts";
import type { CommonOptions } from "../../common.ts";
import {
  allowOption,
  type BaseDtypeOption,
  baseDtypeOption,
  type CheckpointingOption,
  checkpointingOption,
  dtypeOf,
  type DtypeOption,
  dtypeOption,
  finiteNumber,
  modelFolder,
  once,
  type Option,
  optionName,
  positiveNumber,
  shareOrFile,
  storedTypes,
  template,
  wholeNumber,
} from "../../options.ts";
import type { DataOptions } from "./data.ts";
import { checkFields, checkMethod, type MethodOptions, methodOptions } from "./method.ts";

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

const materialOptions = group("What is trained, and on what:", [
  required("--model <folder>", "Hugging Face folder or GGUF file", modelFolder),
  option("--data <file>", "texts to train on: .jsonl, .csv or .txt"),
  option("--prompt-template <text>", "around prompts: 'Q: {prompt}\\nA:'", template),
  option("--adapter <folder>", "folder of an adapter to train further", once),
  allowOption(),
  baseDtypeOption(),
  option("--batches <file>", "JSON file with batches of token ids, instead of texts"),
]);

const stepOptions = group("Steps:", [
  option("--epochs <n>", "passes over the texts (default: 10)", positiveNumber),
  option(
    "--steps <n>",
    "steps, instead of passes (default: 10 passes, at least 200 steps, at most 1000 or one pass)",
    wholeNumber,
  ),
  option(
    "--learning-rate <x>",
    "size of a step (default: from the width and the scaling)",
    finiteNumber,
  ),
  option(
    "--lora-plus-ratio <x>",
    "LoRA+: the learning rate of B, as a multiple of that of A (default: one rate)",
    finiteNumber,
  ),
  option("--optimizer <name>", "what trains (default: adamw)").choices(trainingOptimizers),
  option("--batch-size <n>", "texts in a step (default: 8)", positiveNumber),
  option("--tokens-per-step <n>", "most tokens in a step, instead of texts", positiveNumber),
  option(
    "--batch-order <order>",
    "which texts share a step (default: random; with --tokens-per-step like-length)",
  ).choices(batchOrders),
  checkpointingOption(),
  option("--config <file>", "JSON file with training settings"),
]);

const heldOutOptions = group("Held-out texts:", [
  option(
    "--validation <share>",
    "share of the texts to hold out, or a file (default: 0.1, at most 200 texts)",
    shareOrFile,
  ),
  option(
    "--validate-every <n>",
    "steps between measurements of the held-out loss (default: a pass, at least 10 and at most 100)",
    positiveNumber,
  ),
  option(
    "--patience <n>",
    "end after this many measurements without a lower held-out loss (default: 3)",
    positiveNumber,
  ),
]);

/** The options of `train`, each combination of which is a training: `sweep` makes several. */
export const trainOptions: readonly Option[] = [
  ...materialOptions,
  ...methodOptions("lora; full for batches if no lora option is given"),
  ...stepOptions,
  ...heldOutOptions,
  ...group("What is saved:", [
    required("--output <folder>", "folder to write"),
    dtypeOption("f32, or that of --adapter"),
    option(
      "--checkpoint-every <n>",
      "steps between checkpoints, from which a killed training resumes (default: 100)",
      positiveNumber,
    ),
  ]),
];

/**
 * Asserts that options go together.
 *
 * @throws {RangeError} when two do not.
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

/** The content of the file. */
export interface TrainConfig {
  /** Settings of the training, as far as it has some. */
  readonly training: Partial<TrainingSpec>;
  /** The method, if the file has one. */
  readonly method: Fields | undefined;
  /** The size of batches of texts, if the file has it. */
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
  modulesToSaveRate: number,
  loraDamping: number,
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
