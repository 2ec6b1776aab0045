/** Virtual tokens on a model as an adapter. @module */

import { assertPrefixLength } from "../architectures/config_fields.ts";
import type { AttentionInputs } from "../autograd/ops/attention.ts";
import {
  embedding,
  type FirstRows,
  replaceRows,
  type ReplacingRows,
} from "../autograd/ops/embedding.ts";
import { type ColumnWindow, copyColumns } from "../autograd/ops/product.ts";
import type { Parameter } from "../autograd/parameter.ts";
import { Tape } from "../autograd/tape.ts";
import { assertOptions } from "../core/checks.ts";
import { quote } from "../core/errors.ts";
import { isWithin } from "../core/module_names.ts";
import { howMany } from "../core/numbers.ts";
import { Random } from "../core/random.ts";
import { hostTensor } from "../core/tensor.ts";
import type { Tensor } from "../device/device.ts";
import {
  parsePromptConfig,
  type PromptConfig,
  promptConfigJson,
  type PromptType,
} from "../formats/peft/other_configs.ts";
import { promptPrefix } from "../formats/peft/keys.ts";
import { methods } from "../methods/mod.ts";
import type { Model } from "../models/model.ts";
import { TextModel } from "../models/text_model.ts";
import type { BlockShape, VirtualTokens } from "../nn/embedding.ts";
import { assertFree, ofInjector, type WeightChange } from "./adapter.ts";
import {
  type MethodAdapterOptions,
  type MethodConfig,
  NamedAdapter,
  savedModulesOf,
  type SavedValues,
} from "./named_adapter.ts";

/**
 * Sets the values of virtual tokens to what the model computes for a sequence of as many tokens that are drawn
 * from its vocabulary: embeddings (Lester et al. 2021, section 3.2), what blocks read, or keys and values (Li and
 * Liang 2021, section 7.4).
 */
function startFromWords(model: TextModel, virtual: VirtualTokens, seed: number): void {
  const random = new Random(seed), { count, parameter } = virtual;
  const words = Uint32Array.from({ length: count }, () => random.integer(model.vocabulary));
  using tape = new Tape(model.device, { record: false });
  model.virtualTokens = new Observer(virtual, parameter!.tensor);
  try {
    model.forward(tape, { tokens: hostTensor([1, count], words) });
  } finally {
    model.virtualTokens = undefined;
  }
}

/** No virtual tokens, but a look at what they would change, which is copied. */
class Observer implements VirtualTokens {
  readonly count = 0;
  readonly areRead = false;
  readonly areComputed = true;
  readonly parameter = undefined;
  readonly #of: VirtualTokens;
  readonly #into: Tensor;

  constructor(of: VirtualTokens, into: Tensor) {
    this.#of = of;
    this.#into = into;
  }

  words(_: Tape, x: Tensor): Tensor {
    if (this.#of.words) this.#copy({ tensor: x, width: x.shape[1] }, 0);
    return x;
  }

  states(_: Tape, x: Tensor, _rows: FirstRows, block: number): Tensor {
    if (this.#of.states) this.#copy({ tensor: x, width: x.shape[1] }, block);
    return x;
  }

  keysAndValues(
    _: Tape,
    inputs: AttentionInputs,
    _rows: FirstRows,
    block: number,
  ): AttentionInputs {
    if (this.#of.keysAndValues) {
      this.#copy(inputs.k, 2 * block);
      this.#copy(inputs.v, 2 * block + 1);
    }
    return inputs;
  }

  /** Copies a window to the `index`-th columns of its width. */
  #copy(window: ColumnWindow, index: number): void {
    const { width } = window;
    copyColumns(window, { tensor: this.#into, offset: index * width, width });
  }
}

/** A prefix method, by its name in specifications. */
export type PrefixKind = "prefix-embedding" | "prefix-layer" | "prefix-tuning";

/** Trained virtual tokens: a row of values for each. */
abstract class TrainedTokens {
  readonly parameter: Parameter;
  abstract readonly areRead: boolean;
  readonly areComputed: boolean = true;

  constructor(parameter: Parameter) {
    this.parameter = parameter;
  }

  get count(): number {
    return this.parameter.shape[0];
  }

  /** The `index`-th columns of a width, for the columns of x from `offset`. */
  protected columns(width: number, index: number, offset = 0): ReplacingRows {
    return { values: this.parameter, from: index * width, width, offset };
  }
}

/** The embeddings of words: d values for each token (Hu et al. 2021, section 5.1: PreEmbed). */
class VirtualWords extends TrainedTokens implements VirtualTokens {
  readonly areRead = true;

  words(tape: Tape, x: Tensor, rows: FirstRows): Tensor {
    return replaceRows(tape, x, [this.columns(x.shape[1], 0)], rows);
  }
}

/**
 * Activations of virtual tokens that each block reads: L · d values for each token (Hu et al. 2021,
 * section 5.1: PreLayer). The paper replaces activations after every layer; those after the last
 * would change no other token.
 */
class VirtualStates extends TrainedTokens implements VirtualTokens {
  readonly areRead = false;

  states(tape: Tape, x: Tensor, rows: FirstRows, block: number): Tensor {
    return replaceRows(tape, x, [this.columns(x.shape[1], block)], rows);
  }
}

/**
 * Keys and values of each block: 2 · L · d_kv values for each token, those of a block's keys before those of its
 * values (Li and Liang 2021; PEFT's prefix tuning).
 */
class VirtualKeys extends TrainedTokens implements VirtualTokens {
  readonly areRead = false;
  override readonly areComputed = false;

  keysAndValues(
    tape: Tape,
    { q, k, v }: AttentionInputs,
    rows: FirstRows,
    block: number,
  ): AttentionInputs {
    const keys = this.columns(k.width, 2 * block, k.offset);
    const values = this.columns(v.width, 2 * block + 1, v.offset);
    const from = sourcesOf(rows);
    const place = (x: Tensor, ...pieces: ReplacingRows[]) =>
      tape.pipe(
        x,
        (x) => embedding(tape, x, from),
        (x) => pieces.length > 0 ? replaceRows(tape, x, pieces, rows) : x,
      );
    if (k.tensor === v.tensor) {
      const tensor = place(k.tensor, keys, values);
      return { q: { ...q, tensor }, k: { ...k, tensor }, v: { ...v, tensor } };
    }
    return {
      q: { ...q, tensor: place(q.tensor) }, // What the queries of virtual tokens find is not read.
      k: { ...k, tensor: place(k.tensor, keys) },
      v: { ...v, tensor: place(v.tensor, values) },
    };
  }
}

/** For each row, which of the other rows it is; for one of the first, any of these. */
function sourcesOf({ others, places }: FirstRows): Uint32Array {
  const sources = new Uint32Array(places.size);
  others.forEach((row, i) => sources[row] = i);
  return sources;
}

/** A prefix method: the size and the form of its virtual tokens. */
interface PrefixMethod {
  /** Values of each token. */
  readonly valuesOf: (blocks: BlockShape) => number;
  /** The virtual tokens with these values. */
  readonly make: new (parameter: Parameter) => VirtualTokens & { readonly parameter: Parameter };
}

/** The methods by kind. */
const prefixMethods: Readonly<Record<PrefixKind, PrefixMethod>> = {
  "prefix-embedding": { valuesOf: ({ width }) => width, make: VirtualWords },
  "prefix-layer": { valuesOf: ({ count, width }) => count * width, make: VirtualStates },
  "prefix-tuning": { valuesOf: ({ count, keys }) => 2 * count * keys!.width, make: VirtualKeys },
};

/** Parts of a prefix. */
export interface PrefixParts {
  /** The method. */
  readonly kind: PrefixKind;
  /** Number of virtual tokens, l_p. */
  readonly length: number;
  /** Seed of the tokens whose values they start from. Default 0. */
  readonly seed?: number;
  /** Names of modules that are trained in full beside them. Default: none. */
  readonly modulesToSave?: readonly string[];
}

/** PEFT's name of what is trained of virtual tokens. */
const key = "prompt_embeddings";

/**
 * Trained virtual tokens before every sequence, in force until {@link PrefixAdapter.remove}; made by
 * `injectPrefixEmbedding`, `injectPrefixLayer` and `injectPrefixTuning`.
 *
 * A model has one such adapter at a time, beside others that change its weights or activations. It is saved as PEFT's
 * prompt tuning or prefix tuning; a prefix-layer adapter, which PEFT does not have, in a folder of our own.
 */
export class PrefixAdapter extends NamedAdapter {
  /** The method. */
  readonly kind: PrefixKind;
  /** The virtual tokens. */
  readonly virtual: VirtualTokens;
  readonly #model: TextModel;
  readonly #modulesToSave: readonly string[];

  /**
   * Allocates the tensors, freezes the model and puts the virtual tokens before its sequences.
   *
   * @throws {RangeError} when the model cannot have the virtual tokens, or has some.
   */
  constructor(model: Model, parts: PrefixParts, saved?: SavedValues) {
    const { kind, length, seed = 0, modulesToSave = [] } = parts;
    assertTakes(model, kind, length);
    const { valuesOf, make } = prefixMethods[kind], shape = [length, valuesOf(model.blockShape)];
    super(model, {
      entries: [{ name: key, shape }],
      copied: modulesToSave,
      saved,
      build: ([values]) => {
        if (!saved) startFromWords(model, new make(values), seed);
        return [];
      },
    });
    this.kind = kind;
    this.virtual = new make(this.own[0]);
    this.#model = model;
    this.#modulesToSave = modulesToSave;
    model.virtualTokens = this.virtual;
  }

  /** Number of virtual tokens. */
  get length(): number {
    return this.virtual.count;
  }

  /** PEFT's fields, or for a prefix-layer adapter its method and settings. */
  protected override get config(): MethodConfig {
    const { kind, length } = this, savedModules = this.#modulesToSave, model = this.#model;
    if (kind === "prefix-layer") return { method: kind, length, modules_to_save: savedModules };
    const config = { ...promptConfigOf(kind, length, model.blockShape), savedModules };
    return promptConfigJson(config, taskOf(model));
  }

  /** Trained tensors, by their names in a file. */
  protected override tensors(): readonly (readonly [name: string, tensor: Tensor])[] {
    const named = super.tensors();
    if (this.kind === "prefix-layer") return named;
    return named.map(([name, tensor]) => [name === key ? key : promptPrefix + name, tensor]);
  }

  /**
   * Always throws: there is no weight that a virtual token could be added to.
   *
   * @throws {RangeError} always.
   */
  override weightChanges(): readonly WeightChange[] {
    throw new RangeError(
      "merging needs an adapter that changes weights, found " +
        `${howMany(this.length, "virtual token")}, which stand before every sequence`,
    );
  }

  /** Takes the virtual tokens off the model, and gives it its own modules back; a second call does nothing. */
  override remove(): void {
    if (this.#model.virtualTokens === this.virtual) this.#model.virtualTokens = undefined;
    super.remove();
  }
}

/** PEFT has no task for a masked language model with virtual tokens. */
function taskOf(model: TextModel): string | null {
  if (model.architecture.head === "classes") return "SEQ_CLS";
  return model.isCausal ? "CAUSAL_LM" : null;
}

/** PEFT's configuration of the virtual tokens of a method on a model. */
function promptConfigOf(
  kind: PrefixKind,
  tokens: number,
  { count: layers, width, heads, keys }: BlockShape,
): Omit<PromptConfig, "savedModules"> {
  return kind === "prefix-tuning"
    ? { type: "PREFIX_TUNING", tokens, layers, ...keys! }
    : { type: "PROMPT_TUNING", tokens, layers, width, heads };
}

/**
 * Asserts that a model can have virtual tokens of a kind.
 *
 * @throws {RangeError} when it cannot.
 */
function assertTakes(
  model: Model,
  kind: PrefixKind,
  length: number,
): asserts model is TextModel {
  if (!(model instanceof TextModel)) {
    throw new RangeError(`${kind} needs a text model, found ${model.constructor.name}`);
  }
  const { virtualTokens: other, positions, description, blockShape } = model;
  if (other) {
    throw new RangeError(
      `${kind} needs a model without a prefix, found ${howMany(other.count, "virtual token")} on ` +
        "it: call the other adapter's remove()",
    );
  }
  assertPrefixLength(kind, length, positions);
  if (kind !== "prefix-tuning" || blockShape.keys) return;
  throw new RangeError(
    `${kind} needs attention that takes a token's key and value alone, found ${description}, whose attention ` +
      "depends on distances too: use prefix-embedding or prefix-layer",
  );
}

/** Number of virtual tokens to train, and the seed of their values. */
export interface PrefixOptions extends MethodAdapterOptions {
  /** Number of virtual tokens, l_p: a positive integer that leaves a position for another token. */
  readonly length: number;
  /** Seed of the tokens whose values they start from. Default 0. */
  readonly seed?: number;
}

/**
 * Freezes a model and trains the word embeddings of l_p virtual tokens before every sequence: l_p · d values
 * (prefix-embedding tuning, Hu et al. 2021, section 5.1; PEFT's prompt tuning, Lester et al. 2021).
 *
 * The embeddings start as those of tokens drawn from the vocabulary, so **step zero is not the base model**: it reads
 * a prompt of random words. Positions of other tokens begin after the virtual ones, outputs are those of the other
 * tokens, and a classifier that reads the first token reads the first virtual one, all as in PEFT. A decoder's
 * classifier reads the last token that is not padding; PEFT's reads the last of all where a prompt is on it. l_i
 * tokens after the prompt, which the paper's formula counts too, are not implemented: it is not known where a prompt
 * ends in a sequence.
 *
 * Cost: 4 · l_p · d bytes, and the work of l_p further tokens in every sequence. It cannot be merged.
 *
 * @throws {TypeError} when an option does not exist.
 * @throws {RangeError} when the model has an adapter and `onTop` is not set, it has virtual tokens, it is no text
 * model, or the length is not a positive integer below the number of its positions.
 *
 * @example
 * ```ts
 * import { injectPrefixEmbedding } from "@lowrank/core/adapt";
 * import { initGpt2, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using adapter = injectPrefixEmbedding(model, { length: 3, seed: 1 });
 * console.log(adapter.parameters[0].size, model.positions); // 24 5
 * ```
 */
export const injectPrefixEmbedding = (model: Model, options: PrefixOptions): PrefixAdapter =>
  inject("injectPrefixEmbedding", "prefix-embedding", model, options);

/**
 * Freezes a model and trains what every block reads of l_p virtual tokens before every sequence: L · l_p · d values
 * (prefix-layer tuning, Hu et al. 2021, section 5.1). The paper replaces activations after every layer; those
 * after the last would change no other token, so here they are those before each of the L blocks.
 *
 * They start as what blocks read of tokens drawn from the vocabulary, so **step zero is not the base model**, but that
 * of {@link injectPrefixEmbedding} with the same seed, in a decoder. Positions and outputs are as there, but a classifier
 * that reads the first token reads the first other one.
 *
 * Cost: 4 · L · l_p · d bytes, and the work of l_p further tokens in every sequence. It cannot be merged.
 *
 * @throws {TypeError} when an option does not exist.
 * @throws {RangeError} As {@link injectPrefixEmbedding}.
 *
 * @example
 * ```ts
 * import { injectPrefixLayer } from "@lowrank/core/adapt";
 * import { initGpt2, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 2, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using adapter = injectPrefixLayer(model, { length: 3, seed: 1 });
 * console.log(adapter.parameters[0].size, model.positions); // 2 · 3 · 8 = 48, 5
 * ```
 */
export const injectPrefixLayer = (model: Model, options: PrefixOptions): PrefixAdapter =>
  inject("injectPrefixLayer", "prefix-layer", model, options);

/**
 * Freezes a model and trains the keys and values of l_p virtual tokens in every block: 2 · L · l_p · d_kv values, where
 * d_kv is the width of keys, less than d where heads share them (prefix tuning, Li and Liang 2021; PEFT's).
 *
 * They start as keys and values of tokens drawn from the vocabulary, so **step zero is not the base model**.
 * Positions and outputs are as in {@link injectPrefixLayer}. Rotary positions do not turn trained keys, as in PEFT.
 * As nothing reads what would become of the virtual tokens, blocks compute the others alone.
 *
 * Cost: 8 · L · l_p · d_kv bytes, and attention of l_p further tokens in every sequence. It cannot be merged.
 *
 * @throws {TypeError} when an option does not exist.
 * @throws {RangeError} As {@link injectPrefixEmbedding}, or when the model is a DeBERTa.
 *
 * @example
 * ```ts
 * import { injectPrefixTuning } from "@lowrank/core/adapt";
 * import { initGpt2, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 2, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using adapter = injectPrefixTuning(model, { length: 3, seed: 1 });
 * console.log(adapter.parameters[0].size, model.positions); // 2 · 2 · 3 · 8 = 96, 5
 * ```
 */
export const injectPrefixTuning = (model: Model, options: PrefixOptions): PrefixAdapter =>
  inject("injectPrefixTuning", "prefix-tuning", model, options);

function inject(
  action: string,
  kind: PrefixKind,
  model: Model,
  options: PrefixOptions,
): PrefixAdapter {
  assertOptions(action, options, { ...methods[kind].options, ...ofInjector });
  assertFree(model, options, action);
  return new PrefixAdapter(model, { ...options, kind });
}

/** The states that blocks read, from a folder of our own. */
export function loadPrefixLayer(model: Model, saved: SavedValues): PrefixAdapter {
  const { length } = saved.config, modulesToSave = savedModulesOf(saved.config);
  if (typeof length !== "number") {
    throw new RangeError(`length must be a number of virtual tokens, found ${quote(length)}`);
  }
  return new PrefixAdapter(model, { kind: "prefix-layer", length, modulesToSave }, saved);
}

const kinds: Readonly<Record<PromptType, PrefixKind>> = {
  PROMPT_TUNING: "prefix-embedding",
  PREFIX_TUNING: "prefix-tuning",
};

/**
 * Virtual tokens from a folder of PEFT's. Of prefix tuning with a projection PEFT saves the keys and values that were
 * projected, which are trained on as they are.
 */
export function loadPrompt(model: Model, saved: SavedValues): PrefixAdapter {
  const found = parsePromptConfig(saved.config), { tokens: length } = found;
  const kind = kinds[found.type];
  assertTakes(model, kind, length);
  const own = promptConfigOf(kind, length, model.blockShape);
  const fields = {
    num_layers: "layers",
    token_dim: "width",
    num_attention_heads: "heads",
  } as const;
  for (const [field, name] of Object.entries(fields)) {
    if (own[name] === found[name]) continue;
    throw new RangeError(`${field} must be the model's ${own[name]}, found ${found[name]}`);
  }
  const tensors = new Map(
    Array.from(saved.tensors, ([name, values]) => [nameOf(name), values] as const),
  );
  // PEFT names the heads of all classifiers, of which a model has one.
  const modulesToSave = found.savedModules
    .filter((module) => [...tensors.keys()].some((name) => isWithin(name, module)));
  return new PrefixAdapter(model, { kind, length, modulesToSave }, { ...saved, tensors });
}

const nameOf = (name: string): string =>
  name.startsWith(promptPrefix) ? name.slice(promptPrefix.length) : name;
