/** GPT-2's tensors: their names, extents, and how files turn them. @module */

import type { ArenaEntry } from "../../device/arena.ts";
import type { Gpt2Config } from "./config.ts";

/** Name of the token embedding, which a tied head shares. */
export const tokenEmbedding = "transformer.wte.weight";

/** Name of the output head's weight where it is not tied. */
export const untiedHead = "lm_head.weight";

/** Name of a classifier's weight. */
export const classifierHead = "score.weight";

/** All parameters with extents as we hold them, linear weights as (out, in). */
export function gpt2Entries(config: Gpt2Config): ArenaEntry[] {
  const { vocab_size, n_positions, n_embd: width, n_layer } = config;
  const blocks = Array.from({ length: n_layer }, (_, layer) => blockEntries(config, layer)).flat();
  return [
    { name: tokenEmbedding, shape: [vocab_size, width] },
    { name: "transformer.wpe.weight", shape: [n_positions, width] },
    ...blocks,
    ...weightAndBias("transformer.ln_f", [width]),
    ...headEntries(config),
  ];
}

function headEntries(config: Gpt2Config): ArenaEntry[] {
  const { vocab_size, n_embd: width, num_labels, tie_word_embeddings } = config;
  if (num_labels) return [{ name: classifierHead, shape: [num_labels, width] }];
  return tie_word_embeddings ? [] : [{ name: untiedHead, shape: [vocab_size, width] }];
}

function blockEntries({ n_embd: width, n_inner }: Gpt2Config, layer: number): ArenaEntry[] {
  const block = `transformer.h.${layer}`, inner = n_inner ?? 4 * width;
  return [
    ...weightAndBias(`${block}.ln_1`, [width]),
    ...weightAndBias(`${block}.attn.c_attn`, [3 * width, width]),
    ...weightAndBias(`${block}.attn.c_proj`, [width, width]),
    ...weightAndBias(`${block}.ln_2`, [width]),
    ...weightAndBias(`${block}.mlp.c_fc`, [inner, width]),
    ...weightAndBias(`${block}.mlp.c_proj`, [width, inner]),
  ];
}

function weightAndBias(module: string, shape: readonly number[]): ArenaEntry[] {
  return [{ name: `${module}.weight`, shape }, { name: `${module}.bias`, shape: [shape[0]] }];
}

/** True for Conv1D weights, which files hold as (in, out): told by the layer's type, not by a flag. */
export function isStoredTransposed(name: string): boolean {
  return /\.(c_attn|c_proj|c_fc)\.weight$/.test(name);
}
