/** GPT-2 (Radford et al. 2019), with the parameter names of Hugging Face. @module */

import type { Architecture } from "../../architectures/architecture.ts";
import {
  classifierHead,
  gpt2Architecture,
  type Gpt2Config,
  gpt2ConfigJson,
  tokenEmbedding,
  untiedHead,
} from "../../architectures/gpt2.ts";
import { add, dropout, embedding } from "../../autograd/mod.ts";
import { assertDropout } from "../../autograd/ops/dropout.ts";
import type { Parameter } from "../../autograd/parameter.ts";
import type { Tape } from "../../autograd/tape.ts";
import type { ModelInputs } from "../../core/batch.ts";
import type { HostTensor } from "../../core/host_tensor.ts";
import { assertShape, formatShape, sizeOf } from "../../core/shape.ts";
import { ShapeError } from "../../core/errors.ts";
import { Arena } from "../../device/arena.ts";
import type { Device, Tensor } from "../../device/device.ts";
import { LayerNorm } from "../../nn/layer_norm.ts";
import type { Linear } from "../../nn/linear.ts";
import type { SequenceContext } from "../../nn/attention.ts";
import type { Place } from "../../nn/place.ts";
import { CausalLmHead, type Head, SequenceClassificationHead } from "../heads.ts";
import { type ForwardOptions, type Model, trainableOf } from "../model.ts";
import { ModelTensors, type StoredTensors } from "../model_tensors.ts";
import { Gpt2Block } from "./block.ts";

/** How a GPT-2 behaves beyond its configuration. */
export interface Gpt2Options {
  /**
   * Dropout rate of embeddings and residual branches while training with a dropout seed. Default 0;
   * attention probabilities are never dropped. The rates in `config.json` are not used.
   */
  readonly dropout?: number;
}

/** A decoder-only transformer: pre-norm blocks, learned positions, and a head. */
export class Gpt2 implements Model<ModelInputs> {
  /** Where it lives. */
  readonly device: Device;
  /** Its shape. */
  readonly config: Gpt2Config;
  /** What files hold of it. */
  readonly architecture: Architecture;
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
  readonly #head: Head;
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
    this.architecture = gpt2Architecture(gpt2ConfigJson(config));
    this.#tensors = new ModelTensors(tensors);
    this.#owner = owner;
    this.#dropout = dropout;
    this.parameters = this.#tensors.parameters;
    this.#blocks = Array.from(
      { length: config.n_layer },
      (_, layer) => new Gpt2Block(this.#tensors, this.architecture.linears, config, layer, dropout),
    );
    this.linears = this.#blocks.flatMap(({ linears }) => linears);
    this.places = this.#blocks.flatMap(({ places }) => places);
    this.#finalNorm = new LayerNorm(
      this.#parameter("transformer.ln_f.weight"),
      this.#parameter("transformer.ln_f.bias"),
      config.layer_norm_epsilon,
    );
    this.#head = this.#makeHead();
  }

  /** A GPT-2 whose weights are all zero, to be written. */
  static allocate(device: Device, config: Gpt2Config, options?: Gpt2Options): Gpt2 {
    const { tensors } = gpt2Architecture(gpt2ConfigJson(config));
    const arena = new Arena(device, tensors, "weight", "GPT-2 weights");
    const views = new Map(tensors.map(({ name }) => [name, arena.view(name)]));
    return new Gpt2(device, config, views, arena, options);
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
   * Tokens (batch, time) to the head's outputs: logits (batch · time, vocabulary) of a language model, or
   * of the `rows` asked for; logits (batch, classes) of a classifier.
   *
   * @throws {RangeError} when a token is not in the vocabulary, a sequence is too long, or `rows` are
   * not among the tokens.
   * @throws {ShapeError} when mask, positions or token types do not fit the tokens.
   * @throws {TypeError} when there are no tokens.
   */
  forward(tape: Tape, inputs: ModelInputs, options: ForwardOptions = {}): Tensor {
    assertTokens(inputs?.tokens);
    const rows = this.#head.rowsOf(inputs, options.rows);
    return this.#head.forward(tape, this.#hiddenStates(tape, inputs, { ...options, rows }));
  }

  /** Frees the weights; adapters are their owners' to free. */
  [Symbol.dispose](): void {
    this.#owner[Symbol.dispose]();
  }

  #makeHead(): Head {
    const { num_labels, pad_token_id, tie_word_embeddings } = this.config;
    if (num_labels) {
      return new SequenceClassificationHead(this.#parameter(classifierHead), pad_token_id);
    }
    return new CausalLmHead(this.#parameter(tie_word_embeddings ? tokenEmbedding : untiedHead));
  }

  /** The final norm's outputs, (batch · time, width) or (rows, width). */
  #hiddenStates(tape: Tape, inputs: ModelInputs, { cache, rows }: ForwardOptions): Tensor {
    const [batch, time] = this.#extents(inputs, cache?.length);
    const mask = inputs.attentionMask && uploadMask(tape, inputs.attentionMask);
    const context: SequenceContext = { batch, time, mask, cache };
    let x = this.#embed(tape, inputs, cache?.length);
    this.#blocks.forEach((block, layer) => x = block.forward(tape, x, context, layer));
    cache?.advance(time);
    return this.#finalNorm.forward(tape, rows ? pick(tape, x, rows) : x);
  }

  #parameter(name: string): Parameter {
    return this.parameters.get(name)!;
  }

  #extents(inputs: ModelInputs, past = 0): [number, number] {
    const { tokens: { shape, data }, attentionMask, positionIds, tokenTypeIds } = inputs;
    const [batch, time] = shape;
    if (shape.length !== 2 || time === 0 || data.length !== sizeOf(shape)) {
      throw new ShapeError(
        `tokens must be (batch, time), found ${formatShape(shape)} of ${data.length} values`,
      );
    }
    const keys = past + time, limit = this.config.n_positions;
    if (keys > limit) {
      throw new RangeError(`a sequence holds at most ${limit} tokens, found ${keys}`);
    }
    if (attentionMask) assertShape("the attention mask", attentionMask.shape, [batch, keys]);
    if (positionIds) assertShape("position ids", positionIds.shape, shape);
    if (tokenTypeIds) assertShape("token type ids", tokenTypeIds.shape, shape);
    return [batch, time];
  }

  /** Token and position embeddings; token types have rows of the token embedding. */
  #embed(tape: Tape, inputs: ModelInputs, past = 0): Tensor {
    const { tokens, positionIds, tokenTypeIds } = inputs, [, time] = tokens.shape;
    const positions = positionIds?.data ??
      Uint32Array.from(tokens.data, (_, i) => past + i % time);
    const table = this.#parameter(tokenEmbedding);
    const sum = add(
      tape,
      embedding(tape, table, tokens.data),
      embedding(tape, this.#parameter("transformer.wpe.weight"), positions),
    );
    const typed = tokenTypeIds ? add(tape, sum, embedding(tape, table, tokenTypeIds.data)) : sum;
    return dropout(tape, typed, this.#dropout);
  }
}

function uploadMask(tape: Tape, mask: HostTensor): Tensor {
  const tensor = tape.allocate(mask.shape, "u32", "activation", "attention mask");
  tape.device.write(tensor, Uint32Array.from(mask.data));
  return tensor;
}

/** A user of plain JavaScript, or of an older version, may give the tokens themselves. */
function assertTokens(tokens: HostTensor | undefined): void {
  if (Array.isArray(tokens?.shape) && tokens.data?.length >= 0) return;
  throw new TypeError(
    `a model needs inputs as { tokens: { shape: [batch, time], data } }, found ${
      Array.isArray(tokens) ? "a plain list" : tokens ? "something else" : "nothing"
    } for its tokens`,
  );
}

function pick(tape: Tape, x: Tensor, rows: readonly number[]): Tensor {
  const [tokens] = x.shape;
  const wrong = rows.find((row) => !(Number.isInteger(row) && row >= 0 && row < tokens));
  if (wrong === undefined) return embedding(tape, x, rows);
  throw new RangeError(`rows must be whole numbers below the ${tokens} tokens, found ${wrong}`);
}
