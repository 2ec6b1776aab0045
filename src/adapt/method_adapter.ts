/** Base class of adapters of all methods: their tensors, being on a model, and saving. @module */

import { Parameter } from "../autograd/parameter.ts";
import type { PromptFormat } from "../core/batch.ts";
import { assertOptions } from "../core/checks.ts";
import { Arena, type ArenaEntry } from "../device/arena.ts";
import type { AdapterContent } from "../formats/peft/write.ts";
import type { AdapterValues, Model } from "../models/model.ts";
import type { FolderFile } from "../storage/folder.ts";
import type { Folder } from "../storage/storage.ts";
import {
  type Adapter,
  attach,
  type Attachment,
  type SaveAdapterOptions,
  saveNames,
  type WeightChange,
} from "./adapter.ts";

/** Parameters of the model itself in place of which an adapter puts its own. */
export interface ModelPart extends Disposable {
  /** Puts them in place, until the returned function is called. */
  put(): () => void;
  /** Changes that merging makes to them. */
  weightChanges(): readonly WeightChange[];
}

/** Parts of an adapter of a method. */
export interface MethodParts {
  /** Its own tensors, which begin as zero. */
  readonly entries: readonly ArenaEntry[];
  /** Label of these tensors where memory is listed. Default `adapter`. */
  readonly label?: string;
  /**
   * Parts that it puts in the place of the model's own; it frees them when it is disposed. Default:
   * none.
   */
  readonly modelParts?: readonly ModelPart[];
  /** Parameters of these that it trains. */
  readonly trained?: readonly Parameter[];
  /** Builds its attachments to the model's layers from its tensors in their order. */
  readonly build: (own: readonly Parameter[]) => readonly Attachment[];
}

/**
 * An adapter of any method: its arena, its place on a model, saving and removal. What writes its folder is loaded when
 * it is saved.
 */
export abstract class MethodAdapter implements Adapter {
  /** The model that it was made for. */
  readonly model: Model;
  /** By what its values are recognized in a merged model; others after each step of a training. */
  values: AdapterValues = {};
  /** Format of the prompts in its training, if it was trained on any; saved with it. */
  promptFormat?: PromptFormat;
  /** Parameters that it adds to the model, in the order of its tensors. */
  protected readonly own: readonly Parameter[];
  /** Parts that it puts in the place of the model's own. */
  protected readonly modelParts: readonly ModelPart[];
  /** The parameters that it trains in the place of the model's. */
  protected readonly trained: readonly Parameter[];
  readonly #attachments: readonly Attachment[];
  readonly #arena: Arena;
  #detach: () => void = () => {};

  /** Allocates the tensors, freezes the model and attaches what `build` gives to its layers. */
  constructor(
    model: Model,
    { entries, label = "adapter", modelParts = [], trained = [], build }: MethodParts,
  ) {
    using unfinished = new DisposableStack();
    this.model = model;
    this.modelParts = modelParts;
    this.trained = trained;
    this.#arena = unfinished.use(new Arena(model.device, entries, "adapter", label));
    this.own = entries.map(({ name }) => new Parameter(name, this.#arena.view(name)));
    this.#attachments = build(this.own);
    this.putOn();
    unfinished.move();
  }

  /**
   * Parameters that it adds to the model, then those that it trains in the place of the model's
   * own.
   */
  get parameters(): readonly Parameter[] {
    return [...this.own, ...this.trained];
  }

  /**
   * Saves the adapter in its method's file format, as a whole: after a crash at any time, a reader finds the
   * old adapter, the new one, or no `adapter_config.json` and so an error.
   *
   * @throws {RangeError} when a value is not finite in the file's dtype; nothing is written.
   * @throws {Error} when a file cannot be written; the message says what a reader finds.
   */
  async save(folder: string, options: SaveAdapterOptions = {}): Promise<void> {
    assertOptions("save", options, saveNames);
    const { saveAdapter } = await import("../formats/peft/write.ts");
    const { adapterFile } = await import("../formats/peft/base_metadata.ts");
    await saveAdapter(folder, () => this.files(folder, options));
    this.values.file = await adapterFile(folder);
  }

  /**
   * The files that {@link MethodAdapter.save} writes to a folder, the configuration last.
   *
   * @param folder The folder to be written; `[]` is memory.
   * @throws {RangeError} when a value is not finite in the file's dtype.
   */
  async files(folder: Folder, options: SaveAdapterOptions = {}): Promise<readonly FolderFile[]> {
    assertOptions("save", options, saveNames);
    const { folderFiles } = await import("../formats/peft/write.ts");
    return await folderFiles(folder, await this.content(folder, options));
  }

  /** Reads its values, and says what its folder holds. */
  protected abstract content(folder: Folder, options: SaveAdapterOptions): Promise<AdapterContent>;

  /**
   * Changes that `merge` makes to the model's tensors.
   *
   * @throws {RangeError} when the method does not change weights and so cannot be merged.
   */
  abstract weightChanges(): readonly WeightChange[];

  /** Takes the adapter off the model, which computes what it did before, bit for bit; a second call does nothing. */
  remove(): void {
    this.takeOff();
  }

  /** Removes the adapter and frees its tensors; a second call does nothing. */
  [Symbol.dispose](): void {
    this.remove();
    for (const part of this.modelParts) part[Symbol.dispose]();
    this.#arena[Symbol.dispose]();
  }

  /** Puts it on the model, whose other parameters are frozen. */
  protected putOn(): void {
    const giveBack = this.modelParts.map((part) => part.put());
    const detach = attach(this.model, this, this.#attachments, this.trained);
    this.#detach = () => {
      for (const give of giveBack) give();
      detach();
    };
  }

  /** Takes it off the model; a second call does nothing. */
  protected takeOff(): void {
    this.#detach();
  }
}
