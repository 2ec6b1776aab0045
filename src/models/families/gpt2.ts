/** GPT-2 (Radford et al. 2019), with the parameter names of Hugging Face. @module */

import type { ConfigJson, HeadKind } from "../../architectures/config_fields.ts";
import {
  classifierHead,
  type Gpt2Config,
  gpt2ConfigJson,
  parseGpt2Config,
  tokenEmbedding,
  untiedHead,
} from "../../architectures/families/gpt2.ts";
import { dropoutWithGradient as dropout } from "../../autograd/ops/dropout.ts";
import type { Tape } from "../../autograd/tape.ts";
import type { Device, Tensor } from "../../device/device.ts";
import { fusedProjection, SelfAttention, type SequenceContext } from "../../nn/attention.ts";
import type { BlockShape, Embedding } from "../../nn/embedding.ts";
import { KeyValueCache } from "../../nn/key_value_cache.ts";
import { addLast, Mlp, residual } from "../../nn/mlp.ts";
import type { LayerNorm } from "../../nn/norms.ts";
import type { Place } from "../../nn/place.ts";
import { allocateText } from "../allocate_text.ts";
import { CausalLmHead, type Head, picking, SequenceClassificationHead } from "../heads.ts";
import { type PassInputs, positionsOf, sequenceContext } from "../inputs.ts";
import type { ModelLayers, StoredTensors } from "../layers.ts";
import type { ForwardOptions, TextModelOptions } from "../model.ts";
import { blockSteps, wordsOf } from "../pack.ts";
import { TextModel } from "../text_model.ts";

/** A decoder-only transformer: pre-norm blocks, learned positions, and a head. */
export class Gpt2 extends TextModel {
  /** Its shape. */
  readonly config: Gpt2Config;
  readonly #embeddingDropout: number;
  readonly #tokens: Embedding;
  readonly #positions: Embedding;
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
    const config = parseGpt2Config(json);
    super(device, gpt2ConfigJson(config), tensors, owner, options);
    const { layers, architecture } = this, { dropout } = options;
    const residuals = dropout ?? config.resid_pdrop ?? 0;
    this.config = config;
    this.#embeddingDropout = dropout ?? config.embd_pdrop ?? 0;
    [this.#tokens, this.#positions] = ["wte", "wpe"].map((name) =>
      layers.embedding(`transformer.${name}`)
    );
    this.#blocks = Array.from(
      { length: config.n_layer },
      (_, layer) => new Block(layers, `transformer.h.${layer}`, config, residuals),
    );
    this.#finalNorm = layers.norm("transformer.ln_f", config.layer_norm_epsilon);
    this.head = headOf(layers, config, architecture.head);
  }

  /** A GPT-2 with all weights zero, to be filled. */
  static allocate(device: Device, config: Gpt2Config, options?: TextModelOptions): Gpt2 {
    return allocateText(Gpt2, device, gpt2ConfigJson(config), { ...options, family: "GPT-2" });
  }

  /** Maps tokens (batch, time) to the last block's states, normalized, of the rows that the head reads. */
  protected override pass(
    tape: Tape,
    inputs: PassInputs,
    { cache, rows }: ForwardOptions = {},
  ): Tensor {
    const context = sequenceContext(tape, inputs, this.limit, cache);
    const pick = picking(tape, this, inputs, rows);
    const outputs = tape.pipe(
      this.#embed(tape, inputs, cache?.length),
      (x) => dropout(tape, x, this.#embeddingDropout),
      ...blockSteps(tape, this.#blocks, context, pick),
      (states) => this.#finalNorm.forward(tape, states),
    );
    cache?.advance(context.time);
    return outputs;
  }

  /** Token and position embeddings; token types also use the token embedding. */
  #embed(tape: Tape, inputs: PassInputs, past = 0): Tensor {
    const { tokenTypeIds } = inputs, table = this.#tokens;
    const sum = addLast(
      tape,
      wordsOf(tape, table, inputs),
      this.#positions.forward(tape, positionsOf(inputs, past)),
    );
    return tokenTypeIds ? addLast(tape, sum, table.forward(tape, tokenTypeIds.data)) : sum;
  }

  /** Its blocks, for virtual tokens. */
  override get blockShape(): BlockShape {
    const { n_layer: count, n_embd: width, n_head: heads } = this.config;
    return { count, width, heads, keys: { heads, width } };
  }

  /** Longest sequence, in tokens, virtual ones included. */
  protected override get limit(): number {
    return this.config.n_positions;
  }

  /** Token that fills up short sequences. */
  override get padding(): number | undefined {
    return this.config.pad_token_id;
  }

  /** Number of tokens in the vocabulary. */
  override get vocabulary(): number {
    return this.config.vocab_size;
  }

  /** A cache for the keys and values of `batch` sequences of up to `capacity` tokens. */
  protected override newCache(batch: number, capacity: number): KeyValueCache {
    const { n_layer: layers, n_embd: width } = this.config;
    return new KeyValueCache(this.device, { layers, batch, capacity, width });
  }
}

/** x + attention(norm(x)), then x + mlp(norm(x)). */
class Block {
  readonly #norm1: LayerNorm;
  readonly #attention: SelfAttention;
  readonly #afterAttention: Place;
  readonly #norm2: LayerNorm;
  readonly #mlp: Mlp;
  readonly #afterMlp: Place;

  constructor(layers: ModelLayers, at: string, config: Gpt2Config, dropout: number) {
    const { n_head, n_embd, layer_norm_epsilon } = config;
    const [qkv, output] = ["c_attn", "c_proj"].map((name) => layers.linear(`${at}.attn.${name}`));
    const [up, down] = ["c_fc", "c_proj"].map((name) => layers.linear(`${at}.mlp.${name}`));
    this.#norm1 = layers.norm(`${at}.ln_1`, layer_norm_epsilon);
    this.#attention = new SelfAttention({
      heads: n_head,
      input: fusedProjection(qkv),
      output,
      causal: true,
      dropout,
    });
    this.#afterAttention = layers.place(`${at}.attn`, n_embd, "attention");
    this.#norm2 = layers.norm(`${at}.ln_2`, layer_norm_epsilon);
    this.#mlp = new Mlp(up, down, dropout);
    this.#afterMlp = layers.place(`${at}.mlp`, n_embd, "mlp");
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

function headOf(layers: ModelLayers, config: Gpt2Config, kind: HeadKind): Head {
  const { pad_token_id, tie_word_embeddings } = config;
  if (kind === "classes") {
    return new SequenceClassificationHead(layers.parameter(classifierHead), pad_token_id);
  }
  const weight = tie_word_embeddings ? tokenEmbedding : untiedHead;
  return new CausalLmHead(layers.output("lm_head", weight));
}
