/** GPT-NeoX (Black et al. 2022), as which Pythia is published, with the parameter names of Hugging Face. @module */

import type { ConfigJson } from "../../architectures/config_fields.ts";
import {
  type GptNeoxConfig,
  outputHead,
  parseGptNeoxConfig,
} from "../../architectures/families/gpt_neox.ts";
import { dropoutWithGradient as dropout } from "../../autograd/ops/dropout.ts";
import type { Tape } from "../../autograd/tape.ts";
import type { Device, Tensor } from "../../device/device.ts";
import { rotaryProjectionByHead, SelfAttention, type SequenceContext } from "../../nn/attention.ts";
import type { BlockShape, Embedding } from "../../nn/embedding.ts";
import { KeyValueCache } from "../../nn/key_value_cache.ts";
import { activationOf, Mlp, residual } from "../../nn/mlp.ts";
import type { LayerNorm } from "../../nn/norms.ts";
import type { Place } from "../../nn/place.ts";
import { RotaryPositions } from "../../nn/rotary.ts";
import { decoderHead, type Head, picking } from "../heads.ts";
import { type PassInputs, positionsOf, sequenceContext } from "../inputs.ts";
import type { ModelLayers, StoredTensors } from "../layers.ts";
import type { ForwardOptions, TextModelOptions } from "../model.ts";
import { blockSteps, computedOf, wordsOf } from "../pack.ts";
import { TextModel } from "../text_model.ts";

/** A decoder of pre-norm blocks, by default with attention and MLP side by side, which turns a share of each head's columns. */
export class GptNeox extends TextModel {
  readonly #config: GptNeoxConfig;
  readonly #tokens: Embedding;
  readonly #blocks: readonly Block[];
  readonly #finalNorm: LayerNorm;
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
    const { layers, architecture: { trunk } } = this, given = parseGptNeoxConfig(json);
    const config = { ...given, dropout: options.dropout ?? given.dropout };
    this.#config = config;
    this.#tokens = layers.embedding(`${trunk}embed_in`);
    this.#blocks = Array.from(
      { length: config.layers },
      (_, i) => new Block(layers, `${trunk}layers.${i}`, config),
    );
    this.#finalNorm = layers.norm(`${trunk}final_layer_norm`, config.epsilon);
    const { width, padding, isTied } = config, tied = isTied ? this.#tokens.weight.name : undefined;
    this.head = decoderHead(layers, this.architecture, {
      width,
      padding,
      output: outputHead,
      tied,
    });
  }

  /** Maps tokens (batch, time) to the last block's states, normalized, of the rows that the head reads. */
  protected override pass(
    tape: Tape,
    inputs: PassInputs,
    { cache, rows }: ForwardOptions = {},
  ): Tensor {
    const sequences = sequenceContext(tape, inputs, this.limit, cache);
    const pick = picking(tape, this, inputs, rows), past = cache?.length ?? 0;
    const { frequencies, heads, dropout: rate } = this.#config;
    const positions = computedOf(inputs, positionsOf(inputs, past));
    const rotary = new RotaryPositions(tape, positions, frequencies, heads);
    const context = { ...sequences, rotary };
    const outputs = tape.pipe(
      wordsOf(tape, this.#tokens, inputs),
      (x) => dropout(tape, x, rate),
      ...blockSteps(tape, this.#blocks, context, pick, rotary.tensors),
      (states) => this.#finalNorm.forward(tape, states),
    );
    rotary.release(tape);
    cache?.advance(sequences.time);
    return outputs;
  }

  /** Its blocks, for virtual tokens. */
  override get blockShape(): BlockShape {
    const { layers: count, width, heads } = this.#config;
    return { count, width, heads, keys: { heads, width } };
  }

  /** Longest sequence, in tokens, virtual ones included. */
  protected override get limit(): number {
    return this.#config.positions;
  }

  /** Token that fills up short sequences. */
  override get padding(): number | undefined {
    return this.#config.padding;
  }

  /** Number of tokens in the vocabulary. */
  override get vocabulary(): number {
    return this.#config.vocabulary;
  }

  /** A cache for the keys and values of `batch` sequences of up to `capacity` tokens. */
  protected override newCache(batch: number, capacity: number): KeyValueCache {
    const { layers, width } = this.#config;
    return new KeyValueCache(this.device, { layers, batch, capacity, width });
  }
}

/** x + attention(norm(x)) + mlp(norm2(x)); without parallel residuals the MLP reads the first sum. */
class Block {
  readonly #isParallel: boolean;
  readonly #norm1: LayerNorm;
  readonly #attention: SelfAttention;
  readonly #afterAttention: Place;
  readonly #norm2: LayerNorm;
  readonly #mlp: Mlp;
  readonly #afterMlp: Place;

  constructor(layers: ModelLayers, at: string, config: GptNeoxConfig) {
    const { width, heads, epsilon, dropout, activation, isParallel } = config;
    const [qkv, output] = ["query_key_value", "dense"]
      .map((name) => layers.linear(`${at}.attention.${name}`));
    const [up, down] = ["dense_h_to_4h", "dense_4h_to_h"]
      .map((name) => layers.linear(`${at}.mlp.${name}`));
    this.#isParallel = isParallel;
    this.#norm1 = layers.norm(`${at}.input_layernorm`, epsilon);
    const input = rotaryProjectionByHead(qkv, heads);
    this.#attention = new SelfAttention({ heads, input, output, causal: true, dropout });
    this.#afterAttention = layers.place(`${at}.attention`, width, "attention");
    this.#norm2 = layers.norm(`${at}.post_attention_layernorm`, epsilon);
    this.#mlp = new Mlp(up, down, dropout, activationOf(activation));
    this.#afterMlp = layers.place(`${at}.mlp`, width, "mlp");
  }

  /**
   * Its two halves, which map x (batch · time, width) to the same shape, one after the other; parallel ones
   * are one step, as both read x, of which the second reads the rows that `pick` leaves.
   */
  sublayers(
    tape: Tape,
    context: SequenceContext,
    layer: number,
    pick: (x: Tensor) => Tensor,
  ): ((x: Tensor) => Tensor)[] {
    const attention = (n: Tensor) => this.#attention.forward(tape, n, context, layer);
    const mlp = (n: Tensor) => this.#mlp.forward(tape, n);
    const attend = (x: Tensor) => residual(tape, x, this.#norm1, attention, this.#afterAttention);
    const feed = (x: Tensor, read: Tensor = x) =>
      residual(tape, x, this.#norm2, mlp, this.#afterMlp, read);
    if (!this.#isParallel) return [attend, (x) => feed(x)];
    return [(x) => {
      const sum = tape.pipe(attend(x), pick), read = pick(x), out = feed(sum, read);
      tape.release(sum);
      if (read !== x) tape.release(read);
      return out;
    }];
  }
}
