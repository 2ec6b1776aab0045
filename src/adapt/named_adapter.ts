/** What the adapters of all methods but LoRA have in common: named tensors, saved under their names. @module */

import { Parameter } from "../autograd/parameter.ts";
import type { PromptFormat } from "../core/batch.ts";
import { assertOptions, isRecord, isText } from "../core/checks.ts";
import { AdapterFileError, oneLine, quote } from "../core/errors.ts";
import { isWithin, listNames } from "../core/module_names.ts";
import { formatShape, type HostTensor, sameShape } from "../core/tensor.ts";
import { Arena, type ArenaEntry } from "../device/arena.ts";
import type { Tensor } from "../device/device.ts";
import { assertNoOtherKind } from "../formats/folder_kind.ts";
import { adapterFile, quantizedBaseMetadata } from "../formats/peft/base_metadata.ts";
import {
  cardText,
  inCode,
  pythonSnippet,
  type TaskFacts,
  taskLines,
} from "../formats/peft/card.ts";
import { labelsMetadata, parsePromptFormat, promptMetadata } from "../formats/peft/metadata.ts";
import { openWeights, peftWeights, tensorPrefix } from "../formats/peft/read.ts";
import { cardFile, saveAdapterFolder } from "../formats/peft/write.ts";
import type { Json } from "../formats/safetensors/header.ts";
import type { SafetensorsFile } from "../formats/safetensors/read.ts";
import { safetensorsFile } from "../formats/safetensors/write.ts";
import type { CardWords } from "../methods/method.ts";
import { methodOfConfig } from "../methods/mod.ts";
import { labelsOf } from "../models/labels.ts";
import { reorient } from "../models/layers.ts";
import type { AdapterValues, Model } from "../models/model.ts";
import { TextModel } from "../models/text_model.ts";
import { jsonText, readJson } from "../storage/files.ts";
import type { FolderFile } from "../storage/folder.ts";
import { fileIn, type Folder, pathIn } from "../storage/storage.ts";
import {
  type Adapter,
  attach,
  type Attachment,
  baseNameOf,
  type JoinOptions,
  quantizedBaseOf,
  type SaveAdapterOptions,
  saveNames,
  type WeightChange,
} from "./adapter.ts";
import { TrainedModules } from "./trained_modules.ts";

/**
 * Turns the matrices that a model's files, and so PEFT's adapters, hold as (in, out): the weights of GPT-2's Conv1D
 * layers. It is its own inverse; names may have PEFT's prefix.
 */
export function inFileOrder(
  { architecture }: Model,
  tensors: ReadonlyMap<string, HostTensor>,
): Map<string, HostTensor> {
  const specs = new Map(architecture?.tensors.map((spec) => [spec.name, spec]));
  return new Map(
    Array.from(tensors, ([name, values]) => {
      const spec = specs.get(
        name.startsWith(tensorPrefix) ? name.slice(tensorPrefix.length) : name,
      );
      return [name, spec && values.shape.length === 2 ? reorient(spec, values) : values] as const;
    }),
  );
}

/** Words for a method that is not ours. */
const unknown: CardWords = {
  ...{ title: "Adapter", tag: "adapter", what: "An addition to a base model." },
};

/** What is known of an adapter beside its configuration. */
export interface CardFacts extends TaskFacts {
  /** Name or path of the base model. */
  readonly baseModelName?: string;
  /** How many values were trained. */
  readonly trained: number;
}

/** The card's text: what the adapter is, how many values it trains, and how to load it. */
export function methodCard(config: Json, facts: CardFacts): string {
  const { baseModelName, trained, labels } = facts,
    { card = unknown } = methodOfConfig(config) ?? {};
  const { title, library, tag, what, settings = {} } = card;
  return cardText({
    ...{ title, library, baseModelName, tags: [tag], about: what },
    facts: [
      ...Object.entries(settings).flatMap(([name, field]) => settingLine(name, config[field])),
      `Parameters: ${trained.toLocaleString("en")}`,
      ...taskLines(facts),
    ],
    python: pythonFor(card, config, facts),
    typescript: `import { loadAnyAdapter } from "@lowrank/core/adapt";
import { loadModel, openDevice } from "@lowrank/core";

using device = await openDevice();
using model = await loadModel(device, ${JSON.stringify(baseModelName ?? "the base model")}${
      labels ? `, { labels: ${JSON.stringify(labels)} }` : ""
    });
using adapter = await loadAnyAdapter(model, "this folder");`,
  });
}

/** `Rank: 256`; nothing for what is neither a number nor a list of names. */
function settingLine(name: string, value: unknown): string[] {
  if (typeof value === "number") return [`${name}: ${value}`];
  if (!Array.isArray(value) || !value.every(isText)) return [];
  return [`${name}: ${value.length}, ${inCode(listNames(value))}`];
}

/** The lines of Python, where a library reads the folder. */
function pythonFor(card: CardWords, config: Json, facts: CardFacts): string | undefined {
  if (card.python !== undefined) return card.python;
  if (!isText(config.peft_type) || card.isWithoutLabels && facts.labels) return undefined;
  const taskType = isText(config.task_type) ? config.task_type : null;
  return pythonSnippet({ ...facts, taskType, hasVirtualTokens: "num_virtual_tokens" in config });
}

/** A method's settings, as `adapter_config.json` has them. */
export type MethodConfig = Readonly<Record<string, unknown>>;

/** What a folder of an adapter holds. */
export interface SavedValues {
  /** `adapter_config.json`. */
  readonly config: MethodConfig;
  /** Its tensors by name. */
  readonly tensors: ReadonlyMap<string, HostTensor>;
  /** How the prompts of its training were written, if the file says so. */
  readonly promptFormat?: PromptFormat;
}

/** What is saved of an adapter besides its tensors. */
interface Saved {
  readonly model: Model;
  readonly promptFormat?: PromptFormat;
  readonly modules: { readonly parameters: readonly unknown[] };
  readonly parameters: readonly { readonly size: number }[];
  readonly weightsFile: string;
}

/**
 * The file of the weights, a card, then the method's settings in `adapter_config.json`.
 *
 * @throws {RangeError} when a value is not finite in the file's dtype.
 */
async function valueFiles(
  folder: string,
  { model, promptFormat, modules, parameters, weightsFile }: Saved,
  config: MethodConfig,
  values: readonly (readonly [name: string, tensor: Tensor])[],
  options: SaveAdapterOptions,
): Promise<FolderFile[]> {
  assertOptions("save", options, saveNames);
  const { baseModelName, dtype = "F32" } = options;
  const data = await model.device.read(...values.map(([, tensor]) => tensor));
  const entries = inFileOrder(model, new Map(values.map(([name], i) => [name, data[i]] as const)));
  const labels = model instanceof TextModel && modules.parameters.length > 0
    ? labelsOf(model)
    : undefined;
  const metadata = {
    format: "pt",
    ...promptMetadata(promptFormat),
    ...labelsMetadata(labels),
    ...quantizedBaseMetadata(quantizedBaseOf(model)),
  };
  const base = { base_model_name_or_path: baseModelName ?? null };
  const trained = parameters.reduce((sum, { size }) => sum + size, 0);
  const { modules_to_save: saved } = config,
    full = Array.isArray(saved) ? saved.filter(isText) : [];
  const card = { baseModelName, trained, labels, full, promptFormat, dtype };
  return [
    safetensorsFile(pathIn(folder, weightsFile), entries, { dtype, metadata }),
    ...await cardFile(folder, methodCard(config, card)),
    { name: "adapter_config.json", content: jsonText({ ...config, ...base }) },
  ];
}

/**
 * Reads a folder of {@link valueFiles}.
 *
 * @throws {AdapterFileError} when the weights are in another format than safetensors.
 * @throws {SyntaxError} when a file is broken.
 * @throws {RangeError} when a value is not finite.
 */
export async function readValues(folder: Folder): Promise<SavedValues> {
  const config = await readJson(fileIn(folder, "adapter_config.json"));
  if (!isRecord(config)) {
    throw new AdapterFileError(`adapter_config.json must be an object, found ${quote(config)}`);
  }
  using file = await openWeights(folder, {});
  const tensors = await readFloats(file);
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
    if (!["F32", "F16", "BF16", "F64"].includes(dtype)) {
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
