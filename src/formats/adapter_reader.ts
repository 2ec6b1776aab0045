/** A PEFT adapter folder whose modules are read one by one. @module */

import { AdapterFileError } from "../core/errors.ts";
import { readJson } from "../core/files.ts";
import { isRecord } from "../core/json.ts";
import { isNamed, moduleOf } from "../core/module_names.ts";
import { assertOptions } from "../core/options.ts";
import { oneLine, quote } from "../core/quote.ts";
import type { UpdateShape } from "../core/low_rank_update.ts";
import { fileIn, type Folder, folderName } from "../core/storage.ts";
import { Exceptions } from "./adapter_exceptions.ts";
import type { TrainedUpdate } from "./adapter_record.ts";
import { cutShapes, cutSites, parseSites } from "./adapter_sites.ts";
import { readNamed, readRows, sortTensors, type TensorNames } from "./adapter_tensors.ts";
import { isTable, openWeights } from "./adapter_weights.ts";
import { assertOwnConfig, mathematicsOf } from "./config_digest.ts";
import { floatDtypeOf } from "./dtype.ts";
import { parsePeftConfig, type PeftConfig, unknownFields } from "./peft_config.ts";
import { noExtras, type PeftExtras, takeExtras } from "./peft_extras.ts";
import { parsePromptFormat } from "./prompt_metadata.ts";
import { parseQuantizedBase } from "./quantized_base.ts";
import { parseStart } from "./start_metadata.ts";
import { compileRules, factorShapes, type ModuleReading, readModule } from "./read_module.ts";

import type { PeftAdapter, ReadAdapterOptions } from "./peft_adapter.ts";

/** What a reader is made of. */
interface Opened {
  readonly json: unknown;
  readonly reading: ModuleReading;
  readonly names: TensorNames;
  readonly extras: PeftExtras;
  readonly sites: ReturnType<typeof parseSites>;
}

/**
 * An open adapter folder. Its modules may be read in any order, each in memory for as long as the caller holds it;
 * `finish` then reads the rest and finds what is wrong with the whole.
 */
export class AdapterReader implements Disposable {
  readonly #folder: Folder;
  readonly #opened: Opened;
  readonly #withSaved: boolean;
  readonly #read: string[] = [];

  private constructor(folder: Folder, opened: Opened, withSaved: boolean) {
    this.#folder = folder;
    this.#opened = opened;
    this.#withSaved = withSaved;
  }

  /**
   * Opens a folder.
   *
   * @throws {AdapterFileError} as `readAdapter`.
   * @throws {RangeError} when `allow` names no exception.
   */
  static async open(folder: Folder, options: ReadAdapterOptions): Promise<AdapterReader> {
    assertOptions("readAdapter", options, { updatesOnly: true, withSaved: true, allow: true });
    const exceptions = new Exceptions(options.allow);
    const opened = await inFolder(folder, () => open(folder, options, exceptions));
    return new AdapterReader(folder, opened, options.withSaved ?? false);
  }

  /** The modules with updates, in the order of layer numbers. */
  get modules(): readonly string[] {
    return this.#opened.names.modules;
  }

  /**
   * The shapes of a module's updates by the file's header; none of a module that is incomplete, which
   * {@link AdapterReader.read} refuses or leaves out.
   *
   * @throws {AdapterFileError} when the sites that the file names do not fit them.
   */
  shapesOf(module: string): UpdateShape[] {
    const shapes = factorShapes(this.#opened.reading, module);
    const sites = this.#opened.sites.get(module);
    return shapes.flatMap((update) => sites ? cutShapes(update, sites) : [update]);
  }

  /**
   * Reads the updates of a module: one for each site that the file names, else one; none that an exception leaves out.
   *
   * @throws {AdapterFileError} as `readAdapter`.
   */
  read(module: string): Promise<TrainedUpdate[]> {
    return inFolder(this.#folder, async () => {
      const updates = await readModule(this.#opened.reading, module);
      if (updates.length > 0) this.#read.push(module);
      const sites = this.#opened.sites.get(module);
      return updates.flatMap((update) => sites ? cutSites(update, sites) : [update]);
    });
  }

  /**
   * Reads what the adapter has beside its updates, once those are read.
   *
   * @throws {AdapterFileError} as `readAdapter`.
   */
  finish(): Promise<Omit<PeftAdapter, "updates">> {
    return inFolder(this.#folder, () => this.#finish());
  }

  async #finish(): Promise<Omit<PeftAdapter, "updates">> {
    const { json, reading: { file, config, extras: beside, exceptions }, names, extras } =
      this.#opened;
    const { modules, ...others } = names;
    const { saved, biases, embeddings } = this.#withSaved ? others : noOthers;
    if (this.#read.length === 0) {
      throw new AdapterFileError(
        `at least one update must be left, found that all ${modules.length} were let pass`,
      );
    }
    // PEFT's `all-linear` names the layers of a classifier, too, which it then trains in full.
    const trained = [...this.#read, ...others.saved.map(moduleOf)];
    assertTargets(config, trained, exceptions);
    assertNoTies(json, [...modules.map((module) => `${module}.weight`), ...saved]);
    return {
      config,
      saved: await readNamed(file, saved, exceptions),
      savedModules: beside.saved,
      biases: await readNamed(file, biases, exceptions),
      biasMode: beside.bias,
      rows: await readRows(file, embeddings, extras, exceptions),
      passed: exceptions.passed,
      leftOut: this.#withSaved ? [] : others.beside,
      dtype: floatDtypeOf(file.tensors.values()),
      promptFormat: parsePromptFormat(file.metadata),
      quantizedBase: parseQuantizedBase(file.metadata),
      start: parseStart(file.metadata),
    };
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#opened.reading.file[Symbol.dispose]();
  }
}

async function open(
  folder: Folder,
  options: ReadAdapterOptions,
  exceptions: Exceptions,
): Promise<Opened> {
  const json = await readJson(fileIn(folder, "adapter_config.json"));
  const { rest, extras } = extrasFor(json, options);
  const config = parsePeftConfig(knownFields(rest, exceptions)), rules = compileRules(config);
  const file = await openWeights(folder, { allowNonFinite: true });
  try {
    await assertOwnConfig(file.metadata, "adapter_config.json", mathematicsOf(config));
    const names = sortTensors(file, extras, exceptions);
    const beside = options.withSaved ? extras : noExtras;
    const reading = { file, config, rules, extras: beside, exceptions };
    return { json, reading, names, extras, sites: sitesIn(file.metadata, names.modules) };
  } catch (error) {
    file[Symbol.dispose]();
    throw error;
  }
}

/** Does what reads a folder; errors say of which. */
async function inFolder<T>(folder: Folder, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    const { message: reason, cause } = error as Error;
    // The message already says what the error did: Deno would print it a second time as the cause.
    throw new AdapterFileError(`cannot read the adapter in ${folderName(folder)}: ${reason}`, {
      cause,
      reason,
    });
  }
}

const noOthers = { saved: [], biases: [], embeddings: [] };

function extrasFor(json: unknown, { updatesOnly, withSaved }: ReadAdapterOptions) {
  if (withSaved) return takeExtras(json);
  return updatesOnly ? takeExtras(json, { withDora: false }) : { rest: json, extras: noExtras };
}

/** The configuration without the fields that are let pass; one of another method is refused as a whole. */
function knownFields(json: unknown, exceptions: Exceptions): unknown {
  if (!isRecord(json) || json.peft_type !== "LORA") return json;
  const rest = { ...json };
  for (const { name, rule } of unknownFields(json)) {
    if (name === "use_dora") refuseDora(json[name]);
    exceptions.pass("unknownFields", `${oneLine(name)} must ${rule}`, name, quote(json[name]));
    delete rest[name];
  }
  return rest;
}

/** Not to be let pass: scaling · B A would be taken for an update that it is not. */
function refuseDora(found: unknown): never {
  throw new AdapterFileError(
    "use_dora must be null, false or empty where A and B alone are read, as DoRA's change of a weight depends " +
      `on that weight, found ${quote(found)}: lowrank convert --plain writes a plain adapter`,
  );
}

/** A name in `target_modules` that matches no module was trained nowhere, and PEFT does not say so. */
function assertTargets(
  { targetModules }: PeftConfig,
  modules: readonly string[],
  exceptions: Exceptions,
): void {
  if (!Array.isArray(targetModules)) return;
  for (const target of targetModules) {
    if (modules.some((module) => isNamed(module, target))) continue;
    const rule = "every name in target_modules must match a module that has weights";
    exceptions.pass("unmatchedTargets", rule, target);
  }
}

/** PEFT then gives an embedding and the head that is tied to it one update, or one copy. */
function assertNoTies(json: unknown, tensors: readonly string[]): void {
  if (!isRecord(json) || json.ensure_weight_tying !== true) return;
  const table = tensors.find(isTable);
  if (table === undefined) return;
  throw new AdapterFileError(
    "ensure_weight_tying must be false where an embedding or a head is adapted or trained in full (not " +
      `implemented: one update for both), found true with ${quote(table)}`,
  );
}

/** The sites that the metadata names, by their modules, which the file must have. */
function sitesIn(metadata: Readonly<Record<string, string>>, modules: readonly string[]) {
  const named = parseSites(metadata), known = new Set(modules);
  const unknown = [...named.keys()].find((module) => !known.has(module));
  if (unknown === undefined) return named;
  throw new AdapterFileError(
    `sites must be of modules in the file, found sites of ${quote(unknown)}`,
  );
}
