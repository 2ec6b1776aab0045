/** From a configuration to its architecture. @module */

import { quote } from "../core/quote.ts";
import type { Architecture } from "./architecture.ts";
import { bertArchitecture, robertaArchitecture } from "./bert.ts";
import { bloomArchitecture } from "./bloom.ts";
import type { ConfigJson } from "./config_fields.ts";
import { debertaArchitecture, debertaV2Architecture } from "./deberta.ts";
import { distilbertArchitecture } from "./distilbert.ts";
import { falconArchitecture } from "./falcon.ts";
import { gemma2Architecture } from "./gemma2.ts";
import { gpt2Architecture } from "./gpt2.ts";
import { gptNeoxArchitecture } from "./gpt_neox.ts";
import { llamaArchitecture } from "./llama.ts";
import { mixtralArchitecture } from "./mixtral.ts";
import { modernbertArchitecture } from "./modernbert.ts";
import { optArchitecture } from "./opt.ts";
import { phi3Architecture } from "./phi3.ts";
import { longestSequence } from "./positions.ts";
import { qwen3Architecture } from "./qwen3.ts";
import { t5Architecture } from "./t5.ts";

/** Every family by the `model_type` of its configurations. */
const families: Readonly<Record<string, (json: ConfigJson) => Architecture>> = {
  gpt2: gpt2Architecture,
  bert: bertArchitecture,
  roberta: robertaArchitecture,
  "xlm-roberta": robertaArchitecture,
  deberta: debertaArchitecture,
  "deberta-v2": debertaV2Architecture,
  t5: t5Architecture,
  llama: llamaArchitecture,
  mistral: llamaArchitecture,
  qwen2: llamaArchitecture,
  qwen3: qwen3Architecture,
  gemma2: gemma2Architecture,
  phi3: phi3Architecture,
  mixtral: mixtralArchitecture,
  gpt_neox: gptNeoxArchitecture,
  opt: optArchitecture,
  bloom: bloomArchitecture,
  falcon: falconArchitecture,
  distilbert: distilbertArchitecture,
  modernbert: modernbertArchitecture,
};

/**
 * The architecture that a parsed `config.json` describes; its head is that of the field `architectures`.
 *
 * @throws {RangeError} when the model type is unknown, a field is missing or invalid, or there are more
 * than 4,096 layers or 2^53 parameters.
 *
 * @example
 * ```ts
 * import { architectureOf, countParameters } from "@lowrank/core/architectures";
 *
 * const config = { model_type: "gpt2", n_embd: 768, n_layer: 12, n_positions: 1024, vocab_size: 50257 };
 * const { tensors, linears } = architectureOf(config);
 * console.log(countParameters(tensors)); // 124439808
 * console.log(linears[2].name, linears[2].parts.k); // transformer.h.0.attn.c_attn, rows 768 to 1536
 * ```
 */
export function architectureOf(config: ConfigJson): Architecture {
  const type = config.model_type;
  if (typeof type === "string" && Object.hasOwn(families, type)) {
    return { ...families[type](config), positions: longestSequence(config) };
  }
  throw new RangeError(
    `a configuration must have a model_type of ${
      Object.keys(families).join(", ")
    } (others can be ` +
      `counted from the headers of their safetensors files); found ${quote(type)}`,
  );
}
