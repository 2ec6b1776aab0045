/** Lowrank's models with the numbers of all contenders, and the devices of the variants. @module */

import { injectLora } from "../../src/adapt/mod.ts";
import { openDevice } from "../../src/device/mod.ts";
import type { Device } from "../../src/device/device.ts";
import { Gpt2, parseGpt2Config } from "../../src/models/mod.ts";
import { type Batch, Trainer } from "../../src/train/mod.ts";
import { type Case, NotRun } from "../protocol.ts";
import {
  base,
  batchOf,
  gptEntries,
  type GptSize,
  learningRate,
  loraEntries,
  rank,
  tinyGpt,
  type Workload,
} from "../workloads.ts";

/** The device that cpu1, cpu, blas or webgpu stands for. */
export async function openVariant(variant: string): Promise<Device> {
  const kind = variant === "webgpu" ? "webgpu" : "cpu";
  if (variant !== "blas") Deno.env.set("LOWRANK_BLAS", "off");
  const device = await openDevice({ kind, threads: variant === "cpu1" ? 1 : 2 });
  if (variant === "blas" && !/blas|accelerate|mkl/i.test(device.description)) {
    throw new NotRun(`the device calls no BLAS: ${device.description}`);
  }
  return device;
}

/** A GPT-2 with the weights of {@link gptEntries}. */
export function makeModel(device: Device, size: GptSize): Gpt2 {
  const config = parseGpt2Config({
    ...{ vocab_size: size.vocabulary, n_positions: size.time, n_embd: size.width },
    ...{ n_layer: size.layers, n_head: size.heads },
  });
  const model = Gpt2.allocate(device, config);
  for (const { name, data } of gptEntries(size)) {
    device.write(model.parameters.get(`transformer.${name}`)!.tensor, data);
  }
  return model;
}

/** Puts adapters on `c_attn`. */
export function adapt(model: Gpt2, size: GptSize): void {
  const options = { rank, alpha: 2 * rank, targetModules: ["c_attn"], seed: 1 };
  const { sites } = injectLora(model, options), entries = loraEntries(size);
  sites.forEach(({ A, B }, i) => {
    model.device.write(A.tensor, entries[2 * i].data);
    model.device.write(B.tensor, entries[2 * i + 1].data);
  });
}

/** The one batch, as the trainer takes it. */
export function trainingBatch(size: GptSize): Batch {
  const { inputs: data, targets } = batchOf(size), shape = [size.batch, size.time];
  return {
    inputs: { tokens: { shape, data } },
    targets: { shape, data: Int32Array.from(targets) },
  };
}

/** A training step: all weights, or those of adapters. */
export function training(device: Device, name: Workload): Case {
  const size = name === "pretrain" ? base : tinyGpt, model = makeModel(device, size);
  if (name === "gpt_lora") adapt(model, size);
  const trainer = new Trainer(model, { learningRate, steps: 1e6 }), batch = trainingBatch(size);
  const loss = async () => (await trainer.ring.read(1))[0].loss;
  return {
    name,
    step: () => void trainer.step([batch]),
    wait: async () => void await loss(),
    check: loss,
  };
}
