/** OPT (Zhang et al. 2022). @module */

import {
  type Architecture,
  architectureFrom,
  embedding,
  head,
  type LayerSpec,
  linear,
  norm,
  repeat,
} from "../architecture.ts";
import { assertOneOf, type ConfigJson, count, countOr, flagOr, headOf } from "../config_fields.ts";

/** Rows of the table of positions that no token has. */
const unusedPositions = 2;

/** The architecture of an `opt` configuration. */
export function optArchitecture(json: ConfigJson): Architecture {
  assertOneOf(json, "layer_norm_elementwise_affine", [true]);
  const d = count(json, "hidden_size"), vocabulary = count(json, "vocab_size");
  const width = countOr(json, "word_embed_proj_dim", d);
  const top = headOf(json, "language"), trunk = top.kind === "none" ? "" : "model.";
  const at = `${trunk}decoder`, hasHead = !flagOr(json, "tie_word_embeddings", true);
  return architectureFrom({
    ...{ modelType: "opt", head: top.kind, trunk, peftTargets: ["q_proj", "v_proj"] },
    layers: [
      embedding(`${at}.embed_tokens`, [vocabulary, width]),
      ...outside(at, json, d, width),
      ...repeat(count(json, "num_hidden_layers"), (i) => block(`${at}.layers.${i}`, json, d)),
      ...(top.kind === "language" && hasHead ? [head("lm_head", [vocabulary, width])] : []),
      ...(top.kind === "classes" ? [head("score", [top.labels, width])] : []),
    ],
  });
}

/**
 * The layers around the blocks: positions, changes of width, and the last norm of models whose
 * blocks begin with one.
 */
function outside(at: string, json: ConfigJson, d: number, width: number): LayerSpec[] {
  const positions = count(json, "max_position_embeddings") + unusedPositions;
  const isBefore = flagOr(json, "do_layer_norm_before", true);
  const hasNorm = isBefore && !flagOr(json, "_remove_final_layer_norm", false);
  return [
    embedding(`${at}.embed_positions`, [positions, d]),
    ...(width === d ? [] : [
      linear(`${at}.project_out`, [width, d], { bias: false }),
      linear(`${at}.project_in`, [d, width], { bias: false }),
    ]),
    ...(hasNorm ? [norm(`${at}.final_layer_norm`, d)] : []),
  ];
}

function block(at: string, json: ConfigJson, d: number): LayerSpec[] {
  const inner = count(json, "ffn_dim"), bias = flagOr(json, "enable_bias", true);
  const self = `${at}.self_attn`;
  return [
    ...(["k", "v", "q"] as const).map((role) =>
      linear(`${self}.${role}_proj`, [d, d], { parts: role, bias })
    ),
    linear(`${self}.out_proj`, [d, d], { parts: "o", bias }),
    norm(`${at}.self_attn_layer_norm`, d),
    linear(`${at}.fc1`, [inner, d], { parts: "up", bias }),
    linear(`${at}.fc2`, [d, inner], { parts: "down", bias }),
    norm(`${at}.final_layer_norm`, d),
  ];
}
