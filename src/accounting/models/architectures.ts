/** From a configuration to the model's tensors. @module */

import { bertTensors, robertaTensors } from "./bert.ts";
import { debertaTensors, debertaV2Tensors } from "./deberta.ts";
import type { ConfigJson } from "./fields.ts";
import { gpt2Tensors } from "./gpt2.ts";
import { llamaTensors } from "./llama.ts";
import { t5Tensors } from "./t5.ts";
import { countParameters, type TensorShape } from "./tensor_shape.ts";

const architectures: Readonly<Record<string, (json: ConfigJson) => TensorShape[]>> = {
  gpt2: gpt2Tensors,
  bert: bertTensors,
  roberta: robertaTensors,
  deberta: debertaTensors,
  "deberta-v2": debertaV2Tensors,
  t5: t5Tensors,
  llama: llamaTensors,
  mistral: llamaTensors,
  qwen2: llamaTensors,
};

/**
 * Every parameter of the model that a parsed `config.json` describes, a tied head once, with the names and
 * extents of Hugging Face's files. The head is that of `architectures`.
 *
 * @throws {RangeError} when the model type is not known here, a field is missing or cannot be, or there
 * are more than 10,000 layers or 2^53 parameters.
 *
 * @example
 * ```ts
 * import { countParameters, modelTensors } from "@lowrank/core/accounting";
 *
 * const config = { model_type: "gpt2", n_embd: 768, n_layer: 12, n_positions: 1024, vocab_size: 50257 };
 * console.log(countParameters(modelTensors(config))); // 124439808
 * ```
 */
export function modelTensors(config: ConfigJson): TensorShape[] {
  const type = config.model_type;
  if (typeof type === "string" && Object.hasOwn(architectures, type)) {
    return assertCountable(architectures[type](config));
  }
  const known = Object.keys(architectures).join(", ");
  const found = JSON.stringify(type) ?? "nothing";
  throw new RangeError(
    `a configuration must have a model_type of ${known} (others can be counted from the headers of ` +
      `their safetensors files); found ${found}`,
  );
}

/** Bytes and sums are exact below 2^53. */
function assertCountable(tensors: TensorShape[]): TensorShape[] {
  const total = countParameters(tensors);
  if (Number.isSafeInteger(total)) return tensors;
  throw new RangeError(
    `a model must have fewer than 2^53 parameters to be counted, found about ${
      total.toExponential(1)
    }`,
  );
}
