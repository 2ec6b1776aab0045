/** The models that are timed: one base, and what each method makes of it. @module */

import { injectBottleneck, injectLora, type LoraOptions, merge } from "../../src/adapt/mod.ts";
import type { ConfigJson } from "../../src/architectures/mod.ts";
import { Random } from "../../src/core/random.ts";
import type { Device } from "../../src/device/device.ts";
import { allocateModel, type TextModel } from "../../src/models/mod.ts";
import { shareBase } from "../../src/runs/mod.ts";

/** The sizes of a GPT-2. */
export interface LatencyShape {
  /** Its name for display. */
  readonly name: string;
  /** Its `config.json`, as far as it matters. */
  readonly config: ConfigJson;
}

/** Four blocks, so that a pass takes milliseconds. */
export const smallShape: LatencyShape = {
  name: "4 layers of width 256",
  config: { vocab_size: 1024, n_positions: 128, n_embd: 256, n_layer: 4, n_head: 8 },
};

/** The model of the paper's Table 1. */
export const mediumShape: LatencyShape = {
  name: "GPT-2 medium",
  config: { vocab_size: 50257, n_positions: 1024, n_embd: 1024, n_layer: 24, n_head: 16 },
};

/** The forms of bottlenecks by the paper's letters. */
const adapterForms = { H: "houlsby", L: "lin" } as const;

/** A timed variant, and the width of its bottlenecks, 0 where it has none. */
export interface Variant {
  /** The base, the base again, LoRA merged or not, or adapters by the paper's letter. */
  readonly model: "base" | "base again" | "merged" | "unmerged" | keyof typeof adapterForms;
  /** r of adapters. */
  readonly bottleneck: number;
}

/** LoRA as the paper has it on GPT-2 (Table 11). */
export const latencyLora = { rank: 4, sites: ["q", "v"], seed: 1 } as const satisfies LoraOptions;

/** Models that share the weights of one base, and are freed together. */
export interface LatencyModels extends Disposable {
  /** The timed models. */
  readonly models: readonly (readonly [variant: Variant, model: TextModel])[];
}

/** Makes all models; on `dry`, which has no values, the base gets none. */
export function openVariants(
  device: Device,
  shape: LatencyShape,
  bottlenecks: readonly number[],
  lora: LoraOptions = latencyLora,
): LatencyModels {
  using stack = new DisposableStack();
  const base = stack.use(allocateModel(device, { model_type: "gpt2", ...shape.config }));
  if (device.kind !== "dry") fill(base);
  const sharing = () => shareBase(base);
  const unmerged = sharing(), adapter = stack.use(injectLora(unmerged, lora));
  const merged = stack.use(merge(base, adapter));
  const adapted = Object.entries(adapterForms).flatMap(([letter, variant]) =>
    bottlenecks.map((size) => {
      const model = sharing();
      stack.use(injectBottleneck(model, { variant, size, seed: 1 }));
      return [{ model: letter as Variant["model"], bottleneck: size }, model] as const;
    })
  );
  const plain = { base, "base again": sharing(), merged, unmerged };
  const models = [
    ...Object.entries(plain).map(([name, model]) =>
      [{ model: name as Variant["model"], bottleneck: 0 }, model] as const
    ),
    ...adapted,
  ];
  const owned = stack.move();
  return { models, [Symbol.dispose]: () => owned.dispose() };
}

/** Random values that are drawn once and repeated: drawing 354,823,168 takes longer than timing them. */
function fill({ device, parameters }: TextModel): void {
  const drawn = new Random(1).uniformWithin(0.05, 2 ** 16);
  for (const { tensor } of parameters.values()) {
    const values = new Float32Array(tensor.size);
    for (let at = 0; at < values.length; at += drawn.length) {
      values.set(drawn.subarray(0, values.length - at), at);
    }
    device.write(tensor, values);
  }
}
