/** The `config.json` of the model in a GGUF file, made from its metadata. @module */

import { quote } from "../../core/errors.ts";
import {
  broken,
  type GgufHeader,
  type GgufValue,
  isPlain,
  type PlainValue,
  shown,
} from "./header.ts";

/** The architectures that can be read, with their classes in transformers. */
const classes: Readonly<Record<string, string>> = {
  llama: "LlamaForCausalLM",
  qwen2: "Qwen2ForCausalLM",
};

/** Names of the sizes that are the same by another name, without that of the architecture. */
const sizes: Readonly<Record<string, string>> = {
  block_count: "num_hidden_layers",
  context_length: "max_position_embeddings",
  embedding_length: "hidden_size",
  feed_forward_length: "intermediate_size",
  "attention.head_count": "num_attention_heads",
  "attention.head_count_kv": "num_key_value_heads",
  "attention.layer_norm_rms_epsilon": "rms_norm_eps",
  "rope.freq_base": "rope_theta",
};

/** Fields that give the columns of a head, which must be equal. */
const headColumns = ["rope.dimension_count", "attention.key_length", "attention.value_length"];

const known: ReadonlySet<string> = new Set([...Object.keys(sizes), ...headColumns, "vocab_size"]);

/** Other fields, with the only values that are implemented. */
const implemented: Readonly<Record<string, readonly GgufValue[]>> = {
  expert_count: [0],
  expert_used_count: [0],
  "rope.scaling.type": ["none"],
};

/** The ids of tokens that a configuration names, by their names in the tokenizer. */
const tokenIds: Readonly<Record<string, string>> = {
  bos_token_id: "bos_token_id",
  eos_token_id: "eos_token_id",
  padding_token_id: "pad_token_id",
};

/**
 * The name of a file's architecture.
 *
 * @throws {SyntaxError} when it is none that can be read.
 */
export function architectureIn({ metadata }: GgufHeader): string {
  const found = metadata.get("general.architecture");
  if (typeof found === "string" && Object.hasOwn(classes, found)) return found;
  return broken(
    `general.architecture must be ${Object.keys(classes).join(" or ")}, found ${shown(found)}`,
  );
}

/**
 * The `config.json` of a file's model.
 *
 * @throws {SyntaxError} when its architecture cannot be read, or it says something of it that is not implemented.
 */
export function configOf(header: GgufHeader): Record<string, unknown> {
  const { metadata, tensors } = header, name = architectureIn(header);
  const own = fieldsOf(name, header);
  const ids = Object.entries(tokenIds)
    .map(([key, field]) => [field, metadata.get(`tokenizer.ggml.${key}`)])
    .filter(([, id]) => isPlain(id));
  return {
    architectures: [classes[name]],
    model_type: name,
    hidden_act: "silu",
    ...Object.fromEntries(
      Object.entries(sizes).map(([key, field]) => [field, own.get(key)]),
    ),
    head_dim: columnsOf(name, own),
    vocab_size: own.get("vocab_size") ?? tensors.get("token_embd.weight")?.shape[0],
    ...(name === "llama" ? biasesOf(header) : {}),
    ...Object.fromEntries(ids),
    tie_word_embeddings: !tensors.has("output.weight"),
  };
}

/** The fields of the architecture; none that changes the results may be left out. */
function fieldsOf(name: string, { metadata }: GgufHeader): Map<string, PlainValue> {
  const fields = new Map<string, PlainValue>();
  for (const [whole, value] of metadata) {
    if (!whole.startsWith(`${name}.`)) continue;
    const key = whole.slice(name.length + 1);
    const isKnown = known.has(key) ||
      Object.hasOwn(implemented, key) && implemented[key].includes(value);
    if (!isKnown) broken(`${quote(whole)} is not supported, found ${shown(value)}`);
    if (!isPlain(value)) return broken(`${quote(whole)} must be one value, found ${shown(value)}`);
    fields.set(key, value);
  }
  return fields;
}

const biasesOf = ({ tensors }: GgufHeader) => ({
  attention_bias: tensors.has("blk.0.attn_q.bias"),
  mlp_bias: tensors.has("blk.0.ffn_up.bias"),
});

/** The columns of a head; undefined if nothing says so. */
function columnsOf(name: string, own: ReadonlyMap<string, PlainValue>): PlainValue | undefined {
  const found = new Set(headColumns.flatMap((key) => own.get(key) ?? []));
  if (found.size > 1) {
    broken(`${headColumns.join(", ")} of ${name} must be equal, found ${[...found].join(" and ")}`);
  }
  const [columns] = found;
  return columns;
}
