/**
 * Finds the architecture of a model from its configuration, or from tensor names alone; lists
 * configurations of published models; and selects the tensors of a frozen model that may be stored
 * in 16 and in 4 bits.
 *
 * @module
 */

import { quote } from "../core/errors.ts";
import type { SiteRole } from "../core/update.ts";
import {
  type Architecture,
  architectureFrom,
  fusedParts,
  type LayerParts,
  type LayerSpec,
  type LinearSpec,
  moduleOf,
  other,
  type TensorSpec,
} from "./architecture.ts";
import entries from "./catalog.json" with { type: "json" };
import { type ConfigJson, longestSequence } from "./config_fields.ts";
import { bertArchitecture, robertaArchitecture } from "./families/bert.ts";
import { bloomArchitecture } from "./families/bloom.ts";
import { debertaArchitecture, debertaV2Architecture } from "./families/deberta.ts";
import { distilbertArchitecture } from "./families/distilbert.ts";
import { falconArchitecture } from "./families/falcon.ts";
import { gemma2Architecture } from "./families/gemma2.ts";
import { gpt2Architecture } from "./families/gpt2.ts";
import { gptNeoxArchitecture } from "./families/gpt_neox.ts";
import { llamaArchitecture } from "./families/llama.ts";
import { mixtralArchitecture } from "./families/mixtral.ts";
import { modernbertArchitecture } from "./families/modernbert.ts";
import { mpnetArchitecture } from "./families/mpnet.ts";
import { optArchitecture } from "./families/opt.ts";
import { phi3Architecture } from "./families/phi3.ts";
import { qwen3Architecture } from "./families/qwen3.ts";
import { t5Architecture } from "./families/t5.ts";

// From a configuration.

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
  mpnet: mpnetArchitecture,
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

// The catalog.

/** A published model. */
export interface CatalogEntry {
  /** Address where its shape is published. */
  readonly source: string;
  /** The fields of its `config.json` that determine its tensors. */
  readonly config: ConfigJson;
}

/**
 * Published models by name. Brown et al. print two GPT-3 shapes whose heads do not add up to the width:
 * XL (24 heads of 128 for 2,048) and 13B (40 of 128 for 5,140). Tensors are counted from the width, as
 * for the other six.
 */
export const catalog: Readonly<Record<string, CatalogEntry>> = entries;

// From tensor names.

/** A tensor as a file's header lists it. */
export type StoredTensor = Omit<TensorSpec, "storedTransposed">;

/** Module names, of all known families, that say what a matrix is. */
const names = {
  embedding:
    /(^|\.)(wte|wpe|shared|embed_(tokens|positions|in)|(\w+_)?embeddings?|relative_attention_bias)$/,
  classifier: /^(score|classifier)(\.|$)/,
  conv1d: /\.(c_attn|c_proj|c_fc)$/,
  fused: /\.(c_attn|in_proj|Wqkv)$/,
  // Only thirds where keys and values have as many heads as queries.
  fusedIfEven: /\.query_key_value$/,
} as const;

/** Layers that have one role. */
const roles: readonly [role: SiteRole, modules: RegExp][] = [
  ["q", /\.(q|query|query_proj|q_proj|q_lin)$/],
  ["k", /\.(k|key|key_proj|k_proj|k_lin)$/],
  ["v", /\.(v|value|value_proj|v_proj|v_lin)$/],
  [
    "o",
    /(\.(o|o_proj|out_lin|attn\.(c_proj|Wo)|(cross)?attention\.output\.dense|(self_)?attention\.dense)|attn\.out_proj)$/,
  ],
  [
    "up",
    /\.(wi|wi_0|wi_1|gate_proj|up_proj|gate_up_proj|c_fc|fc1|lin1|mlp\.Wi|dense_h_to_4h|experts\.\d+\.w[13]|intermediate\.dense)$/,
  ],
  [
    "head",
    /^(lm_head(\.decoder)?|embed_out|proj_out|cls\.predictions\.decoder|decoder|vocab_projector|score|(pre_)?classifier|classifier\.(dense|out_proj))$/,
  ],
  [
    "down",
    /\.(wo|down_proj|fc2|lin2|mlp\.(c_proj|Wo)|dense_4h_to_h|experts\.\d+\.w2|\d+\.output\.dense)$/,
  ],
];

/**
 * The architecture of a model guessed from the names of the tensors in its files, which is enough to
 * count parameters and bytes. A matrix with an unknown name is a linear layer without parts; q, k and v
 * of a fused weight are taken to be thirds.
 */
export function inferArchitecture(tensors: Iterable<StoredTensor>): Architecture {
  const modules = Map.groupBy(tensors, ({ name }) => moduleOf(name));
  const isClassifier = [...modules.keys()].some((name) => names.classifier.test(name));
  return architectureFrom({
    modelType: undefined,
    head: isClassifier ? "classes" : "none",
    trunk: "",
    peftTargets: [],
    layers: Array.from(modules, ([name, tensors]) => layerOf(name, tensors)),
  });
}

function layerOf(name: string, tensors: readonly StoredTensor[]): LayerSpec {
  const weight = tensors.find((tensor) => tensor.name === `${name}.weight`);
  if (weight?.shape.length !== 2) return other(...tensors);
  if (!names.conv1d.test(name)) return matrixLayer(name, weight.shape, tensors);
  const shape = weight.shape.toReversed(),
    transposed = { ...weight, shape, storedTransposed: true };
  return matrixLayer(name, shape, tensors.map((tensor) => tensor === weight ? transposed : tensor));
}

function matrixLayer(
  name: string,
  [outputs, inputs]: readonly number[],
  tensors: readonly TensorSpec[],
): LinearSpec {
  const parts = partsOf(name, outputs, inputs), isEmbedding = names.embedding.test(name);
  const kind = isEmbedding ? "embedding" : parts.head ? "head" : "linear";
  return { name, kind, tensors, outputs, inputs, parts };
}

function partsOf(name: string, outputs: number, inputs: number): LayerParts {
  const isEven = names.fusedIfEven.test(name) && outputs === 3 * inputs;
  if (isEven || names.fused.test(name) && outputs % 3 === 0) return fusedParts(outputs / 3);
  const role = roles.find(([, modules]) => modules.test(name))?.[0];
  return role ? { [role]: { start: 0, count: outputs } } : {};
}

/** The name that a tensor had in the first published files: `LayerNorm.gamma` and `LayerNorm.beta`. */
export const legacyName = (tensor: string): string =>
  tensor.replace(/(?<=LayerNorm\.)(weight|bias)$/, (name) => name === "bias" ? "beta" : "gamma");

// Storage.

/**
 * Tensors of Hugging Face's files that are not parameters: causal masks, positions, frequencies, and the
 * zeros that BART adds to its logits.
 */
export function isBuffer(tensor: string): boolean {
  return /(^|\.)(attn\.(bias|masked_bias)|position_ids|rotary_emb\.inv_freq|final_logits_bias)$/
    .test(tensor);
}

/** A token embedding or a language model's head, in the decoders and encoders that run. */
const table = /(wte|embed_tokens|embed_in|embed_out|lm_head|word_embeddings|decoder)\.weight$/;

/**
 * The matrices of the trunk's linear layers, the token embedding and a language model's head. Biases, norms,
 * positions and classifiers are left out, as they are small, or trained.
 */
export function halfTensors({ linears, trunk }: Architecture): TensorSpec[] {
  const found = linears.filter(({ kind, name, tensors: [weight] }) =>
    kind === "linear" ? name.startsWith(trunk) : table.test(weight.name)
  );
  return found.map(({ tensors: [weight] }) => weight);
}

/** The matrices of the blocks' linear layers: QLoRA keeps embeddings, norms and all of a head. */
export function fourBitTensors({ linears }: Architecture): TensorSpec[] {
  const found = linears.filter(({ kind, name }) => kind === "linear" && /\.\d+\./.test(name));
  return found.map(({ tensors: [weight] }) => weight);
}
