/** Training steps on bases in F32, in 16 bits, and in 4: their models, methods and bytes. All weights are zero: bytes and times do not depend on them. @module */

import { injectLora } from "../../src/adapt/mod.ts";
import { catalog, type ConfigJson } from "../../src/architectures/mod.ts";
import { sizeOf } from "../../src/core/tensor.ts";
import type { Device } from "../../src/device/device.ts";
import { allocateModel, storedForms, type TextModel } from "../../src/models/mod.ts";
import { FourBitWeight, HalfWeight, type Weight } from "../../src/nn/mod.ts";
import { quantize } from "../../src/quant/mod.ts";
import type { RunLedger } from "../../src/runs/folder.ts";
import { type PredictionOptions, predictMemory } from "../../src/runs/mod.ts";
import { anyBatch } from "../../src/runs/predict_memory.ts";
import { Trainer } from "../../src/train/mod.ts";
import { baseConfig } from "../base_model.ts";

/** A LLaMA (Touvron et al. 2023, table 2), which has the tensors of Llama 2. */
function llama(width: number, blocks: number, heads: number, hidden: number): ConfigJson {
  return {
    ...catalog["llama-2-7b"].config,
    hidden_size: width,
    num_hidden_layers: blocks,
    num_attention_heads: heads,
    num_key_value_heads: heads,
    intermediate_size: hidden,
  };
}

/** Configurations of 7B to 175B parameters, by name. */
export const largeModels: Readonly<Record<string, ConfigJson>> = {
  "LLaMA 7B": llama(4096, 32, 32, 11008),
  "LLaMA 13B": llama(5120, 40, 40, 13824),
  "LLaMA 33B": llama(6656, 60, 52, 17920),
  "LLaMA 65B": llama(8192, 80, 64, 22016),
  "GPT-3 175B": catalog["gpt3-175b"].config,
};

/** SmolLM2-135M (HuggingFaceTB on Hugging Face). */
const smolLm2: ConfigJson = {
  model_type: "llama",
  architectures: ["LlamaForCausalLM"],
  vocab_size: 49152,
  hidden_size: 576,
  num_hidden_layers: 30,
  num_attention_heads: 9,
  num_key_value_heads: 3,
  intermediate_size: 1536,
  tie_word_embeddings: true,
  max_position_embeddings: 8192,
  rms_norm_eps: 1e-5,
  rope_theta: 100000,
};

/** The small base, GPT-2 and SmolLM2, each with a batch. */
export async function runningModels(): Promise<readonly [small: StepShape, ...StepShape[]]> {
  return [
    { model: "tiny-gpt2", config: await baseConfig(), batch: 4, length: 64 },
    { model: "gpt2", config: catalog.gpt2.config, batch: 1, length: 128 },
    { model: "SmolLM2-135M", config: smolLm2, batch: 1, length: 128 },
  ];
}

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
interface OpenStep extends Disposable {
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
