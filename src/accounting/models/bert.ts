/** BERT and RoBERTa. @module */

import { blocks, embeddings, type EncoderSize, encoderSize, maskedHead } from "./encoder.ts";
import { type ConfigJson, type Head, headOf } from "./fields.ts";
import { bias, linear, norm, type TensorShape } from "./tensor_shape.ts";

/** The tensors of a `bert` configuration. */
export function bertTensors(json: ConfigJson): TensorShape[] {
  const size = encoderSize(json), head = headOf(json, "none");
  const at = head.kind === "none" ? "" : "bert.";
  return [
    ...body(at, json),
    ...(head.kind === "language" ? maskedHead(size) : linear(`${at}pooler.dense`, size.d, size.d)),
    ...(head.kind === "classes" ? linear("classifier", head.labels, size.d) : []),
  ];
}

/** The tensors of a `roberta` configuration. */
export function robertaTensors(json: ConfigJson): TensorShape[] {
  const head = headOf(json, "none"), at = head.kind === "none" ? "" : "roberta.";
  return [...body(at, json), ...robertaHead(head, encoderSize(json))];
}

function robertaHead(head: Head, { d, vocabulary }: EncoderSize): TensorShape[] {
  switch (head.kind) {
    case "none":
      return linear("pooler.dense", d, d);
    case "language":
      return [
        bias("lm_head", vocabulary),
        ...linear("lm_head.dense", d, d),
        ...norm("lm_head.layer_norm", d),
      ];
    case "classes":
      return [
        ...linear("classifier.dense", d, d),
        ...linear("classifier.out_proj", head.labels, d),
      ];
  }
}

function body(at: string, json: ConfigJson): TensorShape[] {
  const size = encoderSize(json), { d } = size;
  const attention = (self: string) =>
    ["query", "key", "value"].flatMap((name) => linear(`${self}.${name}`, d, d));
  return [...embeddings(at, json), ...blocks(at, size, attention)];
}
