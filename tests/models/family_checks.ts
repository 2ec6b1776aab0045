/** What transformers says of the other families: logits, losses, gradients, greedy text. @module */

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { crossEntropy, squaredError, Tape } from "../../src/autograd/mod.ts";
import type { ModelInputs } from "../../src/core/batch.ts";
import type { HostTensor } from "../../src/core/host_tensor.ts";
import type { Device } from "../../src/device/device.ts";
import { reorient } from "../../src/models/transpose.ts";
import { generate, loadModel, type TextModel } from "../../src/models/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { golden, goldenJson, tensorsOf } from "../support/golden.ts";
import type { Check } from "../support/devices.ts";

interface Case {
  readonly input_ids: number[][];
  readonly attention_mask?: number[][];
  readonly token_type_ids?: number[][];
  readonly labels: number[] | number[][];
  readonly loss: number;
}

const ids = (rows: number[][]): HostTensor => ({
  shape: [rows.length, rows[0].length],
  data: Uint32Array.from(rows.flat()),
});

function inputsOf({ input_ids, attention_mask, token_type_ids }: Case): ModelInputs {
  return {
    tokens: ids(input_ids),
    ...(attention_mask && { attentionMask: ids(attention_mask) }),
    ...(token_type_ids && { tokenTypeIds: ids(token_type_ids) }),
  };
}

/** The loss that transformers takes: labels of causal models are shifted inside the model. */
function lossOf(
  tape: Tape,
  model: TextModel,
  logits: ReturnType<TextModel["forward"]>,
  labels: Case["labels"],
) {
  const flat = labels.flat(), { head, modelType = "" } = model.architecture;
  const isEncoder = /bert/.test(modelType);
  if (head === "classes" && logits.shape[1] === 1) {
    return squaredError(tape, logits, { shape: logits.shape, data: Float32Array.from(flat) });
  }
  const shifted = head === "classes" || isEncoder
    ? flat
    : (labels as number[][]).flatMap((row) => [...row.slice(1), -100]);
  return crossEntropy(tape, logits, { shape: [flat.length], data: Int32Array.from(shifted) });
}

/** Values at the tokens that are not padding; all of a classifier's. */
function valid({ data, shape }: HostTensor, mask?: number[][]): number[] {
  const width = shape[shape.length - 1], seen = mask?.flat();
  const isPerToken = seen?.length === data.length / width;
  return [...data].filter((_, i) => !isPerToken || seen![Math.floor(i / width)] !== 0);
}

/** What tells right from wrong on models of this size (an ε of another size moves logits by more). */
const tolerances = { language: 5e-5, classes: 6e-6, none: 0 };

async function checkCase(
  model: TextModel,
  name: string,
  one: Case,
  wanted: Map<string, HostTensor>,
) {
  const { device, architecture: { head } } = model;
  using tape = new Tape(device);
  const logits = model.forward(tape, inputsOf(one)), loss = lossOf(tape, model, logits, one.labels);
  const [found, lossFound] = await device.read(logits, loss);
  assertAllClose(
    valid(found, one.attention_mask),
    valid(wanted.get(`logits.${name}`)!, one.attention_mask),
    { absolute: tolerances[head], relative: 0, what: `logits of ${name}` },
  );
  assertAlmostEquals(lossFound.data[0], one.loss, 2e-5);
  if (name !== "padded") return;
  tape.backward(loss);
  await checkGradients(model, tape, wanted);
}

async function checkGradients(model: TextModel, tape: Tape, wanted: Map<string, HostTensor>) {
  for (const spec of model.architecture.tensors) {
    const expected = wanted.get(`gradient.${spec.name}`)!;
    const gradient = tape.gradientOf(model.parameters.get(spec.name)!);
    const [found] = gradient
      ? await model.device.read(gradient)
      : [{ ...expected, data: new Float32Array(expected.data.length) }];
    const largest = Math.max(...Array.from(expected.data, Math.abs));
    // What PyTorch rounds in F32, and, where the true gradient is 0, all that it has.
    const close = { relative: 0, absolute: 2e-5 * largest + 1e-7, what: spec.name };
    assertAllClose(reorient(spec, found).data, expected.data, close);
  }
}

async function checkFamily(device: Device, name: string): Promise<void> {
  const { cases, greedy } = await goldenJson(`families/${name}.json`);
  const wanted = await tensorsOf(golden(`families/${name}.safetensors`));
  using model = await loadModel(device, golden(`families/${name}`));
  for (const [key, one] of Object.entries<Case>(cases)) await checkCase(model, key, one, wanted);
  if (!greedy) return;
  const prompt = cases.plain.input_ids[0];
  const made = await Array.fromAsync(generate(model, prompt, { maxNewTokens: greedy.length }));
  assertEquals(made, greedy);
}

const families = [
  "bert_masked",
  "bert_classifier",
  "bert_regression",
  "roberta_masked",
  "roberta_classifier",
  "llama",
  "llama3_tied",
  "llama_wide",
  "llama_classifier",
  "mistral",
  "qwen2",
];

/** One for each golden model. */
export const familyChecks: readonly Check[] = families.map((name) => ({
  name: `${name}: logits, losses and gradients are those of transformers`,
  run: (device) => checkFamily(device, name),
}));
