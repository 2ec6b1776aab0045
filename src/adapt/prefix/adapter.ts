/** Virtual tokens on a model as an adapter. @module */

import { Parameter } from "../../autograd/parameter.ts";
import { howMany } from "../../core/how_many.ts";
import type { PromptFormat } from "../../core/prompt_format.ts";
import { Arena } from "../../device/arena.ts";
import { adapterFile } from "../../formats/merged_metadata.ts";
import type { AdapterValues, Model } from "../../models/model.ts";
import { TextModel } from "../../models/text_model.ts";
import type { VirtualTokens } from "../../nn/virtual_tokens.ts";
import type { Adapter, SaveAdapterOptions, WeightChange } from "../adapter.ts";
import { attach } from "../attach.ts";
import { TrainedModules } from "../trained_modules.ts";
import { savePrefix } from "./save.ts";
import { type PrefixKind, prefixMethods } from "./virtual.ts";

/** What a prefix is made of. */
export interface PrefixParts {
  /** The method. */
  readonly kind: PrefixKind;
  /** Number of virtual tokens, l_p. */
  readonly length: number;
  /** Modules that are trained in full, by name: see `injectPrefixEmbedding`. */
  readonly modulesToSave?: readonly string[];
}

/**
 * Trained virtual tokens before every sequence, in force until {@link PrefixAdapter.remove}; made by
 * `injectPrefixEmbedding`, `injectPrefixLayer`, `injectPrefixTuning` and `loadPrefix`.
 *
 * A model has one such adapter at a time, beside others that change its weights or activations.
 */
export class PrefixAdapter implements Adapter {
  /** The model that it was made for. */
  readonly model: TextModel;
  /** The method. */
  readonly kind: PrefixKind;
  /** The virtual tokens. */
  readonly virtual: VirtualTokens;
  /** The modules that it trains in full: a classifier's head, or none. */
  readonly modules: TrainedModules;
  /** How the prompts of its training were written, if it was trained on any; saved with it. */
  promptFormat?: PromptFormat;
  /** By what its values are recognized; others after each step of a training. */
  values: AdapterValues = {};
  /** The names by which the modules were chosen. */
  readonly modulesToSave: readonly string[];
  readonly #arena: Arena;
  #detach: (() => void) | undefined;

  /**
   * Allocates the tensors, freezes the model and puts the virtual tokens before its sequences.
   *
   * @param fill Gives the tensors and the modules their values, before they are in force.
   * @throws {RangeError} when the model cannot have the virtual tokens, or has some.
   */
  constructor(
    model: Model,
    { kind, length, modulesToSave = [] }: PrefixParts,
    fill: (made: Pick<PrefixAdapter, "model" | "virtual" | "modules">) => void,
  ) {
    assertTakes(model, kind, length);
    using unfinished = new DisposableStack();
    const { entries, make } = prefixMethods[kind], tensors = entries(length, model.blockShape);
    this.#arena = unfinished.use(new Arena(model.device, tensors, "adapter", "virtual tokens"));
    const named = tensors.map(({ name }) => new Parameter(name, this.#arena.view(name)));
    this.modules = unfinished.use(new TrainedModules(model, modulesToSave));
    this.model = model;
    this.modulesToSave = modulesToSave;
    this.kind = kind;
    this.virtual = make(length, named);
    fill(this);
    this.#detach = this.#attach();
    unfinished.move();
  }

  /** What is trained of the virtual tokens, then the modules in full. */
  get parameters(): readonly Parameter[] {
    return [...this.virtual.parameters, ...this.modules.parameters];
  }

  /** Number of virtual tokens. */
  get length(): number {
    return this.virtual.count;
  }

  /**
   * Saves a folder, as a whole: PEFT's of prompt tuning or of prefix tuning; one of our own for a prefix-layer
   * adapter, which PEFT does not have. After a crash at any time, a reader finds the old adapter, the new one, or no
   * `adapter_config.json` and so an error.
   *
   * @throws {RangeError} when a value is not finite in the file's dtype; nothing is written.
   * @throws {Error} when a file cannot be written; the message says what a reader finds.
   */
  async save(folder: string, options: SaveAdapterOptions = {}): Promise<void> {
    await savePrefix(folder, this, options);
    this.values.file = await adapterFile(folder);
  }

  /**
   * Always throws: there is no weight that a virtual token could be added to.
   *
   * @throws {RangeError} always.
   */
  weightChanges(): readonly WeightChange[] {
    throw new RangeError(
      "merging needs an adapter that changes weights, found " +
        `${howMany(this.length, "virtual token")}, which stand before every sequence`,
    );
  }

  /** Takes the virtual tokens off the model, and gives it its own modules back. */
  remove(): void {
    this.#detach?.();
    this.#detach = undefined;
  }

  /** Removes the adapter and frees its tensors; a second call does nothing. */
  [Symbol.dispose](): void {
    this.remove();
    this.modules[Symbol.dispose]();
    this.#arena[Symbol.dispose]();
  }

  #attach(): () => void {
    const { model, modules } = this, giveBack = modules.put();
    const detach = attach(model, this, [], modules.parameters);
    model.virtualTokens = this.virtual;
    return () => {
      model.virtualTokens = undefined;
      giveBack();
      detach();
    };
  }
}

/** Throws unless a model can have virtual tokens of a kind. */
function assertTakes(model: Model, kind: PrefixKind, length: number): asserts model is TextModel {
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
  if (!(Number.isInteger(length) && length >= 1 && length < positions)) {
    throw new RangeError(
      `${kind} needs a length of 1 to ${
        positions - 1
      } virtual tokens, as a sequence of the model ` +
        `has at most ${positions} in all, found ${length}`,
    );
  }
  if (kind !== "prefix-tuning" || blockShape.keys) return;
  throw new RangeError(
    `${kind} needs attention that takes a token's key and value alone, found ${description}, whose attention ` +
      "depends on distances too: use prefix-embedding or prefix-layer",
  );
}
