/** What the adapters of all methods but LoRA have in common: named tensors, saved under their names. @module */

import { Parameter } from "../autograd/parameter.ts";
import type { PromptFormat } from "../core/prompt_format.ts";
import type { FolderFile } from "../core/save_folder.ts";
import { Arena, type ArenaEntry } from "../device/arena.ts";
import type { Tensor } from "../device/device.ts";
import { peftWeights } from "../formats/adapter_weights.ts";
import { assertNoOtherKind } from "../formats/folder_kind.ts";
import { adapterFile } from "../formats/merged_metadata.ts";
import { saveAdapterFolder } from "../formats/save_adapter_folder.ts";
import type { AdapterValues, Model } from "../models/model.ts";
import { type Adapter, baseNameOf, type SaveAdapterOptions, type WeightChange } from "./adapter.ts";
import { attach, type Attachment, type JoinOptions } from "./attach.ts";
import { inFileOrder } from "./file_order.ts";
import { assertSaved, type MethodConfig, type SavedValues, valueFiles } from "./saved_values.ts";
import { TrainedModules } from "./trained_modules.ts";

/** What every method may do beside its own change to the model. */
export interface MethodAdapterOptions extends JoinOptions {
  /**
   * Modules of the model that are trained in full beside it, by names or name endings, and saved with it:
   * `["score"]`, the head of a classifier. Default: none.
   */
  readonly modulesToSave?: readonly string[];
}

/** What an adapter of a method is made of. */
export interface MethodParts {
  /** Its own tensors, which begin as zero. */
  readonly entries: readonly ArenaEntry[];
  /** Parameters of the model of which it trains copies, by the names of these or of their modules. */
  readonly copied?: readonly string[];
  /** What it puts on the model's layers, given its tensors in their order. */
  readonly build: (own: readonly Parameter[]) => readonly Attachment[];
  /** The values that it has in a file; they must be exactly its own. */
  readonly saved?: SavedValues;
}

/** An adapter of named tensors: its arena, copies of some of the model's parameters, saving and removal. */
export abstract class MethodAdapter implements Adapter {
  /** The model that it was made for. */
  readonly model: Model;
  /** The parameters of the model of which it trains copies, or none. */
  readonly modules: TrainedModules;
  /** By what its values are recognized in a merged model; others after each step of a training. */
  values: AdapterValues = {};
  /** How the prompts of its training were written, if it was trained on any. */
  promptFormat?: PromptFormat;
  /** What it adds to the model, in the order of the forward pass. */
  protected readonly own: readonly Parameter[];
  readonly #arena: Arena;
  readonly #remove: () => void;

  /** Allocates the tensors, freezes the model and attaches what `build` gives to its layers. */
  constructor(model: Model, { entries, copied = [], build, saved: file }: MethodParts) {
    const saved = file && { ...file, tensors: inFileOrder(model, file.tensors) };
    if (saved) assertSaved(model, entries, copied, saved);
    using unfinished = new DisposableStack();
    this.model = model;
    this.modules = unfinished.use(new TrainedModules(model, copied));
    this.#arena = unfinished.use(new Arena(model.device, entries, "adapter", "adapter"));
    this.own = entries.map(({ name }) => new Parameter(name, this.#arena.view(name)));
    const attachments = build(this.own);
    if (saved) this.#write(saved.tensors);
    const giveBack = this.modules.put();
    const detach = attach(model, this, attachments, this.modules.parameters);
    this.#remove = () => {
      giveBack();
      detach();
    };
    unfinished.move();
  }

  /** The name of the file of its weights in a folder. */
  get weightsFile(): string {
    return peftWeights;
  }

  /** The method and its settings, for `adapter_config.json`. */
  protected abstract readonly config: MethodConfig;

  /** What it adds to the model, then the copies of the model's own parameters. */
  get parameters(): readonly Parameter[] {
    return [...this.own, ...this.modules.parameters];
  }

  /**
   * Saves the values under their names, as a whole: after a crash at any time, a reader finds the old
   * adapter, the new one, or no `adapter_config.json` and so an error.
   *
   * @throws {RangeError} when a value is not finite in the file's dtype; nothing is written.
   * @throws {Error} when a file cannot be written; the message says what a reader finds.
   */
  async save(folder: string, options: SaveAdapterOptions = {}): Promise<void> {
    await assertNoOtherKind(folder, "adapter");
    await saveAdapterFolder(folder, await this.files(folder, options));
    this.values.file = await adapterFile(folder);
  }

  /**
   * The files that {@link MethodAdapter.save} writes to a folder, the configuration last.
   *
   * @throws {RangeError} when a value is not finite in the file's dtype.
   */
  async files(folder: string, options: SaveAdapterOptions = {}): Promise<readonly FolderFile[]> {
    const base = { baseModelName: baseNameOf(this.model), ...options };
    return await valueFiles(folder, this, this.config, this.tensors(), base);
  }

  /** What is trained, by its names in a file. */
  protected tensors(): readonly (readonly [name: string, tensor: Tensor])[] {
    const own = this.own.map(({ name, tensor }) => [name, tensor] as const);
    const copies = this.modules.parameters.map(({ name }) => name);
    return [...own, ...copies.map((name) => [name, this.modules.copyOf(name)] as const)];
  }

  /**
   * What `merge` does to the model's tensors.
   *
   * @throws {RangeError} when the method does not change weights and so cannot be merged.
   */
  abstract weightChanges(): readonly WeightChange[];

  /** Takes the adapter off the model, which computes what it did before, bit for bit; a second call does nothing. */
  remove(): void {
    this.#remove();
  }

  /** Removes the adapter and frees its tensors. */
  [Symbol.dispose](): void {
    this.remove();
    this.modules[Symbol.dispose]();
    this.#arena[Symbol.dispose]();
  }

  /** Of a file, which has its own values and those of the copies. */
  #write(tensors: SavedValues["tensors"]): void {
    const own = new Map(this.own.map(({ name, tensor }) => [name, tensor]));
    for (const [name, tensor] of own) this.model.device.write(tensor, tensors.get(name)!.data);
    this.modules.write(new Map([...tensors].filter(([name]) => !own.has(name))));
  }
}
