/** Llama (Touvron et al. 2023), Mistral and Qwen2, with the parameter names of Hugging Face. @module */

import type { ConfigJson } from "../../architectures/config_fields.ts";
import { type LlamaConfig, parseLlamaConfig } from "../../architectures/families/llama.ts";
import type { Tape } from "../../autograd/tape.ts";
import type { Device, Tensor } from "../../device/device.ts";
import {
  type QkvProjection,
  rotaryProjections,
  SelfAttention,
  type SequenceContext,
} from "../../nn/attention.ts";
import type { BlockShape, Embedding } from "../../nn/embedding.ts";
import { KeyValueCache } from "../../nn/key_value_cache.ts";
import { GatedMlp, residual } from "../../nn/mlp.ts";
import type { RmsNorm } from "../../nn/norms.ts";
import type { Place } from "../../nn/place.ts";
import { RotaryPositions } from "../../nn/rotary.ts";
import { decoderHead, type Head, picking } from "../heads.ts";
import { type PassInputs, positionsOf, sequenceContext } from "../inputs.ts";
import type { ModelLayers, StoredTensors } from "../layers.ts";
import type { ForwardOptions, TextModelOptions } from "../model.ts";
import { blockSteps, computedOf, wordsOf } from "../pack.ts";
import { TextModel } from "../text_model.ts";

/** A decoder of pre-norm blocks with rotary positions, grouped key-value heads and gated feed-forward layers. */
export class Llama extends TextModel {
  readonly #config: LlamaConfig;
  readonly #tokens: Embedding;
  readonly #blocks: readonly Block[];
  readonly #finalNorm: RmsNorm;
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
    const { layers, architecture: { trunk } } = this, config = parseLlamaConfig(json);
    this.#config = config;
    this.#tokens = layers.embedding(`${trunk}embed_tokens`);
    this.#blocks = Array.from({ length: config.layers }, (_, i) => {
      const at = `${trunk}layers.${i}`, input = this.projections(`${at}.self_attn`, config);
      return new Block(layers, at, input, config);
    });
    this.#finalNorm = layers.rmsNorm(`${trunk}norm`, config.epsilon);
    const { width, padding, isTied } = config, tied = isTied ? this.#tokens.weight.name : undefined;
    this.head = decoderHead(layers, this.architecture, { width, padding, output: "lm_head", tied });
  }

  /** The queries, keys and values of a block's attention: a family that computes others overrides it. */
  protected projections(at: string, { heads, kvHeads }: LlamaConfig): QkvProjection {
    const inputs = ["q", "k", "v"].map((name) => this.layers.linear(`${at}.${name}_proj`));
    return rotaryProjections(inputs, heads, kvHeads);
  }

  /** Maps tokens (batch, time) to the last block's states, normalized, of the rows that the head reads. */
  protected override pass(
    tape: Tape,
    inputs: PassInputs,
    { cache, rows }: ForwardOptions = {},
  ): Tensor {
    const sequences = sequenceContext(tape, inputs, this.limit, cache);
    const pick = picking(tape, this, inputs, rows), past = cache?.length ?? 0;
    const { frequencies } = this.#config;
    const positions = computedOf(inputs, positionsOf(inputs, past));
    const rotary = new RotaryPositions(tape, positions, frequencies);
    const context = { ...sequences, rotary };
    const outputs = tape.pipe(
      wordsOf(tape, this.#tokens, inputs),
      ...blockSteps(tape, this.#blocks, context, pick, rotary.tensors),
      (states) => this.#finalNorm.forward(tape, states),
    );
    rotary.release(tape);
    cache?.advance(sequences.time);
    return outputs;
  }

  /** Its blocks, for virtual tokens. */
  override get blockShape(): BlockShape {
    const { layers: count, width, heads, kvHeads, headWidth } = this.#config;
    return { count, width, heads, keys: { heads: kvHeads, width: kvHeads * headWidth } };
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
    const { layers, kvHeads, headWidth } = this.#config;
    return new KeyValueCache(this.device, { layers, batch, capacity, width: kvHeads * headWidth });
  }
}

/** x + attention(norm(x)), then x + mlp(norm(x)). */
class Block {
  readonly #norm1: RmsNorm;
  readonly #attention: SelfAttention;
  readonly #afterAttention: Place;
  readonly #norm2: RmsNorm;
  readonly #mlp: GatedMlp;
  readonly #afterMlp: Place;

  constructor(layers: ModelLayers, at: string, input: QkvProjection, config: LlamaConfig) {
    const { width, heads, epsilon } = config, output = layers.linear(`${at}.self_attn.o_proj`);
    const [gate, up, down] = ["gate", "up", "down"]
      .map((name) => layers.linear(`${at}.mlp.${name}_proj`));
    this.#norm1 = layers.rmsNorm(`${at}.input_layernorm`, epsilon);
    this.#attention = new SelfAttention({
      ...{ heads, input, output },
      ...{ causal: true, dropout: 0 },
    });
    this.#afterAttention = layers.place(`${at}.self_attn`, width, "attention");
    this.#norm2 = layers.rmsNorm(`${at}.post_attention_layernorm`, epsilon);
    this.#mlp = new GatedMlp(gate, up, down);
    this.#afterMlp = layers.place(`${at}.mlp`, width, "mlp");
  }

  /** Its two halves, which map x (batch · time, width) to the same shape, one after the other. */
  sublayers(tape: Tape, context: SequenceContext, layer: number): ((x: Tensor) => Tensor)[] {
    const attention = (n: Tensor) => this.#attention.forward(tape, n, context, layer);
    const mlp = (n: Tensor) => this.#mlp.forward(tape, n);
    return [
      (x) => residual(tape, x, this.#norm1, attention, this.#afterAttention),
      (x) => residual(tape, x, this.#norm2, mlp, this.#afterMlp),
    ];
  }
}
