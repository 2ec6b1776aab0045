/** Fresh weights for a GPT-2 that is to be pretrained. @module */

import { Random } from "../../core/random.ts";
import { sizeOf } from "../../core/shape.ts";
import type { Device } from "../../device/device.ts";
import type { Parameter } from "../../autograd/parameter.ts";
import type { Gpt2Config } from "./config.ts";
import { Gpt2, type Gpt2Options } from "./gpt2.ts";

const embeddingDeviation = 0.1;

/**
 * A GPT-2 with random weights: matrices N(0, 1/fan-in), those that write to the residual stream a further
 * 1/√(2 · layers) (GPT-2's own rule), embeddings N(0, 0.1²), norms 1, biases 0.
 *
 * Fan-in deviations beat the usual 0.02 by far at small widths.
 */
export function initGpt2(
  device: Device,
  config: Gpt2Config,
  { seed, ...options }: Gpt2Options & { readonly seed: number },
): Gpt2 {
  const model = Gpt2.allocate(device, config, options);
  const random = new Random(seed);
  [...model.parameters.values()].forEach((parameter, index) => {
    const values = initialValues(parameter, config, random.split(index));
    if (values) device.write(parameter.tensor, values);
  });
  return model;
}

/** Values of one parameter; nothing for biases, which are zero at birth. */
function initialValues(
  { name, shape }: Parameter,
  { n_layer }: Gpt2Config,
  random: Random,
): Float32Array | undefined {
  const size = sizeOf(shape);
  if (shape.length === 1) {
    return name.endsWith(".weight") ? new Float32Array(size).fill(1) : undefined;
  }
  const isEmbedding = /\.(wte|wpe)\./.test(name);
  const residual = name.includes("c_proj") ? 1 / Math.sqrt(2 * n_layer) : 1;
  const deviation = isEmbedding ? embeddingDeviation : residual / Math.sqrt(shape[1]);
  return Float32Array.from({ length: size }, () => deviation * random.normal());
}
