/** A block of DeBERTa, whose attention is made from other layers in each version. @module */

import type { DebertaConfig } from "../architectures/deberta_config.ts";
import { headPart } from "../autograd/mod.ts";
import { activationOf } from "../nn/activations.ts";
import {
  DisentangledAttention,
  type DisentangledParts,
  type RelativeContext,
} from "../nn/disentangled_attention.ts";
import type { ModelLayers } from "./model_layers.ts";
import { PostNormBlock } from "./post_norm_block.ts";
import type { Block } from "./virtual_inputs.ts";

/** A block at a path, whose attention has the inputs of its version. */
export function debertaBlock(
  layers: ModelLayers,
  at: string,
  config: DebertaConfig,
  isSecond: boolean,
): Block<RelativeContext> {
  const { width, heads, dropout, scoreTerms } = config;
  const input = (isSecond ? secondInput : firstInput)(layers, `${at}.attention.self`, config);
  const output = layers.linear(`${at}.attention.output.dense`);
  const scale = 1 / Math.sqrt(width / heads * scoreTerms);
  const attention = new DisentangledAttention({ ...input, heads, scale, output, dropout });
  return new PostNormBlock(
    layers,
    at,
    config,
    activationOf(config.activation),
    (tape, x, context: RelativeContext) => attention.forward(tape, x, context),
  );
}

/** What a version of DeBERTa computes attention from, by the attention's path. */
type AttentionInput = (
  layers: ModelLayers,
  self: string,
  config: DebertaConfig,
) => Pick<DisentangledParts, "input" | "positionKeys" | "positionQueries">;

/** Version 1: one projection with q, k and v of each head side by side, and biases of q and v. */
const firstInput: AttentionInput = (layers, self, { heads, relative }) => {
  const fused = layers.linear(`${self}.in_proj`), { terms = [] } = relative ?? {};
  const [q, v] = ["q_bias", "v_bias"].map((name) => layers.parameter(`${self}.${name}`));
  return {
    input(tape, x) {
      const qkv = fused.forward(tape, x);
      const [queries, keys, values] = [q, undefined, v].map((bias, part) =>
        headPart(tape, qkv, { heads, parts: 3, part, bias })
      );
      tape.release(qkv);
      return [queries, keys, values];
    },
    ...(terms.includes("c2p") && { positionKeys: layers.linear(`${self}.pos_proj`) }),
    ...(terms.includes("p2c") && { positionQueries: layers.linear(`${self}.pos_q_proj`) }),
  };
};

/** Version 2: a projection each, which distances share or have their own. */
const secondInput: AttentionInput = (layers, self, { relative }) => {
  const [q, k, v] = ["query", "key", "value"].map((name) => layers.linear(`${self}.${name}_proj`));
  const { terms = [], sharesProjections } = relative ?? {};
  const own = (name: string) => layers.linear(`${self}.pos_${name}_proj`);
  return {
    input: (tape, x) => [q.forward(tape, x), k.forward(tape, x), v.forward(tape, x)],
    ...(terms.includes("c2p") && { positionKeys: sharesProjections ? k : own("key") }),
    ...(terms.includes("p2c") && { positionQueries: sharesProjections ? q : own("query") }),
  };
};
