/** Virtual tokens on a model as an adapter. @module */

import { assertPrefixLength } from "../../architectures/positions.ts";
import { howMany } from "../../core/how_many.ts";
import type { Tensor } from "../../device/device.ts";
import { promptPrefix } from "../../formats/adapter_weights.ts";
import { type PromptConfig, promptConfigJson } from "../../formats/mod.ts";
import type { Model } from "../../models/model.ts";
import { TextModel } from "../../models/text_model.ts";
import type { BlockShape, VirtualTokens } from "../../nn/virtual_tokens.ts";
import type { WeightChange } from "../adapter.ts";
import { MethodAdapter } from "../method_adapter.ts";
import type { MethodConfig, SavedValues } from "../saved_values.ts";
import { startFromWords } from "./start.ts";
import { type PrefixKind, prefixMethods } from "./virtual.ts";

/** What a prefix is made of. */
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
export class PrefixAdapter extends MethodAdapter {
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

  /** What is trained, by its names in a file. */
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

/** What PEFT says of the virtual tokens of a method on a model. */
export function promptConfigOf(
  kind: PrefixKind,
  tokens: number,
  { count: layers, width, heads, keys }: BlockShape,
): Omit<PromptConfig, "savedModules"> {
  return kind === "prefix-tuning"
    ? { type: "PREFIX_TUNING", tokens, layers, ...keys! }
    : { type: "PROMPT_TUNING", tokens, layers, width, heads };
}

/**
 * Throws unless a model can have virtual tokens of a kind.
 *
 * @throws {RangeError} then.
 */
export function assertTakes(
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
