/** Bottlenecks against the `adapters` library. */

import { assertEquals } from "@std/assert";
import { type BottleneckAdapter, loadAnyAdapter } from "../../src/adapt/mod.ts";
import { readJson } from "../../src/storage/files.ts";
import type { HostTensor } from "../../src/core/tensor.ts";
import type { Device } from "../../src/device/device.ts";
import { loadModel, type TextModel } from "../../src/models/mod.ts";
import { train } from "../../src/train/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { golden, goldenJson, tensorsOf } from "../support/golden.ts";
import { allDevices, type Check, testOn } from "../support/devices.ts";
import { logitsOf, valuesOf, withFolder } from "./fixtures.ts";

interface Case {
  readonly base: string;
  readonly case: { readonly input_ids: number[][]; readonly labels: number[] | number[][] };
  readonly losses: readonly number[];
  readonly values: number;
}

/** Tolerances of the trajectories of LoRA: rounding in F32 moves losses and values by less. */
const close = { loss: 2e-5, values: 1e-4, logits: 5e-5 };

/** AdamW of `scripts/golden/adapterhub/make.py`. */
const optimizer = { learningRate: 5e-3, weightDecay: 0.01, betas: [0.9, 0.999], epsilon: 1e-8 };

function batchOf(
  { isCausal, architecture: { head } }: TextModel,
  { input_ids, labels }: Case["case"],
) {
  const shape = [input_ids.length, input_ids[0].length];
  const inputs = { tokens: { shape, data: Uint32Array.from(input_ids.flat()) } };
  const next = (labels as number[][]).flatMap((row) => isCausal ? [...row.slice(1), -100] : row);
  const data = Int32Array.from(next);
  return { inputs, targets: { shape: head === "classes" ? [shape[0]] : shape, data } };
}

/** A tensor's name in the library's model, from ours. */
const theirs = (name: string) => name.replace(".adapters.lowrank.", ".adapters.task.");

async function checkCase(device: Device, name: string, wanted: Case): Promise<void> {
  const folder = golden(`adapterhub/${name}`), tensors = await tensorsOf(`${folder}.safetensors`);
  using model = await loadModel(device, golden(wanted.base));
  using adapter = await loadAnyAdapter(model, folder) as BottleneckAdapter;
  const batch = batchOf(model, wanted.case), { shape, data } = tensors.get("logits")!;
  const logits = await logitsOf(model, batch.inputs);
  assertAllClose(logits, data, { absolute: close.logits, relative: 0, what: `logits ${shape}` });
  assertEquals(adapter.parameters.reduce((sum, { size }) => sum + size, 0), wanted.values);
  const options = { ...optimizer, betas: [0.9, 0.999] as const, steps: wanted.losses.length };
  const { loss } = await train(adapter, [batch], options).finish();
  assertAllClose(loss, wanted.losses, { absolute: close.loss, relative: 0, what: "loss" });
  await checkFinal(adapter, tensors);
}

async function checkFinal(adapter: BottleneckAdapter, tensors: Map<string, HostTensor>) {
  const hasNorm = adapter.variant === "lin"; // PyTorch lists a norm under the first of its two names.
  for (const { name, tensor } of adapter.parameters) {
    const key = hasNorm ? name.replace("adapter_down.0", "adapter_norm_before") : name;
    const expected = tensors.get(`final.${theirs(key)}`)!.data;
    const wanted = { absolute: close.values, relative: 0, what: name };
    assertAllClose(await valuesOf(tensor), expected, wanted);
  }
}

/** Ours has the library's tensors, bit for bit, and says of them what its file says. */
async function checkSaved(device: Device, name: string, { base }: Case): Promise<void> {
  const folder = golden(`adapterhub/${name}`);
  using model = await loadModel(device, golden(base));
  using adapter = await loadAnyAdapter(model, folder);
  await withFolder(async (ours) => {
    await adapter.save(ours);
    const saved = await tensorsOf(`${ours}/adapter.safetensors`);
    const given = await tensorsOf(`${folder}/adapter.safetensors`);
    for (const [key, { data }] of given) {
      assertEquals(saved.get(key.replace(".task.", ".lowrank."))?.data, data, key);
    }
    const head = [...saved.keys()].filter((key) => !key.includes(".adapters."));
    assertEquals([saved.size, head.length > 0], [given.size + head.length, name.endsWith("head")]);
    await checkConfig(`${ours}/adapter_config.json`, `${folder}/adapter_config.json`);
  });
}

async function checkConfig(ours: string, theirs: string): Promise<void> {
  const [saved, given] = await Promise.all([ours, theirs].map((path) => readJson(path))) as Record<
    string,
    never
  >[];
  for (const field of ["version", "model_type", "hidden_size"]) {
    assertEquals(saved[field], given[field], field);
  }
  const { reduction_factor: factor, ...form } = saved.config as Record<string, number>;
  for (const [field, value] of Object.entries(form)) {
    assertEquals(value, given.config[field], field);
  }
  const sizeOf = (factor: number) => Math.floor(saved.hidden_size / factor);
  assertEquals(sizeOf(factor), sizeOf(given.config["reduction_factor"]));
}

const { cases } = await goldenJson("adapterhub/cases.json") as { cases: Record<string, Case> };

/** Two for each golden adapter. */
const bottleneckGoldenChecks: readonly Check[] = Object.entries(cases).flatMap((
  [name, wanted],
) => [{
  name: `${name}: logits and 10 training steps are those of the adapters library`,
  run: (device: Device) => checkCase(device, name, wanted),
}, {
  name: `${name}: what is saved is what the adapters library saved`,
  run: (device: Device) => checkSaved(device, name, wanted),
}]);

await testOn(allDevices, bottleneckGoldenChecks);
