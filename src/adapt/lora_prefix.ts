/** LoRA joined with virtual tokens (Hu et al. 2021, appendix E: LoRA+PE and LoRA+PL). @module */

import type { Parameter } from "../autograd/parameter.ts";
import type { PromptFormat } from "../core/batch.ts";
import { assertOptions, isRecord, isText } from "../core/checks.ts";
import { quote } from "../core/errors.ts";
import { moduleOf } from "../core/module_names.ts";
import { configFile, joinedFiles, peftWeights } from "../formats/peft/keys.ts";
import type { AdapterValues, Model } from "../models/model.ts";
import { jsonText, readBytes, readJson } from "../storage/files.ts";
import type { FolderFile } from "../storage/folder.ts";
import { fileIn, type Folder } from "../storage/storage.ts";
import {
  type Adapter,
  assertFree,
  type JoinOptions,
  type SaveAdapterOptions,
  saveNames,
  type WeightChange,
} from "./adapter.ts";
import { LoraAdapter } from "./lora/adapter.ts";
import { injectLora, type LoraOptions } from "./lora/inject.ts";
import { injectPrefixEmbedding, injectPrefixLayer, PrefixAdapter } from "./virtual_tokens.ts";

const injectors = {
  "prefix-embedding": injectPrefixEmbedding,
  "prefix-layer": injectPrefixLayer,
} as const;

/** The names of the two in folders. */
const joinedMethods: readonly string[] = Object.keys(injectors).map((kind) => `lora+${kind}`);

/** Settings of the updates and the virtual tokens; the seed is that of both. */
export interface LoraPrefixOptions extends LoraOptions {
  /** Kind of virtual tokens: their embeddings (LoRA+PE), or inputs of every block (LoRA+PL). */
  readonly prefix: "prefix-embedding" | "prefix-layer";
  /** Number of virtual tokens, l_p. */
  readonly length: number;
}

/** The files of the two parts in a folder, by their names in a folder of their own. */
const parts = [
  { [peftWeights]: peftWeights, [configFile]: joinedFiles.lora },
  { [peftWeights]: joinedFiles.prefixWeights, [configFile]: joinedFiles.prefix },
] as const;

/**
 * LoRA and virtual tokens, which are trained, saved and removed together; as with virtual tokens alone, step zero is
 * not the base model. Trained are r · (in + rows) values for each site, and l_p · d more (LoRA+PE) or L · l_p · d
 * (LoRA+PL) in a model of L blocks of width d.
 *
 * @throws {TypeError} when an option does not exist.
 * @throws {RangeError} when `prefix` is none of its values, or as `injectLora`, `injectPrefixEmbedding` and
 * `injectPrefixLayer`.
 *
 * @example
 * ```ts
 * import { injectLoraPrefix } from "@lowrank/core/adapt";
 * import { initGpt2, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using adapter = injectLoraPrefix(model, { prefix: "prefix-layer", length: 2, rank: 1, seed: 1 });
 * console.log(adapter.parameters.reduce((sum, { size }) => sum + size, 0)); // 2 · (8 + 8) + 2 · 8 = 48
 * ```
 */
export function injectLoraPrefix(model: Model, options: LoraPrefixOptions): LoraPrefixAdapter {
  const { prefix: kind, length, ...ofLora } = options, { seed } = ofLora;
  if (!Object.hasOwn(injectors, kind)) {
    throw new RangeError(
      `prefix must be one of ${Object.keys(injectors).join(", ")}, found ${quote(kind)}`,
    );
  }
  assertFree(model, options, "injectLoraPrefix");
  using unfinished = new DisposableStack();
  const lora = unfinished.use(injectLora(model, ofLora));
  const prefix = unfinished.use(injectors[kind](model, { length, seed, onTop: true }));
  unfinished.move();
  return new LoraPrefixAdapter(lora, prefix);
}

/** LoRA and virtual tokens on a model; made by {@link injectLoraPrefix}. */
export class LoraPrefixAdapter implements Adapter {
  /** The updates; removed alone, they leave the virtual tokens in force. */
  readonly lora: LoraAdapter;
  /** The virtual tokens; removed alone, they leave the updates in force. */
  readonly prefix: PrefixAdapter;
  /** By what its values are recognized in a merged model; others after each step of a training. */
  values: AdapterValues = {};

  /** Takes both, which are on one model. */
  constructor(lora: LoraAdapter, prefix: PrefixAdapter) {
    this.lora = lora;
    this.prefix = prefix;
    this.model.adapters.add(this);
  }

  /** Format of the prompts in its training, if it was trained on any; that of the updates. */
  get promptFormat(): PromptFormat | undefined {
    return this.lora.promptFormat;
  }

  set promptFormat(format: PromptFormat | undefined) {
    this.lora.promptFormat = format;
  }

  /** The model that it was made for. */
  get model(): Model {
    return this.lora.model;
  }

  /** The updates and the virtual tokens. */
  get parts(): readonly [LoraAdapter, PrefixAdapter] {
    return [this.lora, this.prefix];
  }

  /** Those of the updates, then those of the virtual tokens. */
  get parameters(): readonly Parameter[] {
    return this.parts.flatMap(({ parameters }) => parameters);
  }

  /** The largest magnitude of the scalings of the updates. */
  get scaling(): number {
    return this.lora.scaling;
  }

  /**
   * Saves both in one folder, each in its own format under other names, as a whole: after a crash at any time, a
   * reader finds the old adapter, the new one, or no `adapter_config.json` and so an error.
   *
   * @throws {RangeError} when a value is not finite in the file's dtype; nothing is written.
   * @throws {Error} when a file cannot be written; the message says what a reader finds.
   */
  async save(folder: string, options: SaveAdapterOptions = {}): Promise<void> {
    assertOptions("save", options, saveNames);
    const { saveAdapter } = await import("../formats/peft/write.ts");
    const { adapterFile } = await import("../formats/peft/base_metadata.ts");
    await saveAdapter(folder, () => this.#files(folder, options));
    this.values.file = await adapterFile(folder);
  }

  async #files(folder: string, options: SaveAdapterOptions): Promise<FolderFile[]> {
    const { cardFile } = await import("../formats/peft/write.ts");
    const { baseNameOf, labelsFor, methodCard } = await import("./save.ts");
    const { lora, prefix, model, promptFormat } = this, { dtype } = options;
    const made = [await lora.files(folder, options), await prefix.files(folder, options)];
    const baseModelName = options.baseModelName ?? baseNameOf(model);
    const config = {
      method: `lora+${prefix.kind}`,
      base_model_name_or_path: baseModelName ?? null,
    };
    const trained = this.parameters.reduce((sum, { size }) => sum + size, 0);
    const full = lora.modules.parameters.map(({ name }) => moduleOf(name));
    const labels = labelsFor(model, full.length > 0);
    const card = methodCard(config, { baseModelName, trained, labels, full, promptFormat, dtype });
    return [
      ...made.flatMap((files, i) => renamed(files, parts[i])),
      ...await cardFile(folder, card),
      { name: configFile, content: jsonText(config) },
    ];
  }

  /**
   * Always throws: there is no weight that a virtual token could be added to.
   *
   * @throws {RangeError} always.
   */
  weightChanges(): readonly WeightChange[] {
    return this.prefix.weightChanges();
  }

  /** Removes both from the model; a second call does nothing. */
  remove(): void {
    this.prefix.remove();
    this.lora.remove();
    this.model.adapters.delete(this);
  }

  /** Removes the adapter and frees its tensors. */
  [Symbol.dispose](): void {
    this.remove();
    this.prefix[Symbol.dispose]();
    this.lora[Symbol.dispose]();
  }
}

/** The files that a part needs, under their names in a folder of both. */
function renamed(
  files: readonly FolderFile[],
  names: Readonly<Record<string, string>>,
): FolderFile[] {
  const kept = files.filter(({ name }) => Object.hasOwn(names, name));
  return kept.map((file) => ({ ...file, name: names[file.name] }));
}

/** Loads one adapter from its own folder, on top of others. */
export type PartLoader = (folder: Folder, options: JoinOptions) => Promise<Adapter>;

/**
 * Reads the folders that a folder of both stands for and loads each.
 *
 * @throws {RangeError} when they are not LoRA and the virtual tokens that the method names.
 */
export async function loadLoraPrefix(
  folder: Folder,
  method: string,
  load: PartLoader,
): Promise<LoraPrefixAdapter> {
  using unfinished = new DisposableStack();
  const loaded: Adapter[] = [];
  for (const names of parts) {
    const files = Object.entries(names).map(async ([own, name]) =>
      new File([await readBytes(fileIn(folder, name))], own)
    );
    loaded.push(unfinished.use(await load(await Promise.all(files), { onTop: true })));
  }
  const [lora, prefix] = loaded;
  if (lora instanceof LoraAdapter && prefix instanceof PrefixAdapter) {
    if (method === `lora+${prefix.kind}`) {
      unfinished.move();
      return new LoraPrefixAdapter(lora, prefix);
    }
  }
  throw new RangeError(`the folder must have the parts of ${quote(method)}, found others`);
}

/** The number of virtual tokens that an adapter's folder says it has; 0 for one of another method. */
export async function savedLength(folder: Folder): Promise<number> {
  const config = await configIn(folder, configFile), { method } = config;
  const isJoined = isText(method) && joinedMethods.includes(method);
  const own = isJoined ? await configIn(folder, joinedFiles.prefix) : config;
  const length = own.method === "prefix-layer" ? own.length : own.num_virtual_tokens;
  return Number.isSafeInteger(length) ? Number(length) : 0;
}

/** A configuration, or an empty one where it cannot be read: loading the adapter says why. */
async function configIn(folder: Folder, name: string): Promise<Readonly<Record<string, unknown>>> {
  const config = await readJson(fileIn(folder, name)).catch(() => undefined);
  return isRecord(config) ? config : {};
}
