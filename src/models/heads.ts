/** Heads: from a transformer's hidden states to outputs. @module */

import type { Architecture } from "../architectures/architecture.ts";
import type { ConfigJson } from "../architectures/config_fields.ts";
import { type EncoderConfig, isLikeRoberta } from "../architectures/families/bert.ts";
import type { DebertaConfig } from "../architectures/families/deberta.ts";
import type { LastLayers } from "../autograd/loss.ts";
import { tanh } from "../autograd/ops/activations.ts";
import { dropoutWithGradient as dropout } from "../autograd/ops/dropout.ts";
import { linear } from "../autograd/ops/linear.ts";
import type { Parameter } from "../autograd/parameter.ts";
import type { Tape } from "../autograd/tape.ts";
import { isRecord, isText, jsonValue } from "../core/checks.ts";
import type { Tensor } from "../device/device.ts";
import { Linear } from "../nn/linear.ts";
import { type Activation, activationOf } from "../nn/mlp.ts";
import type { LayerNorm } from "../nn/norms.ts";
import { jsonText } from "../storage/files.ts";
import { onHost, type PassInputs, pickRows, sequenceStarts } from "./inputs.ts";
import type { ModelLayers } from "./layers.ts";
import type { AppliedAdapter } from "./model.ts";

/** Maps hidden states, all or some rows of them, to a model's outputs. */
export interface Head extends LastLayers {
  /** True if each row of states gives outputs of its own, so that some rows may be left out. */
  readonly isPerToken: boolean;
  /**
   * The rows of the batch · time hidden states that it needs; `undefined` for all.
   *
   * @param wanted Rows that the caller requested.
   */
  rowsOf(inputs: PassInputs, wanted?: readonly number[]): readonly number[] | undefined;
  /**
   * Computes, of all those rows, the input of the last layer, which is computed in blocks of rows.
   */
  before?(tape: Tape, states: Tensor): Tensor;
}

/** A head that picks the rows of a pass. */
interface RowReader {
  /** Says which it needs. */
  readonly head: Head;
  /** Adapters on the model; those of a batch's rows are told which rows follow. */
  readonly adapters: ReadonlySet<AppliedAdapter>;
}

/** Leaves the rows of states that a model's head reads, of which the caller may have requested some. */
export function picking(
  tape: Tape,
  { head, adapters }: RowReader,
  inputs: PassInputs,
  wanted?: readonly number[],
): (states: Tensor) => Tensor {
  const read = head.rowsOf(inputs, wanted);
  if (!read) return (states) => states;
  const rows = amongComputed(read, inputs);
  return (states) => {
    for (const { batchRows } of adapters) batchRows?.pick(rows);
    return pickRows(tape, states, rows);
  };
}

/** Positions of rows among those that blocks compute. */
function amongComputed(rows: readonly number[], { virtual }: PassInputs): readonly number[] {
  if (!virtual || virtual.tokens.areComputed) return rows;
  const places = new Map(virtual.rows.others.map((row, place) => [row, place]));
  return rows.map((row) => places.get(row)!);
}

/** Logits of the next token, y = h Wᵀ, for every row, or the requested rows. */
export class CausalLmHead implements Head {
  /** Each row predicts a token. */
  readonly isPerToken = true;
  readonly #output: Linear;

  /** Takes the layer, whose weight (vocabulary, width) is the token embedding if the two are tied. */
  constructor(output: Linear) {
    this.#output = output;
  }

  /** Number of tokens in the vocabulary. */
  get outputs(): number {
    return this.#output.extents[0];
  }

  /** The requested rows. */
  rowsOf(_: PassInputs, wanted?: readonly number[]): readonly number[] | undefined {
    return wanted;
  }

  /** Maps states (rows, width) to logits (rows, vocabulary). */
  forward(tape: Tape, states: Tensor): Tensor {
    return this.#output.forward(tape, states);
  }
}

/** Logits of classes, y = h Wᵀ, from the last token of each sequence that is not padding. */
export class SequenceClassificationHead implements Head {
  /** One row of each sequence is read. */
  readonly isPerToken = false;
  readonly #weight: Parameter;
  readonly #padding: number | undefined;

  /** Takes the weight (classes, width) and the id of the padding token, which fills up short sequences. */
  constructor(weight: Parameter, padding?: number) {
    this.#weight = weight;
    this.#padding = padding;
  }

  /** Number of classes. */
  get outputs(): number {
    return this.#weight.shape[0];
  }

  /**
   * One row per sequence, by the rule of transformers' `GPT2ForSequenceClassification`: the last token
   * that is not padding, or the first token if all are padding.
   *
   * @throws {RangeError} when rows are requested, or there are several sequences but no padding id,
   * which tells where each ends.
   * @throws {TypeError} when the tokens are on the device.
   */
  rowsOf(inputs: PassInputs, wanted?: readonly number[]): number[] {
    if (wanted) {
      throw new RangeError("a sequence classification head cannot return logits of requested rows");
    }
    const { tokens, virtual } = onHost(inputs), first = virtual?.rows.count ?? 0;
    const starts = sequenceStarts(inputs), batch = starts.length - 1;
    if (batch > 1 && this.#padding === undefined) {
      throw new RangeError(
        `classifying several sequences needs a pad_token_id in the configuration, found none for ${batch}`,
      );
    }
    return Array.from({ length: batch }, (_, row) => {
      const sequence = tokens.data.subarray(starts[row], starts[row + 1]);
      const last = sequence.findLastIndex((token) => token !== this.#padding);
      return starts[row] + Math.max(first, last);
    });
  }

  /** Maps states (batch, width) to logits (batch, classes). */
  forward(tape: Tape, states: Tensor): Tensor {
    return linear(tape, states, this.#weight);
  }
}

/** The states themselves, (rows, width), of a model without a head. */
export class StatesHead implements Head {
  /** Outputs are the states of tokens. */
  readonly isPerToken = true;
  /** Width of the states. */
  readonly outputs: number;

  /** Takes the width of the states. */
  constructor(outputs: number) {
    this.outputs = outputs;
  }

  /** The requested rows. */
  rowsOf(_: PassInputs, wanted?: readonly number[]): readonly number[] | undefined {
    return wanted;
  }

  /** Gives the states. */
  forward(_: Tape, states: Tensor): Tensor {
    return states;
  }
}

/** The head that an architecture has; without one, the outputs are the last block's states. */
export function encoderHead(
  layers: ModelLayers,
  { head, modelType, trunk }: Architecture,
  config: EncoderConfig,
): Head {
  const isRoberta = isLikeRoberta(modelType);
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

/** The parts of a decoder's head. */
interface DecoderParts {
  /** Width of the states. */
  readonly width: number;
  /** Token that fills up a classifier's sequences. */
  readonly padding?: number;
  /** Path of the output layer. */
  readonly output: string;
  /** The weight that it shares, of a tied one. */
  readonly tied?: string;
}

/** The head of a decoder; without one, the outputs are the last block's states. */
export function decoderHead(
  layers: ModelLayers,
  { head }: Architecture,
  { width, padding, output, tied = `${output}.weight` }: DecoderParts,
): Head {
  if (head === "none") return new StatesHead(width);
  if (head === "classes") {
    return new SequenceClassificationHead(layers.parameter("score.weight"), padding);
  }
  return new CausalLmHead(layers.output(output, tied));
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

/** Names of a masked language model's head in files. */
interface MaskedNames {
  readonly dense: string;
  readonly norm: string;
  readonly bias: string;
  /** Its last layer, where a file may have it; without, it is always the token embedding. */
  readonly decoder?: string;
}

/** Names of BERT's head. */
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

/** Names of DeBERTa's head without `legacy`. */
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

/** Parts of a classifier of first tokens. */
interface FirstTokenParts extends WeightAndBias {
  /** Its hidden layer. */
  readonly dense: Linear;
  /** Activation after the hidden layer. */
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

/** The small files of a model by name. */
type SmallFiles = Readonly<Record<string, Uint8Array | string>>;

/**
 * The files of a classifier whose tokenizer names the padding token that the configuration has by its id, so that
 * transformers can pad a batch. A tokenizer that names one, or whose `tokenizer.json` has no such token, is left as
 * it is.
 */
export function withPadToken(files: SmallFiles, config: ConfigJson): SmallFiles {
  const { pad_token_id: id, architectures } = config, name = "tokenizer_config.json";
  const isClassifier = /ForSequenceClassification\b/.test(String(architectures));
  if (!isClassifier || !Number.isSafeInteger(id)) return files;
  const settings = parsed(files[name]), added = parsed(files["tokenizer.json"])?.added_tokens;
  const known = [settings, parsed(files["special_tokens_map.json"])];
  if (!settings || !Array.isArray(added) || known.some((file) => file?.pad_token)) return files;
  const token = added.find((token) => isRecord(token) && token.id === id)?.content;
  return isText(token) ? { ...files, [name]: jsonText({ ...settings, pad_token: token }) } : files;
}

function parsed(file?: Uint8Array | string): Readonly<Record<string, unknown>> | undefined {
  const value = file && jsonValue(isText(file) ? file : new TextDecoder().decode(file));
  return isRecord(value) ? value : undefined;
}
