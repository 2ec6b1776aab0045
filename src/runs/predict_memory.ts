/** The bytes of a training step, found by running it on the dry device. @module */

import { mostBatchTokens } from "../core/limits.ts";
import { sizeOf } from "../core/tensor.ts";
import { DryDevice } from "../device/dry.ts";
import type { LedgerReading } from "../device/ledger.ts";
import type { ConfigJson } from "../architectures/mod.ts";
import {
  allocateModel,
  type FourBitForm,
  type ModelOptions,
  type StorageOptions,
  storedForms,
  type TextModel,
} from "../models/mod.ts";
import { assertStorage, filesOf } from "../models/stored_forms.ts";
import { type Batch, Trainer, type TrainerOptions } from "../train/mod.ts";

/** Model, method, batches and storage of the training to predict. */
export interface PredictionOptions extends ModelOptions, Omit<StorageOptions, "dtype"> {
  /** Sequences in a batch. */
  readonly batch: number;
  /** Tokens per sequence. */
  readonly length: number;
  /** Tokens of a batch that have a label, the last ones of each sequence. Default: all. */
  readonly labeled?: number;
  /** Batches per step. Default 1. */
  readonly accumulation?: number;
  /** Optimizer. Default `adamw`. */
  readonly optimizer?: TrainerOptions["optimizer"];
  /** True to compute blocks once more for the backward pass, as in `train`. Default false. */
  readonly activationCheckpointing?: boolean;
  /**
   * Stored type of a frozen base's matrices: see `loadModel`. Default `F32`, and 4 bits where the
   * configuration has a `quantization_config`, which takes linear layers for quantized that it does
   * not leave out. It does not say how large their blocks are: without `quantized`, they are of
   * `blockSize`. With `auto`, all else is stored as the configuration's `dtype` or `torch_dtype`
   * says.
   */
  readonly dtype?: StorageOptions["dtype"];
  /**
   * Forms of the weights that the model's files have in 4 bits: see `fourBitFormsIn`. Default: as
   * the configuration says.
   */
  readonly quantized?: ReadonlyMap<string, FourBitForm>;
  /** Prepares the model for training, for example by injecting an adapter. */
  readonly adapt?: (model: TextModel) => void;
}

/**
 * Live bytes between steps and peak bytes within a step, by role, of training. It runs the
 * real code on the `dry` device, so these are the bytes that any device will be asked for.
 *
 * @throws {RangeError} when the sequences are longer than the model allows, a batch has more than 2^26
 * tokens, `labeled` is not among them, or matrices cannot be stored as it is asked.
 *
 * @example
 * ```ts
 * import { catalog } from "@lowrank/core/architectures";
 * import { predictMemory } from "@lowrank/core/runs";
 *
 * const { peakByRole } = predictMemory(catalog["gpt2"].config, { batch: 4, length: 128 });
 * console.log(peakByRole.optimizer); // 8 bytes for each of 124,439,808 parameters
 * ```
 */
export function predictMemory(
  config: ConfigJson,
  {
    batch,
    length,
    labeled,
    accumulation = 1,
    optimizer,
    activationCheckpointing,
    adapt,
    ...others
  }: PredictionOptions,
): LedgerReading {
  const { dtype, quantized, blockSize, doubleQuantization, ...options } = others;
  const storage = { dtype, blockSize, doubleQuantization };
  assertStorage(storage);
  using device = new DryDevice();
  // Tokens are all 0: with a different padding id each sequence has an end, which a classifier needs.
  const padded = { ...config, pad_token_id: 1 };
  const forms = storedForms(config, storage, filesOf(config, quantized, blockSize));
  using model = allocateModel(device, padded, options, forms);
  adapt?.(model);
  const settings = { accumulation, optimizer, activationCheckpointing };
  const training: TrainerOptions = { learningRate: 0, steps: 1, ...settings };
  using trainer = new Trainer(model, training);
  trainer.step(new Array<Batch>(accumulation).fill(anyBatch(model, batch, length, labeled)));
  return device.ledger.read();
}

/**
 * A batch of tokens that are all 0, for steps of which sizes alone matter.
 *
 * @throws {RangeError} when it has more than 2^26 tokens, or a sequence has no label or too many.
 */
export function anyBatch(
  { architecture }: TextModel,
  batch: number,
  length: number,
  labeled?: number,
): Batch {
  if (batch * length > mostBatchTokens) {
    throw new RangeError(
      `a batch may have up to ${mostBatchTokens} tokens, found ${batch} x ${length}`,
    );
  }
  const tokens = { shape: [batch, length], data: new Uint32Array(batch * length) };
  const shape = architecture.head === "classes" ? [batch] : tokens.shape;
  const all = sizeOf(shape), each = all / batch, count = labeled ?? all;
  if (!(Number.isInteger(count) && count >= batch && count <= all)) {
    throw new RangeError(
      `a batch of ${batch} x ${length} has ${batch} to ${all} labels, found ${count}`,
    );
  }
  const ofSequence = (i: number) => Math.floor(count / batch) + Number(i < count % batch);
  const data = Int32Array.from(
    { length: all },
    (_, i) => i % each < each - ofSequence(Math.floor(i / each)) ? -100 : 0,
  );
  return { inputs: { tokens }, targets: { shape, data } };
}
