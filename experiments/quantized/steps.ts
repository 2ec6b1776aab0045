/** Training steps on a base in F32, in 16 bits, and in 4. All weights are zero: bytes and times do not depend on them. @module */

import { injectLora } from "../../src/adapt/mod.ts";
import type { ConfigJson } from "../../src/architectures/mod.ts";
import { sizeOf } from "../../src/core/tensor.ts";
import type { Device } from "../../src/device/device.ts";
import { allocateModel, storedForms, type TextModel } from "../../src/models/mod.ts";
import { FourBitWeight, HalfWeight, type Weight } from "../../src/nn/mod.ts";
import { quantize } from "../../src/quant/mod.ts";
import { type PredictionOptions, predictMemory } from "../../src/runs/mod.ts";
import { anyBatch } from "../../src/runs/predict_memory.ts";
import type { RunLedger } from "../../src/runs/folder.ts";
import { Trainer } from "../../src/train/mod.ts";

/** Storage of a base and the trained parameters. */
export interface StepMethod {
  /** Its name in tables. */
  readonly label: string;
  /** Storage of its matrices. */
  readonly base: "F32" | "BF16" | "NF4" | "NF4, double";
  /** True if LoRA is trained, and not everything. */
  readonly isLora: boolean;
  /** True if blocks are computed once more for the backward pass. */
  readonly activationCheckpointing?: boolean;
}

/** Rank of LoRA on every linear layer. */
export const stepRank = 8;

/** Full fine-tuning, LoRA and QLoRA, without double quantization and with it. */
export const stepMethods: readonly StepMethod[] = [
  { label: "full, F32", base: "F32", isLora: false },
  { label: "LoRA, F32", base: "F32", isLora: true },
  { label: "LoRA, BF16", base: "BF16", isLora: true },
  { label: "QLoRA, NF4", base: "NF4", isLora: true },
  { label: "QLoRA, double", base: "NF4, double", isLora: true },
];

/** A model and a batch. */
export interface StepShape {
  /** Its name. */
  readonly model: string;
  /** Its `config.json`. */
  readonly config: ConfigJson;
  /** Sequences. */
  readonly batch: number;
  /** Tokens of each. */
  readonly length: number;
}

/** A model in training; disposing it frees everything. */
export interface OpenStep extends Disposable {
  /** Makes a step of AdamW. */
  step(): void;
  /** Waits until it is over. */
  finished(): Promise<unknown>;
}

/** Memory of a step at its peak. */
export type StepBytes = Pick<RunLedger, "peak" | "peakByRole">;

/** Memory of a step as `predictMemory` computes it. */
export function predictStep(
  { config, batch, length }: StepShape,
  { base, isLora, activationCheckpointing }: StepMethod,
): StepBytes {
  const adapt = isLora ? injectStepLora : undefined;
  return predictMemory(config, {
    ...{ batch, length, ...storages[base], activationCheckpointing, adapt },
  });
}

const injectStepLora = (model: TextModel) =>
  injectLora(model, { rank: stepRank, targetModules: "all-linear", seed: 1 });

/** Opens a base and what is trained of it. */
export function openStep(
  device: Device,
  shape: StepShape,
  { base, isLora, activationCheckpointing }: StepMethod,
): OpenStep {
  using unfinished = new DisposableStack();
  const model = unfinished.use(openBase(device, shape.config, base));
  if (isLora) unfinished.use(injectStepLora(model));
  const training = { learningRate: 1e-4, steps: 1e6, activationCheckpointing };
  const trainer = unfinished.use(new Trainer(model, training));
  const batch = anyBatch(model, shape.batch, shape.length), owned = unfinished.move();
  return {
    step: () => void trainer.step([batch]),
    finished: () => trainer.ring.read(1),
    [Symbol.dispose]: () => owned.dispose(),
  };
}

function openBase(device: Device, config: ConfigJson, base: StepMethod["base"]): TextModel {
  const forms = storedForms(config, storages[base], () => "F32");
  const model = allocateModel(device, config, {}, forms);
  for (const weight of model.weights.values()) writeZeros(device, weight, base);
  return model;
}

const storages: Readonly<
  Record<StepMethod["base"], Pick<PredictionOptions, "dtype" | "doubleQuantization">>
> = {
  F32: {},
  BF16: { dtype: "BF16" },
  NF4: { dtype: "nf4", doubleQuantization: false },
  "NF4, double": { dtype: "nf4", doubleQuantization: true },
};

/** Weights that are not in F32 are undefined until they are written. */
function writeZeros(device: Device, weight: Weight, base: StepMethod["base"]): void {
  const { shape } = weight, size = sizeOf(shape);
  if (weight instanceof HalfWeight) device.write(weight.values, new Uint16Array(size));
  if (!(weight instanceof FourBitWeight)) return;
  const { doubleQuantization } = storages[base];
  weight.write(quantize({ shape, data: new Float32Array(size) }, { doubleQuantization }));
}
