/** Heads of encoders: a masked language model's, and classifiers'. @module */

import type { Architecture } from "../architectures/architecture.ts";
import type { EncoderConfig } from "../architectures/encoder_config.ts";
import { dropout, gelu, linear, tanh } from "../autograd/mod.ts";
import type { Parameter } from "../autograd/parameter.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Weight } from "../autograd/weight.ts";
import type { ModelInputs } from "../core/batch.ts";
import type { Tensor } from "../device/device.ts";
import type { LayerNorm } from "../nn/layer_norm.ts";
import type { Linear } from "../nn/linear.ts";
import type { Head } from "./heads.ts";
import type { ModelLayers } from "./model_layers.ts";

/** The head that an architecture has; without one, the outputs are the last block's states. */
export function encoderHead(
  layers: ModelLayers,
  { head, modelType, trunk }: Architecture,
  config: EncoderConfig,
  dropout: number,
): Head {
  const isRoberta = modelType === "roberta";
  if (head === "language") {
    return isRoberta
      ? maskedHead(layers, trunk, { ...config, exact: true }, {
        ...{ dense: "lm_head.dense", norm: "lm_head.layer_norm" },
        ...{ decoder: "lm_head.decoder", bias: "lm_head.bias" },
      })
      : maskedHead(layers, trunk, config, {
        dense: "cls.predictions.transform.dense",
        norm: "cls.predictions.transform.LayerNorm",
        decoder: "cls.predictions.decoder",
        bias: "cls.predictions.bias",
      });
  }
  if (head === "classes") {
    const [dense, output] = isRoberta
      ? ["classifier.dense", "classifier.out_proj"]
      : [`${trunk}pooler.dense`, "classifier"];
    return new FirstTokenHead(layers.linear(dense), weightAndBias(layers, output), dropout);
  }
  // Adapters of all linear layers have the pooler, which these outputs do not pass through.
  layers.linear(`${trunk}pooler.dense`);
  return new StatesHead();
}

/** The states themselves, (rows, width). */
class StatesHead implements Head {
  rowsOf(_: ModelInputs, wanted?: readonly number[]): readonly number[] | undefined {
    return wanted;
  }

  forward(_: Tape, states: Tensor): Tensor {
    return states;
  }
}

interface WeightAndBias {
  readonly weight: Parameter;
  readonly bias: Parameter;
}

const weightAndBias = (layers: ModelLayers, module: string): WeightAndBias => ({
  weight: layers.parameter(`${module}.weight`),
  bias: layers.parameter(`${module}.bias`),
});

/** What a masked language model's head is called in files. */
type MaskedNames = Readonly<Record<"dense" | "norm" | "decoder" | "bias", string>>;

function maskedHead(
  layers: ModelLayers,
  trunk: string,
  { epsilon, exact }: EncoderConfig,
  names: MaskedNames,
): Head {
  const own = `${names.decoder}.weight`,
    isTied = !layers.parameters.has(own) && !layers.weights.has(own);
  return new MaskedLmHead({
    dense: layers.linear(names.dense),
    norm: layers.norm(names.norm, epsilon),
    weight: layers.table(isTied ? `${trunk}embeddings.word_embeddings.weight` : own),
    bias: layers.parameter(isTied ? names.bias : `${names.decoder}.bias`),
    exact,
  });
}

interface MaskedParts extends Pick<WeightAndBias, "bias"> {
  readonly weight: Parameter | Weight;
  readonly dense: Linear;
  readonly norm: LayerNorm;
  readonly exact: boolean;
}

/** Logits of the token at each place: norm(gelu(dense(h))) Wᵀ + b. */
class MaskedLmHead implements Head {
  readonly #parts: MaskedParts;

  constructor(parts: MaskedParts) {
    this.#parts = parts;
  }

  rowsOf(_: ModelInputs, wanted?: readonly number[]): readonly number[] | undefined {
    return wanted;
  }

  forward(tape: Tape, states: Tensor): Tensor {
    const { dense, norm, weight, bias, exact } = this.#parts;
    return tape.pipe(
      dense.forward(tape, states),
      (x) => gelu(tape, x, { exact }),
      (x) => norm.forward(tape, x),
      (x) => linear(tape, x, weight, bias),
    );
  }
}

/** Logits of classes from each sequence's first token: tanh(dense(h)) Wᵀ + b. */
class FirstTokenHead implements Head {
  readonly #dense: Linear;
  readonly #output: WeightAndBias;
  readonly #dropout: number;

  constructor(dense: Linear, output: WeightAndBias, dropout: number) {
    this.#dense = dense;
    this.#output = output;
    this.#dropout = dropout;
  }

  rowsOf({ tokens: { shape: [batch, time] } }: ModelInputs, wanted?: readonly number[]): number[] {
    if (!wanted) return Array.from({ length: batch }, (_, row) => row * time);
    throw new RangeError("a sequence classification head cannot return logits of requested rows");
  }

  forward(tape: Tape, states: Tensor): Tensor {
    const { weight, bias } = this.#output;
    return tape.pipe(
      this.#dense.forward(tape, states),
      (x) => tanh(tape, x),
      (x) => dropout(tape, x, this.#dropout),
      (x) => linear(tape, x, weight, bias),
    );
  }
}
