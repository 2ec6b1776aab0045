/** A training step of any size, ready to run on any device. @module */

import { injectLora } from "../../src/adapt/mod.ts";
import type { ConfigJson, SiteSelection } from "../../src/architectures/mod.ts";
import { gpt2ConfigJson } from "../../src/architectures/families/gpt2.ts";
import type { Device } from "../../src/device/device.ts";
import { Gpt2, parseGpt2Config } from "../../src/models/mod.ts";
import { Trainer } from "../../src/train/mod.ts";
import { trainingBatch } from "../contenders/ours_models.ts";
import { learningRate, values } from "../workloads.ts";
import type { Method, StepSize } from "./sweeps.ts";

/** A model in training with its one batch. */
export interface OpenStep extends Disposable {
  /** Hands a step to the device. */
  run(): void;
  /** The loss of the last step, once it has ended. */
  loss(): Promise<number>;
}

/** The model's `config.json`. */
export function configOf({ vocabulary, width, layers, heads, time }: StepSize): ConfigJson {
  const sizes = { vocab_size: vocabulary, n_positions: time, n_embd: width, n_layer: layers };
  return gpt2ConfigJson(parseGpt2Config({ ...sizes, n_head: heads }));
}

const layersOfBlock = ["attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"];

/** Linear layers from the first block on, so that gradients pass through all of it however few there are. */
export function selectionOf({ layers, modules }: StepSize): SiteSelection {
  const names = Array.from(
    { length: layers },
    (_, i) => layersOfBlock.map((name) => `transformer.h.${i}.${name}`),
  ).flat();
  return modules === undefined
    ? { targetModules: "all-linear" }
    : { sites: names.slice(0, modules) };
}

/** Allocates a model with what is trained of it. */
export function openStep(device: Device, size: StepSize, method: Method): OpenStep {
  const model = Gpt2.allocate(device, parseGpt2Config(configOf(size))), { rank } = size;
  if (device.kind !== "dry") fill(model);
  const lora = { rank, alpha: 16, ...selectionOf(size), seed: 1 };
  const owners: Disposable[] = method === "lora" ? [injectLora(model, lora), model] : [model];
  const trainer = new Trainer(model, { learningRate, steps: 1e6 }), batch = trainingBatch(size);
  return {
    run: () => void trainer.step([batch]),
    loss: async () => (await trainer.ring.read(1))[0].loss,
    [Symbol.dispose]: () => [trainer, ...owners].forEach((owner) => owner[Symbol.dispose]()),
  };
}

/** Some random values, repeated: drawing all of them would take longer than the steps. */
const drawn = values(1, 2 ** 16);

function fill({ device, parameters }: Gpt2): void {
  for (const [name, { tensor: { shape, size }, tensor }] of parameters) {
    const data = new Float32Array(size), isBias = name.endsWith("bias");
    if (shape.length === 1) data.fill(isBias ? 0 : 1);
    else {
      const scale = /w[tp]e/.test(name) ? 0.1 : 1 / Math.sqrt(shape[1]);
      const some = drawn.map((value) => value * scale);
      for (let at = 0; at < size; at += some.length) data.set(some.subarray(0, size - at), at);
    }
    device.write(tensor, data);
  }
}
