/** The base class of text models of every family. @module */

import type { Architecture } from "../architectures/architecture.ts";
import type { ConfigJson } from "../architectures/config_fields.ts";
import { architectureOf } from "../architectures/registry.ts";
import { assertDropout } from "../autograd/ops/dropout.ts";
import type { TwoParts } from "../autograd/loss.ts";
import type { Parameter } from "../autograd/parameter.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Weight } from "../autograd/weight.ts";
import type { ModelInputs, PromptFormat } from "../core/batch.ts";
import { assertOptions } from "../core/checks.ts";
import { howMany } from "../core/numbers.ts";
import { sizeOf } from "../core/tensor.ts";
import type { Device, Tensor } from "../device/device.ts";
import type { AdaptedLayer, BlockShape, VirtualTokens } from "../nn/embedding.ts";
import type { KeyValueCache } from "../nn/key_value_cache.ts";
import type { Linear } from "../nn/linear.ts";
import type { Place } from "../nn/place.ts";
import type { Head } from "./heads.ts";
import { assertInputs, type PassInputs, sequenceStarts, type TextInputs } from "./inputs.ts";
import {
  type AdapterValues,
  type AppliedAdapter,
  dropoutRateOf,
  type ForwardOptions,
  type Model,
  modelNames,
  type TextModelClass,
  type TextModelOptions,
  trainableOf,
  unappliedDropoutOf,
} from "./model.ts";
import { ModelLayers, type StoredTensors } from "./layers.ts";
import {
  neededLengths,
  packInputs,
  type PassArguments,
  shareBeginnings,
  sharesStates,
  withVirtualTokens,
} from "./pack.ts";

/**
 * A text model with a Hugging Face configuration, as `loadModel` returns. A family adds its forward
 * pass.
 */
export abstract class TextModel implements Model<ModelInputs> {
  /** The device that holds it. */
  readonly device: Device;
  /** Its layers and tensors in Hugging Face's files. */
  readonly architecture: Architecture;
  /** Settings beyond its configuration, and its origin. */
  readonly options: TextModelOptions;
  /** The adapters in force, in the order in which they were injected. */
  readonly adapters: Set<AppliedAdapter> = new Set();
  /** Adapters whose values were merged into its weights. */
  merged?: readonly AdapterValues[];
  /** Format of the prompts of its own training, if it was trained on any. */
  promptFormat?: PromptFormat;
  /** The virtual tokens that an adapter puts before every sequence, if one does. */
  virtualTokens?: VirtualTokens;
  /** Its layers, which a family's constructor builds in the order of the forward pass. */
  protected readonly layers: ModelLayers;
  readonly #config: ConfigJson;
  readonly #owner: Disposable;

  /**
   * Takes tensors and weights by name; disposing the model disposes `owner`.
   *
   * @param config The full `config.json`, with defaults filled in.
   */
  constructor(
    device: Device,
    config: ConfigJson,
    tensors: StoredTensors,
    owner: Disposable,
    options: TextModelOptions = {},
  ) {
    assertOptions("a model", options, { ...modelNames, origin: true, family: true });
    assertDropout("dropout", options.dropout ?? 0);
    this.device = device;
    this.architecture = architectureOf(config);
    this.options = options;
    this.layers = new ModelLayers(tensors, this.architecture.linears);
    this.#config = config;
    this.#owner = owner;
  }

  /** Longest sequence, in tokens, virtual ones included. */
  protected abstract readonly limit: number;
  /** Sizes of its blocks, for virtual tokens. */
  abstract readonly blockShape: BlockShape;
  /** Number of tokens in the vocabulary. */
  abstract readonly vocabulary: number;
  /** Token that fills up short sequences; undefined if its configuration names none. */
  abstract readonly padding: number | undefined;
  /** Maps its last states to outputs. */
  abstract readonly head: Head;

  /** Description for display: `GPT-2 of 12 blocks, width 768, 12 heads`. */
  get description(): string {
    const { family = this.architecture.modelType } = this.options;
    const { count, width, heads, keys = { heads } } = this.blockShape;
    const shared = keys.heads < heads ? ` that share ${howMany(keys.heads, "key-value head")}` : "";
    return `${family} of ${howMany(count, "block")}, width ${width}, ` +
      `${howMany(heads, "head")}${shared}`;
  }

  /** Longest sequence, in tokens: what virtual tokens leave of its positions. */
  get positions(): number {
    return this.limit - (this.virtualTokens?.count ?? 0);
  }

  /** True if its outputs are logits of the next token. */
  get isCausal(): boolean {
    return this.architecture.head === "language";
  }

  /**
   * Maps inputs to the head's outputs: a row for each token, or for each of the requested `rows`. These are a
   * language model's logits (rows, vocabulary), a classifier's (batch, classes), or without a head its states.
   *
   * @throws {RangeError} when a token is not in the vocabulary, a sequence is too long, or `rows` are
   * not among the tokens.
   * @throws {ShapeError} when mask, positions or token types do not fit the tokens.
   * @throws {TypeError} when there are no tokens, or they are on the device and the model looks at them.
   */
  forward(tape: Tape, inputs: TextInputs, options: ForwardOptions = {}): Tensor {
    return tape.pipe(
      this.states(tape, inputs, options),
      (states) => this.head.forward(tape, states),
    );
  }

  /**
   * Computes the input of the head's last layer, (rows, width): the first part of
   * {@link TextModel.forward}, which throws the same.
   */
  states(tape: Tape, inputs: TextInputs, options: ForwardOptions = {}): Tensor {
    const { virtualTokens: virtual, padding, positions, head } = this;
    const given = this.#packed(tape, inputs, options) ?? [inputs, options] as const;
    const room = virtual && { virtual, limit: positions, padding, hasRows: head.isPerToken };
    const [passed, wanted] = room ? withVirtualTokens(tape, ...given, room) : given;
    const computed = virtual?.areComputed === false ? given[0] : passed;
    if (computed?.tokens?.shape?.length === 2) {
      const starts = sequenceStarts(computed);
      for (const { batchRows } of this.adapters) batchRows?.begin(starts);
    }
    return tape.pipe(
      this.pass(tape, passed, wanted),
      (states) => head.before?.(tape, states) ?? states,
    );
  }

  /** The pass over packed sequences, where no output of all tokens is wanted and some may be left out. */
  #packed(tape: Tape, inputs: TextInputs, options: ForwardOptions): PassArguments | undefined {
    const { virtualTokens, positions, head: { isPerToken } } = this;
    if (options.cache || isPerToken && !options.rows) return undefined;
    assertInputs(inputs, positions, 0, virtualTokens?.count);
    const packed = packInputs(inputs, options, this), most = 1 - this.leastPadding;
    const shared = sharesStates(tape, this) && shareBeginnings(...packed ?? [inputs, options]);
    if (shared) return shared;
    return packed && sizeOf(packed[0].tokens.shape) <= most * sizeOf(inputs.tokens.shape)
      ? packed
      : undefined;
  }

  /** Share of padding in a batch from which on it pays to leave it out. */
  protected get leastPadding(): number {
    return 0;
  }

  /**
   * The two parts of the forward pass for training and `evaluate`; rows may be requested where the
   * head does not read one of each sequence.
   */
  get parts(): TwoParts<ModelInputs> {
    const { head } = this, states = this.states.bind(this);
    const keepsPadding = (inputs: ModelInputs, rows?: readonly number[]) =>
      neededLengths(inputs, rows, this) === undefined;
    return { states, head, picksRows: head.isPerToken, keepsPadding };
  }

  /** The family's layers before the head, from inputs that count virtual tokens as tokens. */
  protected abstract pass(tape: Tape, inputs: PassInputs, options?: ForwardOptions): Tensor;

  /**
   * A cache for the keys and values of `batch` sequences of up to `capacity` tokens.
   *
   * @throws {RangeError} when it does not predict the next token.
   */
  openCache(batch: number, capacity: number): KeyValueCache {
    return this.newCache(batch, capacity + (this.virtualTokens?.count ?? 0));
  }

  /** A new cache for sequences of which virtual tokens are a part. */
  protected newCache(_batch: number, _capacity: number): KeyValueCache {
    throw new RangeError(
      `continuing a text needs a causal language model, found ${this.description}`,
    );
  }

  /** The same model, without adapters and with some tensors replaced by others, which `owner` owns. */
  withTensors(replaced: StoredTensors, owner: Disposable): this {
    const Family = this.constructor as TextModelClass<this>, tensors = this.layers.with(replaced);
    return new Family(this.device, this.#config, tensors, owner, this.options);
  }

  /** Its parameters by Hugging Face name. */
  get parameters(): ReadonlyMap<string, Parameter> {
    return this.layers.parameters;
  }

  /** Its matrices in 16 bits or 4, by the same names. */
  get weights(): ReadonlyMap<string, Weight> {
    return this.layers.weights;
  }

  /** Its linear layers in the order of the forward pass, without the head. */
  get linears(): readonly Linear[] {
    return this.layers.linears;
  }

  /** Its embeddings, then its language model's head. */
  get outerLayers(): readonly AdaptedLayer[] {
    return this.layers.outer;
  }

  /** The places after each sublayer of each block. */
  get places(): readonly Place[] {
    return this.layers.places;
  }

  /** Base parameters that are not frozen, and adapters. */
  trainable(): Parameter[] {
    return trainableOf(this);
  }

  /** The largest rate of dropout in training: of its options or else of its configuration. */
  get dropoutRate(): number {
    return dropoutRateOf(this.#config, this.options);
  }

  /**
   * Note that attention's probabilities are not dropped, where the configuration asks for it;
   * undefined if not.
   */
  get unappliedDropout(): string | undefined {
    return unappliedDropoutOf(this.#config, this.options);
  }

  /** The `config.json` that makes transformers build the same model. */
  configJson(): ConfigJson {
    return this.#config;
  }

  /** Frees the weights; adapters are freed by their owners. */
  [Symbol.dispose](): void {
    this.#owner[Symbol.dispose]();
  }
}
