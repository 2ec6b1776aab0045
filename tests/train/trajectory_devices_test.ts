/** Whole training runs against PyTorch's in `tests/golden/trajectories`. */

import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { loadAdapter, type LoraAdapter } from "../../src/adapt/mod.ts";
import { readJson } from "../../src/storage/files.ts";
import { hostTensor } from "../../src/core/tensor.ts";
import type { Device } from "../../src/device/device.ts";
import { readSafetensors } from "../../src/formats/mod.ts";
import { loadModel, type TextModel } from "../../src/models/mod.ts";
import { reorient } from "../../src/models/layers.ts";
import {
  type Batch,
  emptyLog,
  logStep,
  train,
  type TrainerOptions,
  type TrainingLog,
} from "../../src/train/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { allDevices, type Check, testOn } from "../support/devices.ts";

/** The folder of golden files. */
const golden: string = fileURLToPath(new URL("../golden/", import.meta.url));

/** All runs, by name. */
const goldenRuns = ["full_linear", "full_cosine", "lora_linear", "lora_cosine"] as const;

/** A run's options and what PyTorch logged. */
interface GoldenRun {
  readonly config: TrainerOptions;
  readonly log: TrainingLog;
}

/** Reads a run. */
async function readGoldenRun(name: string): Promise<GoldenRun> {
  const read = (part: string) => readJson(`${golden}trajectories/${name}.${part}.json`);
  const { method: _, ...config } = await read("config") as TrainerOptions & { method: unknown };
  return { config, log: await read("log") as TrainingLog };
}

/** The batches of all runs: labels are the inputs, shifted here. */
async function goldenBatches(): Promise<Batch[]> {
  const { batches } = await readJson(`${golden}trajectories/batches.json`) as {
    batches: number[][][];
  };
  return batches.map((rows) => {
    const shape = [rows.length, rows[0].length];
    const targets = rows.map((row) => [...row.slice(1), -100]);
    return {
      inputs: { tokens: hostTensor(shape, Uint32Array.from(rows.flat())) },
      targets: hostTensor(shape, Int32Array.from(targets.flat())),
    };
  });
}

/** A model with its adapter where the run has one. */
interface Start extends Disposable {
  readonly model: TextModel;
  readonly adapter: LoraAdapter | undefined;
}

/** Model and adapter that a run starts from. */
async function goldenStart(device: Device, name: string): Promise<Start> {
  const model = await loadModel(device, `${golden}gpt2_tiny`);
  const adapter = name.startsWith("lora")
    ? await loadAdapter(model, `${golden}trajectories/lora_initial`)
    : undefined;
  return {
    model,
    adapter,
    [Symbol.dispose]() {
      adapter?.[Symbol.dispose]();
      model[Symbol.dispose]();
    },
  };
}

/** Every golden run, losses to 2e-5. */
const checks: readonly Check[] = goldenRuns.map((name) => ({
  name: `trajectory ${name} equals PyTorch's`,
  run: async (device) => {
    const { config, log } = await readGoldenRun(name);
    const ours = emptyLog(), events: number[] = [];
    using start = await goldenStart(device, name);
    for await (const event of train(start.model, await goldenBatches(), config)) {
      logStep(ours, event);
      events.push(event.step);
    }
    assertEquals(events, log.loss.map((_, step) => step));
    assertAllClose(ours.loss, log.loss, { absolute: 2e-5, relative: 0, what: "loss" });
    assertAllClose(ours.gradientNorm, log.gradientNorm, {
      absolute: 2e-5,
      relative: 0,
      what: "norm",
    });
    assertEquals(ours.learningRate, log.learningRate);
    if (name === "full_linear") await checkModel(device, start);
    if (name === "lora_linear") await checkAdapter(start);
  },
}));

/** The key slice of `c_attn.bias` has a true gradient of zero: Adam turns its noise into steps. */
const keyBias = /attn\.c_attn\.bias$/;

async function checkModel(device: Device, { model }: Start): Promise<void> {
  const { tensors } = await readSafetensors(`${golden}trajectories/full_linear.final.safetensors`);
  const width = model.linears[0].weight.shape[1];
  for (const spec of model.architecture.tensors) {
    const { name } = spec, expected = reorient(spec, tensors.get(name)!).data;
    const [{ data }] = await device.read(model.parameters.get(name)!.tensor);
    const keep = (_: unknown, i: number) => !keyBias.test(name) || i < width || i >= 2 * width;
    assertAllClose([...data].filter(keep), [...expected].filter(keep), {
      absolute: 1e-4,
      relative: 0,
      what: name,
    });
  }
}

async function checkAdapter({ adapter }: Start): Promise<void> {
  const file = `${golden}trajectories/lora_linear_final/adapter_model.safetensors`;
  const { tensors } = await readSafetensors(file);
  for (const { module, A, B } of await adapter!.read()) {
    for (const [letter, { data }] of Object.entries({ A, B })) {
      const key = `base_model.model.${module}.lora_${letter}.weight`;
      assertAllClose(data, tensors.get(key)!.data, { absolute: 1e-4, relative: 0, what: key });
    }
  }
}

await testOn(allDevices, checks);
