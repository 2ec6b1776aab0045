/** What tensor names say about a model without a configuration. @module */

import type { SiteRole } from "../core/site.ts";
import {
  type Architecture,
  architectureFrom,
  type LayerParts,
  type LayerSpec,
  type LinearSpec,
  type TensorSpec,
} from "./architecture.ts";
import { fusedParts, moduleOf, other } from "./layers.ts";

/** A tensor as a file's header lists it. */
export type StoredTensor = Omit<TensorSpec, "storedTransposed">;

/** Module names, of all known families, that say what a matrix is. */
const names = {
  embedding:
    /(^|\.)(wte|wpe|shared|embed_(tokens|positions|in)|(\w+_)?embeddings?|relative_attention_bias)$/,
  classifier: /^(score|classifier)(\.|$)/,
  conv1d: /\.(c_attn|c_proj|c_fc)$/,
  fused: /\.(c_attn|in_proj|Wqkv)$/,
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
  const parts = partsOf(name, outputs), isEmbedding = names.embedding.test(name);
  const kind = isEmbedding ? "embedding" : parts.head ? "head" : "linear";
  return { name, kind, tensors, outputs, inputs, parts };
}

function partsOf(name: string, outputs: number): LayerParts {
  if (names.fused.test(name) && outputs % 3 === 0) return fusedParts(outputs / 3);
  const role = roles.find(([, modules]) => modules.test(name))?.[0];
  return role ? { [role]: { start: 0, count: outputs } } : {};
}

/** The name that a tensor had in the first published files: `LayerNorm.gamma` and `LayerNorm.beta`. */
export const legacyName = (tensor: string): string =>
  tensor.replace(/(?<=LayerNorm\.)(weight|bias)$/, (name) => name === "bias" ? "beta" : "gamma");

/**
 * Tensors of Hugging Face's files that are not parameters: causal masks, positions, frequencies, and the
 * zeros that BART adds to its logits.
 */
export function isBuffer(tensor: string): boolean {
  return /(^|\.)(attn\.(bias|masked_bias)|position_ids|rotary_emb\.inv_freq|final_logits_bias)$/
    .test(tensor);
}
