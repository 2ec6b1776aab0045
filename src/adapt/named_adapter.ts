/** Adapters of named tensors, which are saved under their names: all methods but LoRA. @module */

import type { Parameter } from "../autograd/parameter.ts";
import type { PromptFormat } from "../core/batch.ts";
import { isRecord, isText } from "../core/checks.ts";
import { AdapterFileError, oneLine, quote } from "../core/errors.ts";
import { isWithin } from "../core/module_names.ts";
import { formatShape, type HostTensor, sameShape } from "../core/tensor.ts";
import type { TrainedKind } from "../core/trained_kind.ts";
import type { ArenaEntry } from "../device/arena.ts";
import type { Tensor } from "../device/device.ts";
import { type AdapterFolder, openAdapterFolder } from "../formats/peft/adapter_folder.ts";
import { configFile, peftWeights } from "../formats/peft/keys.ts";
import { parsePromptFormat } from "../formats/peft/metadata.ts";
import type { AdapterContent } from "../formats/peft/write.ts";
import { realDtypes } from "../formats/safetensors/header.ts";
import type { SafetensorsFile } from "../formats/safetensors/read.ts";
import { methodOfConfig } from "../methods/mod.ts";
import type { Model } from "../models/model.ts";
import type { Folder } from "../storage/storage.ts";
import type { JoinOptions, SaveAdapterOptions } from "./adapter.ts";
import { MethodAdapter, type MethodParts } from "./method_adapter.ts";
import { inFileOrder, TrainedModules } from "./trained_modules.ts";

/** A method's settings, as `adapter_config.json` has them. */
export type MethodConfig = Readonly<Record<string, unknown>>;

/** Content of an adapter's folder. */
export interface SavedValues {
  /** `adapter_config.json`. */
  readonly config: MethodConfig;
  /** Its tensors by name. */
  readonly tensors: ReadonlyMap<string, HostTensor>;
  /** Format of the prompts in its training, if the file records it. */
  readonly promptFormat?: PromptFormat;
}

/**
 * Reads a folder of named tensors, which it closes if it is open.
 *
 * @throws {AdapterFileError} when the weights are in another format than safetensors.
 * @throws {SyntaxError} when a file is broken.
 * @throws {RangeError} when a value is not finite.
 */
export async function readValues(folder: Folder | AdapterFolder): Promise<SavedValues> {
  using open = openAdapterFolder(folder);
  const config = await open.config();
  if (!isRecord(config)) {
    throw new AdapterFileError(`${configFile} must be an object, found ${quote(config)}`);
  }
  const file = await open.weights(), tensors = await readFloats(file);
  return { config, tensors, promptFormat: parsePromptFormat(file.metadata) };
}

/**
 * Reads all tensors of a file.
 *
 * @throws {RangeError} when one is not stored as floats, or a value is not finite.
 */
export async function readFloats(file: SafetensorsFile): Promise<Map<string, HostTensor>> {
  const tensors = new Map<string, HostTensor>();
  for (const [name, { dtype }] of file.tensors) {
    if (!realDtypes.includes(dtype)) {
      throw new RangeError(`${oneLine(name)} must be F32, F16, BF16 or F64, found ${dtype}`);
    }
    tensors.set(name, await file.read(name));
  }
  return tensors;
}

/** The names in a configuration of the modules that are trained in full beside the adapter. */
export function savedModulesOf({ modules_to_save: names = [] }: MethodConfig): string[] {
  if (Array.isArray(names) && names.every(isText)) return names;
  throw new RangeError(`modules_to_save must be a list of names, found ${quote(names)}`);
}

/**
 * Throws unless a file has exactly the tensors of an adapter, before any of them is allocated.
 *
 * @throws {RangeError} when it lacks one, has another, or one has another shape.
 */
function assertSaved(
  { parameters, outerLayers = [] }: Model,
  entries: readonly ArenaEntry[],
  copied: readonly string[],
  { tensors }: SavedValues,
): void {
  const own = [...parameters.values()]
    .filter(({ name }) => copied.some((one) => isWithin(name, one)));
  const needed = new Map([...entries, ...own].map(({ name, shape }) => [name, shape]));
  for (const { name, weight } of outerLayers) { // A tied head gets a weight of its own.
    if (copied.includes(name)) needed.set(`${name}.weight`, weight.shape);
  }
  for (const name of new Set([...needed.keys(), ...tensors.keys()])) {
    const shape = needed.get(name), found = tensors.get(name);
    if (shape && found && sameShape(shape, found.shape)) continue;
    throw new RangeError(
      `${oneLine(name)} must be ${shape ? formatShape(shape) : "absent"}, found ${
        found ? formatShape(found.shape) : "none"
      }`,
    );
  }
}

/** Options that every method has besides its own. */
export interface MethodAdapterOptions extends JoinOptions {
  /**
   * Modules of the model that are trained in full beside it, by names or name endings, and saved with it:
   * `["score"]`, the head of a classifier. Default: none.
   */
  readonly modulesToSave?: readonly string[];
}

/** Parts of an adapter of named tensors. */
export interface NamedParts extends Pick<MethodParts, "entries" | "build"> {
  /** Parameters of the model of which it trains copies, by the names of these or of their modules. */
  readonly copied?: readonly string[];
  /** The values that it has in a file; they must be exactly its own. */
  readonly saved?: SavedValues;
}

/** An adapter of named tensors, which are saved under their names, and of copies of some of the model's parameters. */
export abstract class NamedAdapter extends MethodAdapter {
  /** The parameters of the model of which it trains copies, or none. */
  readonly modules: TrainedModules;

  /** Allocates the tensors, freezes the model and attaches what `build` gives to its layers. */
  constructor(model: Model, { entries, copied = [], build, saved: file }: NamedParts) {
    const saved = file && { ...file, tensors: inFileOrder(model, file.tensors) };
    if (saved) assertSaved(model, entries, copied, saved);
    using unfinished = new DisposableStack();
    const modules = unfinished.use(new TrainedModules(model, copied));
    super(model, {
      entries,
      modelParts: [modules],
      trained: modules.parameters,
      build: (own) => {
        const attachments = build(own);
        if (saved) writeSaved(model, own, modules, saved.tensors);
        return attachments;
      },
    });
    this.modules = modules;
    unfinished.move();
  }

  /** Kind of its values, which decides the usual learning rate; undefined beside modules that are trained in full. */
  get trains(): TrainedKind | undefined {
    if (this.modules.parameters.length > 0) return undefined;
    return methodOfConfig(this.config)?.trains;
  }

  /** The name of the file of its weights in a folder. */
  get weightsFile(): string {
    return peftWeights;
  }

  /** The method and its settings, for `adapter_config.json`. */
  protected abstract readonly config: MethodConfig;

  /** Trained tensors, by their names in a file. */
  protected tensors(): readonly (readonly [name: string, tensor: Tensor])[] {
    const own = this.own.map(({ name, tensor }) => [name, tensor] as const);
    const copies = this.modules.parameters.map(({ name }) => name);
    return [...own, ...copies.map((name) => [name, this.modules.copyOf(name)] as const)];
  }

  /** Its settings, and its tensors under their names. */
  protected override async content(
    _folder: Folder,
    options: SaveAdapterOptions,
  ): Promise<AdapterContent> {
    const { namedContent } = await import("./save.ts");
    const { model, config, promptFormat, weightsFile } = this, named = this.tensors();
    const values = await model.device.read(...named.map(([, tensor]) => tensor));
    const tensors = inFileOrder(model, new Map(named.map(([name], i) => [name, values[i]])));
    const trained = this.parameters.reduce((sum, { size }) => sum + size, 0);
    const withModules = this.modules.parameters.length > 0;
    const saved = { model, promptFormat, config, tensors, trained, withModules };
    return { ...namedContent(saved, options), weightsFile };
  }
}

/** Writes the values of a file, which has an adapter's own and those of the copies. */
function writeSaved(
  { device }: Model,
  own: readonly Parameter[],
  modules: TrainedModules,
  tensors: SavedValues["tensors"],
): void {
  const named = new Map(own.map(({ name, tensor }) => [name, tensor]));
  for (const [name, tensor] of named) device.write(tensor, tensors.get(name)!.data);
  modules.write(new Map([...tensors].filter(([name]) => !named.has(name))));
}
