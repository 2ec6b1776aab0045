/** The other families as transformers has them: logits, losses, gradients, greedy text. */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { Random } from "../../src/core/random.ts";
import { crossEntropy, squaredError, Tape } from "../../src/autograd/mod.ts";
import type { ModelInputs } from "../../src/core/batch.ts";
import type { HostTensor } from "../../src/core/tensor.ts";
import type { Device } from "../../src/device/device.ts";
import { reorient } from "../../src/models/layers.ts";
import { injectLora, merge, unmerge } from "../../src/adapt/mod.ts";
import { DryDevice } from "../../src/device/dry.ts";
import {
  allocateModel,
  generate,
  loadModel,
  outputsOf,
  readConfig,
  type TextModel,
} from "../../src/models/mod.ts";
import { Trainer } from "../../src/train/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { allDevices, testOn } from "../support/devices.ts";
import { families, golden, goldenJson, tensorsOf } from "../support/golden.ts";

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

/** Targets and the loss that transformers takes: labels of causal models are shifted inside the model. */
function targetsOf({ architecture: { head }, isCausal }: TextModel, { labels, input_ids }: Case) {
  const flat = labels.flat();
  if (head === "classes" && flat.some((label) => !Number.isInteger(label))) {
    return {
      targets: { shape: [flat.length, 1], data: Float32Array.from(flat) },
      loss: squaredError,
    };
  }
  const data = Int32Array.from(
    isCausal ? (labels as number[][]).flatMap((row) => [...row.slice(1), -100]) : flat,
  );
  const shape = head === "classes" ? [flat.length] : [input_ids.length, input_ids[0].length];
  return { targets: { shape, data }, loss: crossEntropy };
}

/** Values at the tokens that are not padding; all of a classifier's. */
function valid({ data, shape }: HostTensor, mask?: number[][]): number[] {
  const width = shape[shape.length - 1], seen = mask?.flat();
  const isPerToken = seen?.length === data.length / width;
  return [...data].filter((_, i) => !isPerToken || seen![Math.floor(i / width)] !== 0);
}

/** Tolerances of logits for models of this size (an ε of another size moves logits by more). */
const tolerances = { language: 5e-5, classes: 6e-6, none: 0 };

async function checkCase(
  model: TextModel,
  name: string,
  one: Case,
  wanted: Map<string, HostTensor>,
) {
  const { device, architecture: { head } } = model;
  using tape = new Tape(device);
  const logits = model.forward(tape, inputsOf(one)), wants = targetsOf(model, one);
  const loss = wants.loss(tape, logits, wants.targets);
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

/** Bytes by role, live and at the peak, of two steps of LoRA and of all weights. */
async function ledgersOf(device: Device, name: string) {
  const config = await readConfig(golden(`families/${name}`));
  const { cases: { padded } } = await goldenJson(`families/${name}.json`);
  return [true, false].map((isAdapted) => {
    device.ledger.resetPeak();
    using model = allocateModel(device, config);
    using _ = isAdapted ? injectLora(model, { rank: 2, sites: "all", seed: 1 }) : undefined;
    const { targets, loss } = targetsOf(model, padded);
    using trainer = new Trainer(model, { learningRate: 1e-3, steps: 2, loss });
    for (let step = 0; step < 2; step++) trainer.step([{ inputs: inputsOf(padded), targets }]);
    return device.ledger.read();
  });
}

async function checkLedgers(device: Device, name: string): Promise<void> {
  using dry = new DryDevice();
  assertEquals(await ledgersOf(device, name), await ledgersOf(dry, name));
}

/** An adapter that changes something is the same merged; taken off again, the base has its bits. */
async function checkMerged(device: Device, name: string): Promise<void> {
  const { cases: { padded } } = await goldenJson(`families/${name}.json`);
  using model = await loadModel(device, golden(`families/${name}`));
  const logits = async (of: TextModel) =>
    Float64Array.from((await outputsOf(of, inputsOf(padded))).data);
  const before = await logits(model);
  using adapter = injectLora(model, { rank: 2, targetModules: "all-linear", seed: 1 });
  const random = new Random(2);
  for (const { tensor, size } of adapter.parameters) {
    device.write(tensor, Float32Array.from({ length: size }, () => random.normal() / 4));
  }
  const active = await logits(model);
  assert(active.some((value, i) => Math.abs(value - before[i]) > 0.01));
  const merged = merge(model, adapter);
  assertAllClose(await logits(merged as TextModel), active, { absolute: 5e-5, relative: 0 });
  unmerge(merged);
  adapter.remove();
  assertEquals(await logits(model), before);
}

await testOn(
  allDevices,
  families.flatMap((name) => [{
    name: `${name}: logits, losses and gradients are those of transformers`,
    run: (device: Device) => checkFamily(device, name),
  }, {
    name: `${name}: the dry device counts the bytes of its steps`,
    run: (device: Device) => checkLedgers(device, name),
  }, {
    name: `${name}: an adapter is the same merged, and leaves the base its bits`,
    run: (device: Device) => checkMerged(device, name),
  }]),
);
