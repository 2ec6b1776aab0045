/** BERT (Devlin et al. 2018) and RoBERTa (Liu et al. 2019), whose layers XLM-R has (Conneau et al. 2020). @module */

import {
  type Architecture,
  architectureFrom,
  type LayerSpec,
  type TensorSpec,
} from "./architecture.ts";
import { type ConfigJson, flagOr, type Head, headOf } from "./config_fields.ts";
import {
  encoder,
  type EncoderSizes,
  encoderSizes,
  maskedHead,
  separateAttention,
  untiedDecoder,
} from "./encoder.ts";
import { head, linear, norm, other, tensor } from "./layers.ts";

/** The architecture of a `bert` configuration. */
export function bertArchitecture(json: ConfigJson): Architecture {
  return bertLike("bert", json, (at, top, sizes) => [
    ...(top.kind === "language" ? maskedHead(json, sizes) : [pooler(at, sizes)]),
    ...(top.kind === "classes" ? [head("classifier", [top.labels, sizes.d], { bias: true })] : []),
  ]);
}

/** The architecture of a `roberta` or `xlm-roberta` configuration. */
export function robertaArchitecture(json: ConfigJson): Architecture {
  return bertLike("roberta", json, (at, top, sizes) => robertaTop(at, json, top, sizes));
}

function robertaTop(at: string, json: ConfigJson, top: Head, sizes: EncoderSizes): LayerSpec[] {
  const { d, vocabulary } = sizes;
  switch (top.kind) {
    case "none":
      return [pooler(at, sizes)];
    case "language":
      return [
        other(tensor("lm_head.bias", vocabulary)),
        linear("lm_head.dense", [d, d]),
        norm("lm_head.layer_norm", d),
        ...untiedDecoder("lm_head.decoder", json),
      ];
    case "classes":
      return [
        head("classifier.dense", [d, d], { bias: true }),
        head("classifier.out_proj", [top.labels, d], { bias: true }),
      ];
  }
}

const pooler = (at: string, { d }: EncoderSizes) => linear(`${at}pooler.dense`, [d, d]);

function bertLike(
  trunk: "bert" | "roberta",
  json: ConfigJson,
  topOf: (at: string, top: Head, sizes: EncoderSizes) => LayerSpec[],
): Architecture {
  const sizes = encoderSizes(json), top = headOf(json, "none");
  const at = top.kind === "none" ? "" : `${trunk}.`;
  const projections = (self: string) => separateAttention(self, sizes.d, ["query", "key", "value"]);
  const isMasked = top.kind === "language";
  const isCrossed = flagOr(json, "add_cross_attention", false);
  const attentions = ["attention", ...(isCrossed ? ["crossattention"] : [])];
  return architectureFrom({
    modelType: String(json.model_type),
    head: top.kind,
    trunk: at,
    ...(isMasked && { besides: besidesOf(trunk, sizes), copies: copiesOf(trunk, json) }),
    peftTargets: ["query", "value"],
    layers: [...encoder(at, json, projections, attentions), ...topOf(at, top, sizes)],
  });
}

/** What files of masked models keep of the pretraining's other task: the published ones do. */
function besidesOf(trunk: "bert" | "roberta", sizes: EncoderSizes): TensorSpec[] {
  const { tensors } = pooler(`${trunk}.`, sizes), next = "cls.seq_relationship";
  if (trunk === "roberta") return [...tensors];
  return [...tensors, tensor(`${next}.weight`, 2, sizes.d), tensor(`${next}.bias`, 2)];
}

/** A tied decoder, which older files repeat. */
function copiesOf(trunk: "bert" | "roberta", json: ConfigJson): string[] {
  if (!flagOr(json, "tie_word_embeddings", true)) return [];
  const decoder = trunk === "bert" ? "cls.predictions.decoder" : "lm_head.decoder";
  return [`${decoder}.weight`, `${decoder}.bias`];
}
