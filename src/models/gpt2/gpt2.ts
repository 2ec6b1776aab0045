/** GPT-2 (Radford et al. 2019), with the parameter names of Hugging Face. @module */

import { add, dropout, embedding, linear } from "../../autograd/mod.ts";
import { assertDropout } from "../../autograd/ops/dropout.ts";
import type { Parameter } from "../../autograd/parameter.ts";
import type { Tape } from "../../autograd/tape.ts";
import { embeddingForward } from "../../../kernels/embedding/kernel.ts";
import type { HostTensor } from "../../core/host_tensor.ts";
import { assertShape, formatShape, sizeOf } from "../../core/shape.ts";
import { ShapeError } from "../../core/errors.ts";
import { Arena } from "../../device/arena.ts";
import type { Device } from "../../device/device.ts";
import type { Tensor } from "../../device/tensor.ts";
import { LayerNorm } from "../../nn/layer_norm.ts";
import type { Linear } from "../../nn/linear.ts";
import type { SequenceContext } from "../../nn/attention.ts";
import type { Place } from "../../nn/place.ts";
import { type ForwardOptions, type Model, trainableOf } from "../model.ts";
import { ModelTensors, type StoredTensors } from "../model_tensors.ts";
import { Gpt2Block } from "./block.ts";
import type { Gpt2Config } from "./config.ts";
import { gpt2Entries, tokenEmbedding, untiedHead } from "./layout.ts";

/** How a GPT-2 behaves beyond its configuration. */
export interface Gpt2Options {
  /**
   * Dropout rate of embeddings and residual branches while training with a dropout seed. Default 0;
   * attention probabilities are never dropped. The rates in `config.json` are not used.
   */
  readonly dropout?: number;
}

/** A decoder-only transformer: pre-norm blocks, learned positions, a head that is usually tied. */
export class Gpt2 implements Model {
  /** Where it lives. */
  readonly device: Device;
  /** Its shape. */
  readonly config: Gpt2Config;
  /** Its parameters by Hugging Face name. */
  readonly parameters: ReadonlyMap<string, Parameter>;
  /** Its linear layers in the order of the forward pass, the head not among them. */
  readonly linears: readonly Linear[];
  /** After the attention and after the feed-forward layer of each block. */
  readonly places: readonly Place[];
  readonly #tensors: ModelTensors;
  readonly #owner: Disposable;
  readonly #blocks: readonly Gpt2Block[];
  readonly #finalNorm: LayerNorm;
  readonly #dropout: number;

  /** Builds the layers around tensors and weights; disposing the model disposes `owner`. */
  constructor(
    device: Device,
    config: Gpt2Config,
    tensors: StoredTensors,
    owner: Disposable,
    { dropout = 0 }: Gpt2Options = {},
  ) {
    assertDropout("dropout", dropout);
    this.device = device;
    this.config = config;
    this.#tensors = new ModelTensors(tensors);
    this.#owner = owner;
    this.#dropout = dropout;
    this.parameters = this.#tensors.parameters;
    this.#blocks = Array.from(
      { length: config.n_layer },
      (_, layer) => new Gpt2Block(this.#tensors, config, layer, dropout),
    );
    this.linears = this.#blocks.flatMap(({ linears }) => linears);
    this.places = this.#blocks.flatMap(({ places }) => places);
    this.#finalNorm = new LayerNorm(
      this.#parameter("transformer.ln_f.weight"),
      this.#parameter("transformer.ln_f.bias"),
      config.layer_norm_epsilon,
    );
  }

  /** A GPT-2 whose weights are all zero, to be written. */
  static allocate(device: Device, config: Gpt2Config, options?: Gpt2Options): Gpt2 {
    const entries = gpt2Entries(config);
    const arena = new Arena(device, entries, "weight", "GPT-2 weights");
    const tensors = new Map(entries.map(({ name }) => [name, arena.view(name)]));
    return new Gpt2(device, config, tensors, arena, options);
  }

  /** The same model with some tensors replaced by others, which `owner` owns; without adapters. */
  withTensors(replaced: StoredTensors, owner: Disposable): Gpt2 {
    const tensors = this.#tensors.with(replaced);
    return new Gpt2(this.device, this.config, tensors, owner, { dropout: this.#dropout });
  }

  /** Base parameters that are not frozen, and adapters. */
  trainable(): Parameter[] {
    return trainableOf(this);
  }

  /**
   * Tokens (batch, time) to logits (batch · time, vocabulary).
   *
   * @throws {RangeError} when a token is not in the vocabulary, a sequence is too long, or `rows` are
   * not among the tokens or were to be differentiated.
   * @throws {ShapeError} when mask or positions do not fit the tokens.
   */
  forward(tape: Tape, tokens: HostTensor, options: ForwardOptions = {}): Tensor {
    const [batch, time] = this.#extents(tokens, options);
    const { cache } = options;
    const mask = options.attentionMask && uploadMask(tape, options.attentionMask);
    const context: SequenceContext = { batch, time, mask, cache };
    let x = this.#embed(tape, tokens, options);
    this.#blocks.forEach((block, layer) => x = block.forward(tape, x, context, layer));
    cache?.advance(time);
    const normed = this.#finalNorm.forward(tape, options.rows ? pick(tape, x, options.rows) : x);
    return linear(tape, normed, this.#head);
  }

  /** Frees the weights; adapters are their owners' to free. */
  [Symbol.dispose](): void {
    this.#owner[Symbol.dispose]();
  }

  get #head(): Parameter {
    return this.#parameter(this.config.tie_word_embeddings ? tokenEmbedding : untiedHead);
  }

  #parameter(name: string): Parameter {
    return this.parameters.get(name)!;
  }

  #extents({ shape, data }: HostTensor, options: ForwardOptions): [number, number] {
    const { cache, attentionMask, positionIds } = options, [batch, time] = shape;
    if (shape.length !== 2 || time === 0 || data.length !== sizeOf(shape)) {
      throw new ShapeError(
        `tokens must be (batch, time), found ${formatShape(shape)} of ${data.length} values`,
      );
    }
    const keys = (cache?.length ?? 0) + time, limit = this.config.n_positions;
    if (keys > limit) {
      throw new RangeError(`a sequence holds at most ${limit} tokens, found ${keys}`);
    }
    if (attentionMask) assertShape("the attention mask", attentionMask.shape, [batch, keys]);
    if (positionIds) assertShape("position ids", positionIds.shape, shape);
    return [batch, time];
  }

  #embed(tape: Tape, tokens: HostTensor, { positionIds, cache }: ForwardOptions): Tensor {
    const [, time] = tokens.shape, past = cache?.length ?? 0;
    const positions = positionIds?.data ??
      Uint32Array.from(tokens.data, (_, i) => past + i % time);
    const sum = add(
      tape,
      embedding(tape, this.#parameter(tokenEmbedding), tokens.data),
      embedding(tape, this.#parameter("transformer.wpe.weight"), positions),
    );
    return dropout(tape, sum, this.#dropout);
  }
}

function uploadMask(tape: Tape, mask: HostTensor): Tensor {
  const tensor = tape.allocate(mask.shape, "u32", "activation", "attention mask");
  tape.device.write(tensor, Uint32Array.from(mask.data));
  return tensor;
}

function pick(tape: Tape, x: Tensor, rows: readonly number[]): Tensor {
  const count = rows.length, [tokens, width] = x.shape;
  const wrong = rows.find((row) => !(Number.isInteger(row) && row >= 0 && row < tokens));
  if (wrong !== undefined) {
    throw new RangeError(`rows must be whole numbers below the ${tokens} tokens, found ${wrong}`);
  }
  if (tape.tracks(x)) {
    throw new RangeError("logits of some rows only need a tape with record: false");
  }
  const ids = tape.allocate([count], "u32", "activation", "wanted rows");
  tape.device.write(ids, Uint32Array.from(rows));
  const out = tape.activation([count, width], "wanted states");
  tape.device.launch(embeddingForward, { table: x, ids, out }, { count, width });
  return out;
}
