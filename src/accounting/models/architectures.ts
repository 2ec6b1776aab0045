/** From a configuration to the model's tensors. @module */

import { bertTensors, robertaTensors } from "./bert.ts";
import { debertaTensors, debertaV2Tensors } from "./deberta.ts";
import type { ConfigJson } from "./fields.ts";
import { gpt2Tensors } from "./gpt2.ts";
import { llamaTensors } from "./llama.ts";
import { t5Tensors } from "./t5.ts";
import type { TensorShape } from "./tensor_shape.ts";

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
 * @throws {RangeError} when the model type is not known here, or a field is missing or cannot be.
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
    return architectures[type](config);
  }
  const known = Object.keys(architectures).join(", ");
  const found = JSON.stringify(type) ?? "nothing";
  throw new RangeError(
    `a configuration must have a model_type of ${known} (others can be counted from the headers of ` +
      `their safetensors files); found ${found}`,
  );
}
