/**
 * Small models, adapters and golden files for the tests of adapters.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  type Adapter,
  injectLora,
  loadAnyAdapter,
  type LoraAdapter,
  LoraEmbedding,
  type LoraOptions,
} from "../../src/adapt/mod.ts";
import { mergeFolder } from "../../src/adapt/merge/folder.ts";
import { baseNameOf } from "../../src/adapt/save.ts";
import { AdapterFileError } from "../../src/core/errors.ts";
import { crossEntropy, type Parameter, Tape, type TapeOptions } from "../../src/autograd/mod.ts";
import { readJson } from "../../src/storage/files.ts";
import { type HostData, type HostTensor, hostTensor } from "../../src/core/tensor.ts";
import { Random } from "../../src/core/random.ts";
import type { Device, Tensor } from "../../src/device/device.ts";
import { readSafetensors, writeSafetensors } from "../../src/formats/mod.ts";
import {
  type Gpt2,
  initGpt2,
  loadModel,
  type Model,
  type ModelInputs,
  type TextModel,
} from "../../src/models/mod.ts";
import { train } from "../../src/train/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { golden } from "../support/golden.ts";
import { tinyConfig } from "../train/fixtures.ts";

export { withMemoryFolder as withFolder } from "../../scripts/support/folders.ts";
export { golden };

/** A GPT-2 of 12 x 2 with random weights. */
export function tinyModel(device: Device, seed = 3): Gpt2 {
  return initGpt2(device, tinyConfig, { seed });
}

/** Tokens for it. */
export const tokens: HostTensor = hostTensor(
  [2, 5],
  Uint32Array.of(1, 4, 9, 10, 0, 3, 3, 7, 2, 6),
);

/** Label of the next token for each of {@link tokens}; -100 where none is scored. */
export const labels: Int32Array = Int32Array.of(4, 9, -100, 0, 5, 3, 7, 2, 6, -100);

/** Logits of a model for {@link tokens}, or for others. */
export async function logitsOf(
  model: Model,
  inputs: ModelInputs = { tokens },
  options: TapeOptions = {},
): Promise<HostData> {
  using tape = new Tape(model.device, { record: false, ...options });
  return await valuesOf(model.forward(tape, inputs));
}

/** The mean loss of a model on a tape. */
export function lossOf(tape: Tape, model: Model): Tensor {
  return crossEntropy(tape, model.forward(tape, { tokens }), labels);
}

/** Values of one tensor. */
export async function valuesOf(tensor: Tensor): Promise<HostData> {
  return (await tensor.device.read(tensor))[0].data;
}

/** Gives every B, and A of embeddings, which begin as zeros, values of size 0.3, as training would. */
export function randomizeB(adapter: LoraAdapter, seed = 7): LoraAdapter {
  const random = new Random(seed);
  const zeros = adapter.sites.map((site) => site instanceof LoraEmbedding ? site.A : site.B);
  for (const { tensor } of zeros) {
    const values = Float32Array.from({ length: tensor.size }, () => 0.3 * random.normal());
    tensor.device.write(tensor, values);
  }
  return adapter;
}

/** An adapter that does something: q and v unless the options say otherwise. */
export function trainedLora(
  model: Model,
  { seed = 1, ...options }: Partial<LoraOptions> = {},
): LoraAdapter {
  const where = options.targetModules ? {} : { sites: ["q", "v"] };
  const more = { ...where, ...options };
  const adapter = injectLora(model, { rank: 2, alpha: 3, seed, onTop: true, ...more });
  return randomizeB(adapter, seed + 10);
}

/** Gives every value that an adapter trains another one, as training would. */
export async function disturb({ parameters }: Adapter, size = 0.3): Promise<void> {
  const random = new Random(4);
  for (const { tensor } of parameters) {
    const values = await valuesOf(tensor);
    tensor.device.write(tensor, Float32Array.from(values, (x) => x + size * random.normal()));
  }
}

/** By identity: an adapter holds its device, which no comparison should walk through. */
export function assertAlone({ adapters }: Model, adapter: Adapter): void {
  assert(adapters.size === 1 && adapters.has(adapter), `${adapters.size} adapters`);
}

/** All tensors of a golden file. */
export async function goldenTensors(path: string): Promise<Map<string, HostTensor>> {
  return (await readSafetensors(golden(`${path}.safetensors`))).tensors;
}

/** One case of a golden file of inputs. */
export interface GoldenCase {
  /** Inputs of the model. */
  readonly inputs: ModelInputs;
  /** The label of the next token at each place, where there are labels. */
  readonly labels: Int32Array;
}

interface RawCase {
  input_ids: number[][];
  attention_mask?: number[][];
  position_ids?: number[][];
  labels?: number[][];
}

/** Reads one case of `logits` or `gradients/input`. */
export async function goldenCase(path: string, name: string): Promise<GoldenCase> {
  const { cases } = await readJson(golden(`${path}.json`)) as { cases: Record<string, RawCase> };
  const { input_ids, attention_mask, position_ids, labels = [] } = cases[name];
  const shape = [input_ids.length, input_ids[0].length];
  const table = (rows: number[][]) => hostTensor(shape, Uint32Array.from(rows.flat()));
  return {
    inputs: {
      tokens: table(input_ids),
      attentionMask: attention_mask && table(attention_mask),
      positionIds: position_ids && table(position_ids),
    },
    labels: Int32Array.from(labels.flatMap((row) => [...row.slice(1), -100])),
  };
}

/** Trains what a model has to train for eight steps on one batch: its loss falls. */
export async function assertLearns(model: Gpt2): Promise<void> {
  const batches = [{ inputs: { tokens }, targets: { shape: tokens.shape, data: labels } }];
  const losses: number[] = [];
  for await (const { loss } of train(model, batches, { learningRate: 0.02, steps: 8 })) {
    losses.push(loss);
  }
  assert(losses[7] < losses[0], losses.join());
}

/** The base of the golden adapters. */
export const openBase = (device: Device) => loadModel(device, golden("gpt2_tiny"));

/** The case with labels of which every gradient is known. */
export const labeledCase = () => goldenCase("gradients/input", "labelled");

/** The tolerance that tells right from wrong on this model (manifest.json). */
export const logitsTolerance = { absolute: 5e-5, relative: 0 };

/** Compares logits with those of a golden adapter. */
export async function assertGoldenLogits(model: TextModel, name: string): Promise<void> {
  const expected = await goldenTensors(`adapters/logits/${name}`);
  for (const which of ["plain", "left_padding"]) {
    const { inputs } = await goldenCase("logits", which), mask = inputs.attentionMask;
    const found = await logitsOf(model, inputs);
    const { shape: [, , vocabulary], data } = expected.get(`logits.${which}`)!;
    const counts = (_: number, i: number) => !mask || mask.data[Math.floor(i / vocabulary)] === 1;
    const [actual, wanted] = [found, data].map((values) => Array.from(values).filter(counts));
    assertAllClose(actual, wanted, { ...logitsTolerance, what: `${name}, ${which}` });
  }
}

/** The largest absolute value. */
export const largestOf = ({ data }: HostTensor): number => Math.max(...Array.from(data, Math.abs));

/** Compares the gradients of all that a model trains. */
export async function assertGoldenGradients(
  model: TextModel,
  { inputs, labels }: GoldenCase,
  expected: (parameter: Parameter) => HostTensor,
  epsilon: number,
): Promise<void> {
  using tape = new Tape(model.device);
  const logits = model.forward(tape, inputs);
  tape.backward(crossEntropy(tape, logits, labels));
  for (const parameter of model.trainable()) {
    const wanted = expected(parameter), largest = largestOf(wanted);
    // PyTorch's own rounding of F32 and, on F32 devices, ours.
    const absolute = largest * (epsilon > 1e-10 ? 2e-5 : 1e-5);
    const gradient = await valuesOf(tape.gradientOf(parameter)!);
    assertAllClose(gradient, wanted.data, { relative: 0, absolute, what: parameter.name });
  }
}

/**
 * The tensors of a golden folder, and a check that a folder with other fields or tensors is refused: loaded on a model, and
 * merged into the model's own files.
 */
export async function refusalsOf(name: string, folder: string, model: TextModel) {
  const from = golden(name), weights = "adapter_model.safetensors", base = baseNameOf(model)!;
  const { tensors } = await readSafetensors(`${from}/${weights}`);
  const config = await readJson(`${from}/adapter_config.json`) as Record<string, unknown>;
  const refused = async (message: string, fields: object, changed = tensors) => {
    const json = JSON.stringify({ ...config, ...fields });
    await Deno.writeTextFile(`${folder}/adapter_config.json`, json);
    await writeSafetensors(`${folder}/${weights}`, changed);
    await assertRejects(() => loadAnyAdapter(model, folder), AdapterFileError, message);
    const output = `${folder}/merged`;
    await assertRejects(
      () => mergeFolder({ model: base, adapters: [folder], output }),
      AdapterFileError,
      message,
    );
    assertEquals(model.adapters.size, 0);
  };
  return { tensors, refused };
}
