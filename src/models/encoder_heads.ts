/** Heads of encoders: a masked language model's, and classifiers'. @module */

import type { Architecture } from "../architectures/architecture.ts";
import type { DebertaConfig } from "../architectures/deberta_config.ts";
import type { EncoderConfig } from "../architectures/encoder_config.ts";
import { dropout, linear, tanh } from "../autograd/mod.ts";
import type { Parameter } from "../autograd/parameter.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../device/device.ts";
import type { LayerNorm } from "../nn/layer_norm.ts";
import { activationOf } from "../nn/activations.ts";
import { Linear } from "../nn/linear.ts";
import type { Activation } from "../nn/mlp.ts";
import { type Head, StatesHead } from "./heads.ts";
import { type PassInputs, sequenceStarts } from "./inputs.ts";
import type { ModelLayers } from "./model_layers.ts";

/** The head that an architecture has; without one, the outputs are the last block's states. */
export function encoderHead(
  layers: ModelLayers,
  { head, modelType, trunk }: Architecture,
  config: EncoderConfig,
): Head {
  const isRoberta = modelType === "roberta";
  if (head === "language") {
    const { epsilon } = config, activation = isRoberta || config.exact ? "gelu" : "gelu_new";
    const names = isRoberta ? robertaNames : predictionNames;
    return maskedHead(layers, trunk, { epsilon, activation }, names);
  }
  if (head === "classes") {
    const [dense, output] = isRoberta
      ? ["classifier.dense", "classifier.out_proj"]
      : [`${trunk}pooler.dense`, "classifier"];
    const modules = { dense: layers.linear(dense), ...weightAndBias(layers, output) };
    const { classifierDropout: rate } = config; // BERT's pooler is not a part of its classifier.
    return new FirstTokenHead({
      ...modules,
      activation: tanh,
      dropout: [isRoberta ? rate : 0, rate],
    });
  }
  // Adapters of all linear layers have the pooler, which these outputs do not pass through.
  layers.linear(`${trunk}pooler.dense`);
  return new StatesHead(config.width);
}

/** The head of a DeBERTa; without one, the outputs are the last block's states. */
export function debertaHead(
  layers: ModelLayers,
  { head, trunk }: Architecture,
  config: DebertaConfig,
): Head {
  if (head === "none") return new StatesHead(config.width);
  if (head === "classes") {
    return new FirstTokenHead({
      dense: layers.linear("pooler.dense"),
      ...weightAndBias(layers, "classifier"),
      activation: activationOf(config.poolerActivation),
      dropout: config.classifierDropout,
    });
  }
  const isLegacy = layers.has(predictionNames.bias);
  return maskedHead(layers, trunk, config, isLegacy ? predictionNames : newDebertaNames);
}

/** A last layer's parameters. */
interface WeightAndBias {
  /** (outputs, width). */
  readonly weight: Parameter;
  /** (outputs). */
  readonly bias: Parameter;
}

/** The parameters of a module that is no layer to adapt. */
const weightAndBias = (layers: ModelLayers, module: string): WeightAndBias => ({
  weight: layers.parameter(`${module}.weight`),
  bias: layers.parameter(`${module}.bias`),
});

/** What a masked language model's head is called in files. */
interface MaskedNames {
  readonly dense: string;
  readonly norm: string;
  readonly bias: string;
  /** Its last layer, where a file may have it; without, it is always the token embedding. */
  readonly decoder?: string;
}

/** Those of BERT. */
const predictionNames: MaskedNames = {
  dense: "cls.predictions.transform.dense",
  norm: "cls.predictions.transform.LayerNorm",
  decoder: "cls.predictions.decoder",
  bias: "cls.predictions.bias",
};

const robertaNames: MaskedNames = {
  dense: "lm_head.dense",
  norm: "lm_head.layer_norm",
  decoder: "lm_head.decoder",
  bias: "lm_head.bias",
};

/** Those of DeBERTa without `legacy`. */
const newDebertaNames: MaskedNames = {
  dense: "lm_predictions.lm_head.dense",
  norm: "lm_predictions.lm_head.LayerNorm",
  bias: "lm_predictions.lm_head.bias",
};

/** A masked language model's head, whose last weight is the token embedding unless it has its own. */
function maskedHead(
  layers: ModelLayers,
  trunk: string,
  { epsilon, activation }: { readonly epsilon: number; readonly activation: string },
  names: MaskedNames,
): Head {
  return new MaskedLmHead({
    dense: layers.linear(names.dense),
    norm: layers.norm(names.norm, epsilon),
    output: maskedOutput(layers, `${trunk}embeddings.word_embeddings.weight`, names),
    activation: activationOf(activation),
  });
}

/** The last layer, which adapters may change where it is a module. */
function maskedOutput(layers: ModelLayers, table: string, { decoder, bias }: MaskedNames): Linear {
  if (!decoder) return new Linear("head", layers.weight(table), layers.parameter(bias), {});
  return layers.has(`${decoder}.weight`)
    ? layers.output(decoder, `${decoder}.weight`, `${decoder}.bias`)
    : layers.output(decoder, table, bias);
}

interface MaskedParts {
  readonly dense: Linear;
  readonly norm: LayerNorm;
  readonly output: Linear;
  readonly activation: Activation;
}

/** Logits of the token at each place: norm(activation(dense(h))) Wᵀ + b. */
class MaskedLmHead implements Head {
  /** Each row predicts a token. */
  readonly isPerToken = true;
  readonly #parts: MaskedParts;

  constructor(parts: MaskedParts) {
    this.#parts = parts;
  }

  /** Number of tokens in the vocabulary. */
  get outputs(): number {
    return this.#parts.output.extents[0];
  }

  rowsOf(_: PassInputs, wanted?: readonly number[]): readonly number[] | undefined {
    return wanted;
  }

  before(tape: Tape, states: Tensor): Tensor {
    const { dense, norm, activation } = this.#parts;
    return tape.pipe(
      dense.forward(tape, states),
      (x) => activation(tape, x),
      (x) => norm.forward(tape, x),
    );
  }

  forward(tape: Tape, states: Tensor): Tensor {
    return this.#parts.output.forward(tape, states);
  }
}

/** What a classifier of first tokens is made of. */
interface FirstTokenParts extends WeightAndBias {
  /** Its hidden layer. */
  readonly dense: Linear;
  /** What comes after the hidden layer. */
  readonly activation: Activation;
  /** Rates of dropout of its input, and of what its last layer reads. */
  readonly dropout: readonly [first: number, last: number];
}

/** Logits of classes from each sequence's first token: activation(dense(h)) Wᵀ + b. */
class FirstTokenHead implements Head {
  /** One row of each sequence is read. */
  readonly isPerToken = false;
  readonly #parts: FirstTokenParts;

  /** Takes the layers. */
  constructor(parts: FirstTokenParts) {
    this.#parts = parts;
  }

  /** Number of classes. */
  get outputs(): number {
    return this.#parts.weight.shape[0];
  }

  /**
   * The first row of each sequence, that of a virtual token where these are read.
   *
   * @throws {RangeError} when rows are requested.
   */
  rowsOf(inputs: PassInputs, wanted?: readonly number[]): number[] {
    const { virtual } = inputs, first = virtual && !virtual.tokens.areRead ? virtual.rows.count : 0;
    if (!wanted) return sequenceStarts(inputs).slice(0, -1).map((start) => start + first);
    throw new RangeError("a sequence classification head cannot return logits of requested rows");
  }

  /** Maps states (batch, width) to logits (batch, classes). */
  forward(tape: Tape, states: Tensor): Tensor {
    const { dense, activation, weight, bias, dropout: [first, last] } = this.#parts;
    return tape.pipe(
      states,
      (h) => dropout(tape, h, first),
      (h) => dense.forward(tape, h),
      (x) => activation(tape, x),
      (x) => dropout(tape, x, last),
      (x) => linear(tape, x, weight, bias),
    );
  }
}
