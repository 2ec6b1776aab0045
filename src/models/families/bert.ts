/** BERT (Devlin et al. 2018) and RoBERTa (Liu et al. 2019), with the parameter names of Hugging Face. @module */

import type { ConfigJson } from "../../architectures/config_fields.ts";
import {
  type EncoderConfig,
  isLikeRoberta,
  parseEncoderConfig,
} from "../../architectures/families/bert.ts";
import { gelu } from "../../autograd/ops/activations.ts";
import { dropoutWithGradient as dropout } from "../../autograd/ops/dropout.ts";
import type { Tape } from "../../autograd/tape.ts";
import type { ModelInputs } from "../../core/batch.ts";
import type { Device, Tensor } from "../../device/device.ts";
import { SelfAttention, separateProjections, type SequenceContext } from "../../nn/attention.ts";
import type { BlockShape, Embedding } from "../../nn/embedding.ts";
import { type Activation, addLast, Mlp, normalizedResidual } from "../../nn/mlp.ts";
import type { LayerNorm } from "../../nn/norms.ts";
import type { Place } from "../../nn/place.ts";
import { encoderHead, type Head, picking } from "../heads.ts";
import {
  type HostInputs,
  onHost,
  type PassInputs,
  positionsOf,
  sequenceContext,
  sequenceStarts,
} from "../inputs.ts";
import type { ModelLayers, StoredTensors } from "../layers.ts";
import type { ForwardOptions, TextModelOptions } from "../model.ts";
import { type Block, blockSteps, wordsOf } from "../pack.ts";
import { TextModel } from "../text_model.ts";

/** Maps x (batch · time, width) to the same shape, in a batch of sequences. */
type Attention<Context> = (tape: Tape, x: Tensor, context: Context) => Tensor;

/** Sizes and rates of a block, besides its attention. */
export interface PostNormSizes {
  /** Width of the states. */
  readonly width: number;
  /** ε of the norms. */
  readonly epsilon: number;
  /** Rate of dropout on what the block adds. */
  readonly dropout: number;
}

/** x = norm(x + attention(x)), then x = norm(x + mlp(x)). */
export class PostNormBlock<Context> {
  readonly #attention: Attention<Context>;
  readonly #afterAttention: Place;
  readonly #norm1: LayerNorm;
  readonly #mlp: Mlp;
  readonly #afterMlp: Place;
  readonly #norm2: LayerNorm;

  /**
   * Takes the attention, whose layers come first in the model, and makes the others below the path `at`.
   *
   * @param after Path of the module that has the first norm, below `at`.
   */
  constructor(
    layers: ModelLayers,
    at: string,
    { width, epsilon, dropout }: PostNormSizes,
    activation: Activation,
    attention: Attention<Context>,
    after: string = "attention.output",
  ) {
    this.#attention = attention;
    this.#afterAttention = layers.place(`${at}.${after}`, width, "attention");
    this.#norm1 = layers.norm(`${at}.${after}.LayerNorm`, epsilon);
    const [up, down] = ["intermediate", "output"].map((name) =>
      layers.linear(`${at}.${name}.dense`)
    );
    this.#mlp = new Mlp(up, down, dropout, activation);
    this.#afterMlp = layers.place(`${at}.output`, width, "mlp");
    this.#norm2 = layers.norm(`${at}.output.LayerNorm`, epsilon);
  }

  /** Its two halves, which map x (batch · time, width) to the same shape, one after the other. */
  sublayers(tape: Tape, context: Context): [(x: Tensor) => Tensor, (x: Tensor) => Tensor] {
    const attention = (x: Tensor) => this.#attention(tape, x, context);
    const mlp = (x: Tensor) => this.#mlp.forward(tape, x);
    return [
      (x) => normalizedResidual(tape, x, this.#norm1, attention, this.#afterAttention),
      (x) => normalizedResidual(tape, x, this.#norm2, mlp, this.#afterMlp),
    ];
  }
}

/** An encoder: post-norm blocks whose tokens see each other, learned positions, and a head. */
export class Bert extends TextModel {
  readonly #config: EncoderConfig;
  readonly #words: Embedding;
  readonly #positions: Embedding;
  readonly #types: Embedding | undefined;
  readonly #norm: LayerNorm;
  readonly #blocks: readonly Block<SequenceContext>[];
  /** Maps its last states to outputs. */
  override readonly head: Head;

  /** Builds the layers around tensors and weights; disposing the model disposes `owner`. */
  constructor(
    device: Device,
    json: ConfigJson,
    tensors: StoredTensors,
    owner: Disposable,
    options: TextModelOptions = {},
  ) {
    super(device, json, tensors, owner, options);
    const { layers, architecture: { trunk } } = this, { dropout } = options;
    const replaced = dropout === undefined ? {} : { dropout, classifierDropout: dropout };
    const config = { ...parseEncoderConfig(json), ...replaced };
    this.#config = config;
    const table = (name: string) => layers.embedding(`${trunk}embeddings.${name}`);
    [this.#words, this.#positions] = ["word_embeddings", "position_embeddings"].map(table);
    this.#types = config.tokenTypes > 0 ? table("token_type_embeddings") : undefined;
    this.#norm = layers.norm(`${trunk}embeddings.LayerNorm`, config.epsilon);
    const activation: Activation = (tape, x) => gelu(tape, x, { exact: config.exact });
    this.#blocks = Array.from(
      { length: config.layers },
      (_, i) => this.block(`${trunk}encoder.layer.${i}`, config, activation, i),
    );
    this.head = encoderHead(layers, this.architecture, config);
  }

  /** A block at a path: a family whose attention is another overrides it. */
  protected block(
    at: string,
    config: EncoderConfig,
    activation: Activation,
    index: number,
  ): Block<SequenceContext> {
    const attention = attentionOf(this.layers, `${at}.attention`, config, index);
    return new PostNormBlock(this.layers, at, config, activation, attention);
  }

  /** Maps tokens (batch, time) to the last block's states of the rows that the head reads. */
  protected override pass(tape: Tape, given: PassInputs, options: ForwardOptions = {}): Tensor {
    return this.passWith(tape, given, options, sequenceContext(tape, given, this.limit));
  }

  /** The pass in a context of which blocks read the `shared` tensors. */
  protected passWith(
    tape: Tape,
    given: PassInputs,
    { rows }: ForwardOptions,
    context: SequenceContext,
    shared: readonly Tensor[] = [],
  ): Tensor {
    const inputs = onHost(given), pick = picking(tape, this, inputs, rows);
    return tape.pipe(
      this.#embed(tape, inputs),
      (x) => this.#norm.forward(tape, x),
      (x) => dropout(tape, x, this.#config.dropout),
      ...blockSteps(tape, this.#blocks, context, pick, shared),
    );
  }

  /** The sum of token, position and type embeddings; without types, all tokens are of type 0. */
  #embed(tape: Tape, inputs: HostInputs): Tensor {
    const { tokens: { data }, tokenTypeIds } = inputs;
    const positions = this.#positions.forward(tape, this.#positionsOf(inputs));
    const types = this.#types?.forward(tape, tokenTypeIds?.data ?? new Uint32Array(data.length));
    const sum = addLast(tape, wordsOf(tape, this.#words, inputs), positions);
    return types ? addLast(tape, sum, types) : sum;
  }

  /** 0, 1, 2, …; in RoBERTa and MPNet counted after the padding token's id, and over tokens that are not padding. */
  #positionsOf(inputs: ModelInputs): ArrayLike<number> {
    if (!this.#countsFromPadding || inputs.positionIds) return positionsOf(inputs, 0);
    const { tokens: { data } } = inputs, { padding } = this.#config;
    const starts = new Set(sequenceStarts(inputs));
    let seen = 0;
    return Uint32Array.from(data, (token, i) => {
      if (starts.has(i)) seen = 0;
      return token === padding ? padding : padding + ++seen;
    });
  }

  get #countsFromPadding(): boolean {
    return isLikeRoberta(this.architecture.modelType);
  }

  /** Its logits are those of the token itself. */
  override get isCausal(): boolean {
    return false;
  }

  /** Its blocks, for virtual tokens. */
  override get blockShape(): BlockShape {
    const { layers: count, width, heads } = this.#config;
    return { count, width, heads, keys: { heads, width } };
  }

  /** Longest sequence, in tokens, virtual ones included. */
  protected override get limit(): number {
    const { positions, padding } = this.#config;
    return this.#countsFromPadding ? positions - padding - 1 : positions;
  }

  /** Token that fills up short sequences. */
  override get padding(): number {
    return this.#config.padding;
  }

  /** Number of tokens in the vocabulary. */
  override get vocabulary(): number {
    return this.#config.vocabulary;
  }
}

/** The attention of a block: every token sees all others that are not hidden. */
function attentionOf(
  layers: ModelLayers,
  at: string,
  { heads, dropout }: EncoderConfig,
  block: number,
) {
  const inputs = ["query", "key", "value"].map((name) => layers.linear(`${at}.self.${name}`));
  const output = layers.linear(`${at}.output.dense`), input = separateProjections(inputs);
  const attention = new SelfAttention({ heads, input, output, causal: false, dropout });
  return (tape: Tape, x: Tensor, context: SequenceContext) =>
    attention.forward(tape, x, context, block);
}
