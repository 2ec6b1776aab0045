/** Random initial weights for pretraining. @module */

import type { LayerSpec } from "../architectures/architecture.ts";
import type { Gpt2Config } from "../architectures/gpt2.ts";
import { Random } from "../core/random.ts";
import { sizeOf } from "../core/shape.ts";
import type { Device } from "../device/device.ts";
import { Gpt2 } from "./gpt2.ts";
import type { ModelOptions } from "./text_model.ts";

const embeddingDeviation = 0.1;

/**
 * A GPT-2 with random weights: matrices N(0, 1/fan-in), multiplied by 1/√(2 · layers) if they write to
 * the residual stream (GPT-2's rule); embeddings N(0, 0.1²), norms 1, biases 0.
 *
 * At small widths, standard deviations by fan-in work far better than the usual 0.02.
 */
export function initGpt2(
  device: Device,
  config: Gpt2Config,
  { seed, ...options }: ModelOptions & { readonly seed: number },
): Gpt2 {
  const model = Gpt2.allocate(device, config, options), random = new Random(seed);
  model.architecture.layers
    .flatMap((layer) => layer.tensors.map((tensor) => ({ layer, ...tensor })))
    .forEach(({ layer, name, shape }, index) => {
      const isBias = shape.length === 1 && !name.endsWith(".weight");
      if (isBias) return; // Allocated tensors are already zero.
      const values = initialValues(layer, shape, config, random.split(index));
      device.write(model.parameters.get(name)!.tensor, values);
    });
  return model;
}

/** Values of one weight. */
function initialValues(
  layer: LayerSpec,
  shape: readonly number[],
  { n_layer }: Gpt2Config,
  random: Random,
): Float32Array {
  const size = sizeOf(shape);
  if (!("parts" in layer)) return new Float32Array(size).fill(1);
  const writesToResidual = layer.parts.o || layer.parts.down;
  const residual = writesToResidual ? 1 / Math.sqrt(2 * n_layer) : 1;
  const isEmbedding = layer.kind === "embedding";
  const deviation = isEmbedding ? embeddingDeviation : residual / Math.sqrt(layer.inputs);
  return Float32Array.from({ length: size }, () => deviation * random.normal());
}
