/** Models whose memory is counted: those that run here, and those that do not. @module */

import { catalog, type ConfigJson } from "../../src/architectures/mod.ts";
import { baseConfig } from "../base_model.ts";
import type { StepShape } from "./steps.ts";

/** A LLaMA (Touvron et al. 2023, table 2), which has the tensors of Llama 2. */
function llama(width: number, blocks: number, heads: number, hidden: number): ConfigJson {
  return {
    ...catalog["llama-2-7b"].config,
    hidden_size: width,
    num_hidden_layers: blocks,
    num_attention_heads: heads,
    num_key_value_heads: heads,
    intermediate_size: hidden,
  };
}

/** Configurations of 7B to 175B parameters, by name. */
export const largeModels: Readonly<Record<string, ConfigJson>> = {
  "LLaMA 7B": llama(4096, 32, 32, 11008),
  "LLaMA 13B": llama(5120, 40, 40, 13824),
  "LLaMA 33B": llama(6656, 60, 52, 17920),
  "LLaMA 65B": llama(8192, 80, 64, 22016),
  "GPT-3 175B": catalog["gpt3-175b"].config,
};

/** SmolLM2-135M (HuggingFaceTB on Hugging Face). */
const smolLm2: ConfigJson = {
  model_type: "llama",
  architectures: ["LlamaForCausalLM"],
  vocab_size: 49152,
  hidden_size: 576,
  num_hidden_layers: 30,
  num_attention_heads: 9,
  num_key_value_heads: 3,
  intermediate_size: 1536,
  tie_word_embeddings: true,
  max_position_embeddings: 8192,
  rms_norm_eps: 1e-5,
  rope_theta: 100000,
};

/** The small base, GPT-2 and SmolLM2, each with a batch. */
export async function runningModels(): Promise<readonly [small: StepShape, ...StepShape[]]> {
  return [
    { model: "tiny-gpt2", config: await baseConfig(), batch: 4, length: 64 },
    { model: "gpt2", config: catalog.gpt2.config, batch: 1, length: 128 },
    { model: "SmolLM2-135M", config: smolLm2, batch: 1, length: 128 },
  ];
}
