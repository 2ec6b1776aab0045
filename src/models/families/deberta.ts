/** DeBERTa (He et al. 2020, 2021), versions 1 and 2, with the parameter names of Hugging Face. @module */

import type { ConfigJson } from "../../architectures/config_fields.ts";
import {
  type DebertaConfig,
  parseDebertaConfig,
  type RelativeConfig,
} from "../../architectures/families/deberta.ts";
import { headPart } from "../../autograd/ops/attention.ts";
import { convolution } from "../../autograd/ops/convolution.ts";
import { dropoutWithGradient as dropout } from "../../autograd/ops/dropout.ts";
import { padRows, padSequences, unpadRows } from "../../autograd/ops/head_product.ts";
import type { Tape } from "../../autograd/tape.ts";
import type { Device, Tensor } from "../../device/device.ts";
import {
  DisentangledAttention,
  type DisentangledParts,
  type RelativeContext,
  RelativePositions,
} from "../../nn/attention.ts";
import { type BlockShape, Embedding } from "../../nn/embedding.ts";
import { activationOf, addLast } from "../../nn/mlp.ts";
import type { LayerNorm } from "../../nn/norms.ts";
import { debertaHead, type Head, picking } from "../heads.ts";
import {
  type HostInputs,
  onHost,
  type PassInputs,
  positionsOf,
  sequenceContext,
} from "../inputs.ts";
import type { ModelLayers, StoredTensors } from "../layers.ts";
import type { ForwardOptions, TextModelOptions } from "../model.ts";
import { type Block, blockSteps, wordsOf } from "../pack.ts";
import { TextModel } from "../text_model.ts";
import { PostNormBlock } from "./bert.ts";

/** A block at a path, whose attention has the inputs of its version. */
function debertaBlock(
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

/** Computes the input of attention in a version of DeBERTa, by the attention's path. */
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

/**
 * The row of each distance δ from 1 - time to time - 1: of δ itself or of its bucket, where the longest ones
 * share the outermost rows.
 */
export function distanceRows(
  { longest, buckets }: Pick<RelativeConfig, "longest" | "buckets">,
  time: number,
): number[] {
  const span = buckets ?? longest;
  return Array.from({ length: 2 * time - 1 }, (_, place) => {
    const distance = place + 1 - time;
    const bucket = buckets ? logBucket(distance, buckets, longest) : distance;
    return Math.min(Math.max(bucket + span, 0), 2 * span - 1);
  });
}

const f32 = Math.fround;

/**
 * δ itself up to half of the buckets, then ⌈log(|δ| / half) / log((longest - 1) / half) · (half - 1)⌉ + half
 * with the sign of δ: every step in F32, as transformers computes it, since the last bits decide on ⌈ ⌉.
 */
function logBucket(distance: number, buckets: number, longest: number): number {
  const half = Math.floor(buckets / 2), size = Math.abs(distance);
  if (size <= half) return distance;
  const [part, whole] = [size, longest - 1].map((length) => f32(Math.log(f32(length / half))));
  const steps = Math.ceil(f32(f32(part / whole) * (half - 1)));
  return Math.sign(distance) * (steps + half);
}

/** An encoder whose attention has terms for distances: post-norm blocks, and a head. */
export class Deberta extends TextModel {
  readonly #config: DebertaConfig;
  readonly #words: Embedding;
  readonly #positions: Embedding | undefined;
  readonly #types: Embedding | undefined;
  readonly #distanceTable: Embedding | undefined;
  readonly #norm: LayerNorm;
  readonly #distanceNorm: LayerNorm | undefined;
  readonly #convolutionNorm: LayerNorm | undefined;
  readonly #blocks: readonly Block<RelativeContext>[];
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
    const { layers, architecture } = this, { trunk } = architecture, { dropout } = options;
    const replaced = dropout === undefined ? {} : { dropout, classifierDropout: [0, dropout] };
    const config = { ...parseDebertaConfig(json), ...replaced } as DebertaConfig;
    const normOf = (at: string) => layers.norm(`${trunk}${at}.LayerNorm`, config.epsilon);
    this.#config = config;
    const table = (name: string) => layers.embedding(`${trunk}${name}`);
    this.#words = table("embeddings.word_embeddings");
    if (config.hasPositions) this.#positions = table("embeddings.position_embeddings");
    if (config.tokenTypes > 0) this.#types = table("embeddings.token_type_embeddings");
    if (config.relative) {
      // Adapters have no such layer: transformers reads the weight past PEFT's, whose update does not act.
      const name = `${trunk}encoder.rel_embeddings`;
      this.#distanceTable = new Embedding(name, layers.weight(`${name}.weight`));
    }
    this.#norm = normOf("embeddings");
    if (config.relative?.normalizes) this.#distanceNorm = normOf("encoder");
    if (config.convolution) this.#convolutionNorm = normOf("encoder.conv");
    this.#blocks = Array.from({ length: config.layers }, (_, i) => {
      const at = `${trunk}encoder.layer.${i}`;
      const block = debertaBlock(layers, at, config, this.#isSecond);
      return i === 0 ? this.#convolved(block) : block;
    });
    this.head = debertaHead(layers, architecture, config);
  }

  /**
   * Maps tokens (batch, time) to the last block's states of the rows that the head reads.
   *
   * Hidden tokens change nothing, and their own outputs mean nothing: in transformers, they see all tokens.
   */
  protected override pass(tape: Tape, given: PassInputs, { rows }: ForwardOptions = {}): Tensor {
    const sequences = sequenceContext(tape, given, this.limit), inputs = onHost(given);
    const relative = this.#distances(tape, sequences.time);
    const padded = given.lengths && padSequences(tape, given.lengths);
    const context = { ...sequences, relative, padded, ...(padded && { mask: padded.mask }) };
    const pick = picking(tape, this, inputs, rows);
    const out = tape.pipe(
      this.#embed(tape, inputs),
      (x) => this.#norm.forward(tape, x),
      (x) => dropout(tape, x, this.#config.dropout),
      ...blockSteps(tape, this.#blocks, context, pick, relative?.tensors),
    );
    relative?.release(tape);
    return out;
  }

  /** The sum of token, position and type embeddings, whichever there are; all tokens are of type 0. */
  #embed(tape: Tape, inputs: HostInputs): Tensor {
    const { tokens: { data }, tokenTypeIds } = inputs;
    const positions = this.#positions?.forward(tape, positionsOf(inputs, 0));
    const types = this.#types?.forward(tape, tokenTypeIds?.data ?? new Uint32Array(data.length));
    return [positions, types].reduce<Tensor>(
      (sum, next) => next ? addLast(tape, sum, next) : sum,
      wordsOf(tape, this.#words, inputs),
    );
  }

  /** The embeddings of the distances that occur, for all blocks. */
  #distances(tape: Tape, time: number): RelativePositions | undefined {
    const { relative } = this.#config, norm = this.#distanceNorm, table = this.#distanceTable;
    if (!relative || !table) return undefined;
    return new RelativePositions(tape, distanceRows(relative, time), (rows) =>
      tape.pipe(
        table.forward(tape, rows),
        (states) => norm ? norm.forward(tape, states) : states,
      ));
  }

  /** The first block, with a convolution of what it reads added to what it returns, if there is one. */
  #convolved(block: Block<RelativeContext>): Block<RelativeContext> {
    return {
      sublayers: (tape, context, at, pick) => {
        const [attend, feed] = block.sublayers(tape, context, at, pick);
        const convolve = (x: Tensor) =>
          this.#convolve(tape, x, tape.pipe(attend(x), feed), context);
        return [(x) => tape.pipe(convolve(x), pick)];
      },
    };
  }

  /** From the embeddings and what the first block made of them: norm(x + activation(convolution)). */
  #convolve(tape: Tape, embedded: Tensor, x: Tensor, context: RelativeContext): Tensor {
    const { convolution: kind, dropout: rate } = this.#config, { padded } = context;
    if (!kind) return x;
    const [weight, bias] = ["weight", "bias"]
      .map((name) => this.layers.parameter(`${this.architecture.trunk}encoder.conv.conv.${name}`));
    const neighbors = (rows: Tensor) => convolution(tape, rows, weight, bias, context);
    const added = tape.pipe(
      padded
        ? tape.pipe(padRows(tape, embedded, padded), neighbors, (y) => unpadRows(tape, y, padded))
        : neighbors(embedded),
      (y) => dropout(tape, y, rate),
      (y) => activationOf(kind.activation)(tape, y),
    );
    return tape.pipe(
      addLast(tape, x, added),
      (sum) => this.#convolutionNorm!.forward(tape, sum),
    );
  }

  get #isSecond(): boolean {
    return this.architecture.modelType === "deberta-v2";
  }

  /** Its logits are those of the token itself. */
  override get isCausal(): boolean {
    return false;
  }

  /** Its blocks, for virtual tokens; their attention also needs a token's place, which keys alone have not. */
  override get blockShape(): BlockShape {
    const { layers: count, width, heads } = this.#config;
    return { count, width, heads };
  }

  /** Copies to and from the padded rows of attention take 6% of a step (decision 0050). */
  protected override get leastPadding(): number {
    return 0.1;
  }

  /** Longest sequence, in tokens, virtual ones included. */
  protected override get limit(): number {
    return this.#config.positions;
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
