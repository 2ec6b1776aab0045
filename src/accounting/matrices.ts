/** The weight matrices of a model, and the sites of which an update can be made. @module */

import { countParameters, type TensorShape } from "./models/tensor_shape.ts";

/** A weight matrix by the module that holds it. */
export interface Matrix {
  /** Path of the module: the tensor's name without `.weight`. */
  readonly name: string;
  /** Values that it takes. */
  readonly inputs: number;
  /** Values that it gives. */
  readonly outputs: number;
  /** Embeddings and heads are what PEFT's `all-linear` leaves out. */
  readonly kind: "linear" | "embedding" | "head";
}

/** A part of a matrix that is adapted on its own. */
export interface Site {
  /** `q`, `k`, `v`, `o`, `up` or `down`. */
  readonly role: string;
  /** Values that it gives. */
  readonly outputs: number;
}

const embedding =
  /(^|\.)(wte|wpe|embed_tokens|shared|(word|position|token_type|rel)_embeddings|relative_attention_bias)$/;
const head = /^(lm_head|score|classifier(\.dense|\.out_proj)?)$/;

/** Files hold the weights of GPT-2's Conv1D as (in, out). */
const conv1d = /\.(c_attn|c_proj|c_fc)$/;

/** All matrices in the order of the tensors: weights of two axes. */
export function matricesOf(tensors: Iterable<TensorShape>): Matrix[] {
  return [...tensors].flatMap(({ name, shape }) => {
    if (shape.length !== 2 || !name.endsWith(".weight")) return [];
    const module = name.slice(0, -".weight".length);
    const [outputs, inputs] = conv1d.test(module) ? shape.toReversed() : shape;
    return [{ name: module, inputs, outputs, kind: kindOf(module) }];
  });
}

function kindOf(module: string): Matrix["kind"] {
  if (embedding.test(module)) return "embedding";
  return head.test(module) ? "head" : "linear";
}

/** Modules that are one site each. */
const roles: readonly [role: string, modules: RegExp][] = [
  ["q", /\.(q|query|query_proj|q_proj)$/],
  ["k", /\.(k|key|key_proj|k_proj)$/],
  ["v", /\.(v|value|value_proj|v_proj)$/],
  ["o", /\.(o|o_proj|attn\.c_proj|attention\.output\.dense)$/],
  ["up", /\.(wi|wi_0|wi_1|gate_proj|up_proj|c_fc|intermediate\.dense)$/],
  ["down", /\.(wo|down_proj|mlp\.c_proj|\d+\.output\.dense)$/],
];

/** Modules that hold q, k and v, each a third of the outputs. */
const fused = /\.(c_attn|in_proj)$/;

/** The sites of a matrix; a site is named by its part in the block whatever the model calls it. */
export function sitesOf({ name, outputs }: Matrix): Site[] {
  if (fused.test(name)) return ["q", "k", "v"].map((role) => ({ role, outputs: outputs / 3 }));
  return roles.filter(([, modules]) => modules.test(name)).map(([role]) => ({ role, outputs }));
}

/** Values of the heads that PEFT copies and trains whole where a model classifies. */
export function classifierParameters(tensors: Iterable<TensorShape>): number {
  return countParameters([...tensors].filter(({ name }) => /^(classifier|score)\./.test(name)));
}
