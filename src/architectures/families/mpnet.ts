/**
 * MPNet (Song et al. 2020): its layers and tensors, and the check of the configuration of one that is to
 * be run, whose fields are BERT's.
 *
 * @module
 */

import {
  type Architecture,
  architectureFrom,
  embedding,
  linear,
  norm,
  repeat,
} from "../architecture.ts";
import { assertOneOf, type ConfigJson, flagOr, headOf, headsOf } from "../config_fields.ts";
import { completeEncoderConfig, robertaTop } from "./bert.ts";
import { embeddings, encoderSizes, feedForward, separateAttention } from "./encoder.ts";

/** Rows of the table of distances: as many as transformers has buckets, whatever the table's size. */
export const distanceBuckets = 32;

/** Path of the table of distances, below the trunk. */
export const distanceTable = "encoder.relative_attention_bias";

/** The architecture of an `mpnet` configuration. */
export function mpnetArchitecture(json: ConfigJson): Architecture {
  const sizes = encoderSizes(json), { d } = sizes, top = headOf(json, "none");
  const at = top.kind === "none" ? "" : "mpnet.", heads = headsOf(json, d);
  const isTied = top.kind === "language" && flagOr(json, "tie_word_embeddings", true);
  const decoder = "lm_head.decoder";
  assertOneOf(json, "relative_attention_num_buckets", [distanceBuckets]);
  return architectureFrom({
    modelType: "mpnet",
    head: top.kind,
    trunk: at,
    peftTargets: [],
    ...(isTied && { copies: [`${decoder}.weight`, `${decoder}.bias`] }),
    layers: [
      ...embeddings(at, json, sizes),
      ...repeat(sizes.depth, (i) => {
        const layer = `${at}encoder.layer.${i}`, attention = `${layer}.attention`;
        return [
          ...separateAttention(`${attention}.attn`, d, ["q", "k", "v"]),
          linear(`${attention}.attn.o`, [d, d], { parts: "o" }),
          norm(`${attention}.LayerNorm`, d),
          ...feedForward(layer, sizes),
        ];
      }),
      embedding(`${at}${distanceTable}`, [distanceBuckets, heads]),
      ...robertaTop(at, json, top, sizes),
    ],
  });
}

/**
 * A configuration that has been checked, with the number of a classifier's labels.
 *
 * @throws {RangeError} when a field is missing or has a value that is not supported.
 */
export function completeMpnetConfig(json: ConfigJson): ConfigJson {
  // transformers counts positions after token 1, whatever the field says.
  assertOneOf(json, "pad_token_id", [1]);
  assertOneOf(json, "relative_attention_num_buckets", [distanceBuckets]);
  return completeEncoderConfig(json);
}
