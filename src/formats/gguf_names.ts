/** The tensors of GGUF files by the names and in the order of rows that Hugging Face's have. @module */

import { architectureIn, configOf } from "../core/gguf/config.ts";
import { broken } from "../core/gguf/cursor.ts";
import type { GgufHeader, GgufTensor } from "../core/gguf/header.ts";
import { quote } from "../core/quote.ts";

/** A tensor of a GGUF file, and what is done to it. */
export interface RenamedTensor extends GgufTensor {
  /** Rows of one attention head, if the two halves of each head are interleaved in the file. */
  readonly headRows?: number;
}

/** Names outside of the blocks. */
const outer: Readonly<Record<string, string>> = {
  token_embd: "model.embed_tokens",
  output_norm: "model.norm",
  output: "lm_head",
};

/** Names in a block. */
const inner: Readonly<Record<string, string>> = {
  attn_norm: "input_layernorm",
  attn_q: "self_attn.q_proj",
  attn_k: "self_attn.k_proj",
  attn_v: "self_attn.v_proj",
  attn_output: "self_attn.o_proj",
  ffn_norm: "post_attention_layernorm",
  ffn_gate: "mlp.gate_proj",
  ffn_up: "mlp.up_proj",
  ffn_down: "mlp.down_proj",
};

/**
 * The tensors of a model by Hugging Face's names.
 *
 * @throws {SyntaxError} when the architecture or a tensor's name is unknown, or rows are not those of whole heads.
 */
export function renamedTensors(header: GgufHeader): Map<string, RenamedTensor> {
  const rowsOf = headRowsIn(header);
  return new Map(
    Array.from(header.tensors, ([name, tensor]) => {
      const headRows = rowsOf(name, tensor);
      return [ownName(name), headRows === undefined ? tensor : { ...tensor, headRows }];
    }),
  );
}

function ownName(name: string): string {
  const [, block, layer, kind] = /^(?:blk\.(\d{1,4})\.)?(\w+)\.(weight|bias)$/.exec(name) ?? [];
  const names = block === undefined ? outer : inner;
  if (layer === undefined || !Object.hasOwn(names, layer)) {
    return broken(`a tensor must be one of a Llama or Qwen2, found ${quote(name)}`);
  }
  const at = block === undefined ? "" : `model.layers.${block}.`;
  return `${at}${names[layer]}.${kind}`;
}

/**
 * The rows of a head where they are interleaved: llama.cpp turns neighboring columns of a Llama's queries and keys
 * by their position, Hugging Face's models those that are half a head apart.
 */
function headRowsIn(header: GgufHeader) {
  const { num_attention_heads: heads, num_key_value_heads: shared = heads } = configOf(header);
  const isTurned = architectureIn(header) === "llama";
  return (name: string, { shape: [rows = 0] }: GgufTensor): number | undefined => {
    const [, part] = isTurned ? /\.attn_([qk])\.\w+$/.exec(name) ?? [] : [];
    if (part === undefined) return undefined;
    const each = rows / Number(part === "q" ? heads : shared);
    if (each > 0 && each % 2 === 0) return each;
    return broken(`${quote(name)} must have an even number of rows for each head, found ${each}`);
  };
}

/** Where a file has a row, counted from 0. */
export function rowInFile(row: number, headRows: number): number {
  const within = row % headRows, half = headRows / 2, pair = within % half;
  return row - within + 2 * pair + (within - pair) / half;
}
