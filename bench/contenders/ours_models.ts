/** Lowrank's models of the GPT workloads. @module */

import { injectLora } from "../../src/adapt/mod.ts";
import type { Device } from "../../src/device/device.ts";
import { Gpt2, parseGpt2Config } from "../../src/models/mod.ts";
import type { Batch } from "../../src/train/mod.ts";
import { batchOf, gptEntries, type GptSize, loraEntries, rank } from "../workloads.ts";

/** A GPT-2 with the numbers that all contenders start from. */
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
  const { modules } = injectLora(model, options), entries = loraEntries(size);
  modules.forEach(({ A, B }, i) => {
    model.device.write(A.tensor, entries[2 * i].data);
    model.device.write(B.tensor, entries[2 * i + 1].data);
  });
}

/** The one batch, as the trainer takes it. */
export function trainingBatch(size: GptSize): Batch {
  const { inputs, targets } = batchOf(size), shape = [size.batch, size.time];
  return { inputs: { shape, data: inputs }, targets: { shape, data: Int32Array.from(targets) } };
}
