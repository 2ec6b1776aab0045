/** Reads PEFT adapter folders. @module */

import { assertOptions, isRecord } from "../../core/checks.ts";
import { about, AdapterFileError, oneLine, optionsSaidBy, quote } from "../../core/errors.ts";
import { isNamed, moduleOf } from "../../core/module_names.ts";
import type { HostTensor } from "../../core/tensor.ts";
import type { UpdateShape } from "../../core/update.ts";
import { type Folder, folderName } from "../../storage/storage.ts";
import type { FloatDtype } from "../../core/float_types.ts";
import { floatDtypeOf } from "../safetensors/header.ts";
import { type AdapterFolder, openAdapterFolder } from "./adapter_folder.ts";
import { parseQuantizedBase } from "./base_metadata.ts";
import {
  type BiasMode,
  noExtras,
  parsePeftConfig,
  type PeftConfig,
  type PeftExtras,
  takeExtras,
  type TrainedRows,
  unknownFields,
} from "./config.ts";
import { configFile, isTable } from "./keys.ts";
import {
  assertOwnConfig,
  mathematicsOf,
  parseFrozen,
  parsePromptFormat,
  parseStart,
} from "./metadata.ts";
import {
  type AdapterException,
  compileRules,
  Exceptions,
  factorShapes,
  labelsIn,
  type ModuleReading,
  readModule,
  readNamed,
  readRows,
  sortTensors,
  type TensorNames,
} from "./read.ts";
import type { AdapterRecord, TrainedUpdate } from "./record.ts";
import { cutShapes, cutSites, parseSites } from "./sites.ts";

/** Parts of a reader. */
interface Opened {
  readonly source: AdapterFolder;
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
  readonly #opened: Opened;
  readonly #withSaved: boolean;
  readonly #read: string[] = [];

  private constructor(opened: Opened, withSaved: boolean) {
    this.#opened = opened;
    this.#withSaved = withSaved;
  }

  /**
   * Opens a folder, unless it is open.
   *
   * @throws {AdapterFileError} as `readAdapter`.
   * @throws {RangeError} when `allow` names no exception.
   */
  static async open(
    folder: Folder | AdapterFolder,
    options: ReadAdapterOptions,
  ): Promise<AdapterReader> {
    assertOptions("readAdapter", options, { updatesOnly: true, withSaved: true, allow: true });
    const exceptions = new Exceptions(options.allow), source = openAdapterFolder(folder);
    const opened = await inFolder(source.folder, () => open(source, options, exceptions));
    return new AdapterReader(opened, options.withSaved ?? false);
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
    return inFolder(this.#opened.source.folder, async () => {
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
    return inFolder(this.#opened.source.folder, () => this.#finish());
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
    const { baseModelName, taskType = null, fanInFanOut, dropout } = config;
    return {
      ...{ config, baseModelName, taskType, fanInFanOut, dropout },
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
      freezeA: parseFrozen(file.metadata),
    };
  }

  /** Closes the folder. */
  [Symbol.dispose](): void {
    this.#opened.source[Symbol.dispose]();
  }
}

async function open(
  source: AdapterFolder,
  options: ReadAdapterOptions,
  exceptions: Exceptions,
): Promise<Opened> {
  const json = await source.config(), { rest, extras } = extrasFor(json, options);
  const config = parsePeftConfig(knownFields(rest, exceptions)), rules = compileRules(config);
  const file = await source.weights({ allowNonFinite: true });
  try {
    await assertOwnConfig(file.metadata, configFile, mathematicsOf(config));
    const names = sortTensors(file, extras, exceptions);
    const beside = options.withSaved ? extras : noExtras;
    const reading = { file, config, rules, extras: beside, exceptions };
    const sites = sitesIn(file.metadata, names.modules);
    return { source, json, reading, names, extras, sites };
  } catch (error) {
    source[Symbol.dispose]();
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
    const sentence = `cannot read the adapter in ${folderName(folder)}: ${reason}`;
    throw about(new AdapterFileError(sentence, { cause, reason }), ...optionsSaidBy(error));
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
      `on that weight, found ${quote(found)}: lowrank combine --base writes it as A and B`,
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

/**
 * Reads a PEFT adapter folder: `adapter_config.json` and `adapter_model.safetensors`. It may be one of
 * the Hugging Face hub, `hf:OWNER/NAME[@REVISION]`.
 *
 * Ranks and scalings follow `r`, `lora_alpha`, `use_rslora`, `rank_pattern` and `alpha_pattern`.
 * Weights that the configuration does not select, tensors that are not part of a pair of A and B, targets
 * that match nothing, and settings that change the mathematics but are not implemented are refused, never
 * ignored. Exceptions must be requested: `allow` lets each kind pass, `updatesOnly` leaves out what was
 * trained beside A and B; the result names what was passed or left out.
 *
 * @throws {AdapterFileError} when the folder is incomplete, broken, or has settings that are not
 * supported, or values that are NaN, infinite or beyond F32 and not allowed; the message names the
 * field or tensor, the rule and the value found.
 *
 * @example
 * ```ts
 * import { readAdapter, writeAdapter } from "@lowrank/core/formats";
 *
 * const folder = await Deno.makeTempDir();
 * const A = { shape: [1, 3], data: Float32Array.of(1, 2, 3) };
 * const B = { shape: [2, 1], data: Float32Array.of(1, -1) };
 * await writeAdapter(folder, { updates: [{ module: "layer.0.query", A, B, scaling: 2 }] });
 * const { updates } = await readAdapter(folder);
 * console.log(updates[0].module, updates[0].scaling); // layer.0.query 2
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function readAdapter(
  folder: Folder,
  options: ReadAdapterOptions = {},
): Promise<PeftAdapter> {
  return await readAll(folder, options);
}

/**
 * The same of a folder that may be open, which it closes.
 *
 * @throws {AdapterFileError} as {@link readAdapter}.
 */
export async function readAll(
  folder: Folder | AdapterFolder,
  options: ReadAdapterOptions,
): Promise<PeftAdapter> {
  await using stream = streamAdapter(folder, options);
  const updates: TrainedUpdate[] = [];
  let next = await stream.next();
  for (; !next.done; next = await stream.next()) updates.push(next.value);
  return { ...next.value, updates };
}

/**
 * Reads a PEFT adapter folder as {@link readAdapter} does, one update after the other, so that not all of them need
 * to be in memory; returns the rest. That the folder is in order is known only at its end.
 *
 * @throws {AdapterFileError} as {@link readAdapter}.
 */
export async function* streamAdapter(
  folder: Folder | AdapterFolder,
  options: ReadAdapterOptions = {},
): AsyncGenerator<TrainedUpdate, Omit<PeftAdapter, "updates">> {
  using reader = await AdapterReader.open(folder, options);
  for (const module of reader.modules) yield* await reader.read(module);
  return await reader.finish();
}

/**
 * Reads all that an adapter folder holds, with the names of a classifier's labels.
 *
 * @throws {AdapterFileError} As `readAdapter`.
 */
export async function readRecord(
  folder: Folder | AdapterFolder,
  options: Pick<ReadAdapterOptions, "allow"> = {},
): Promise<PeftAdapter> {
  const updates: TrainedUpdate[] = [];
  const rest = await eachOfRecord(folder, options, (update) => void updates.push(update));
  return { ...rest, updates };
}

/**
 * The same with one update after the other in memory.
 *
 * @throws {AdapterFileError} As `readAdapter`.
 */
export async function eachOfRecord(
  folder: Folder | AdapterFolder,
  { allow }: Pick<ReadAdapterOptions, "allow">,
  take: (update: TrainedUpdate) => void | Promise<void>,
): Promise<Omit<PeftAdapter, "updates">> {
  using source = openAdapterFolder(folder);
  await using stream = streamAdapter(source, { withSaved: true, allow });
  let next = await stream.next();
  for (; !next.done; next = await stream.next()) await take(next.value);
  return { ...next.value, labels: await namedLabels(source) };
}

/**
 * The labels of a classifier, where they have names.
 *
 * @throws {AdapterFileError} when the metadata is broken.
 */
export async function namedLabels(folder: AdapterFolder): Promise<string[] | undefined> {
  const labels = labelsIn(await folder.weights());
  return labels?.some((label, index) => label !== String(index)) ? labels : undefined;
}

/** A PEFT adapter that was read: a record to write, with all that its folder says. */
export interface PeftAdapter extends AdapterRecord {
  /** The parsed `adapter_config.json`. */
  readonly config: PeftConfig;
  /**
   * In the order of layer numbers: an update for each site if the file names a module's sites (as files
   * written by Lowrank do), else one update of all rows for the module.
   */
  readonly updates: readonly TrainedUpdate[];
  /** Tensors of fully trained modules (`modules_to_save`) that were read, by their names in the model. */
  readonly saved: ReadonlyMap<string, HostTensor>;
  /** `modules_to_save`: the names of modules that were trained in full. */
  readonly savedModules: readonly string[];
  /** Trained biases of the base model that were read, by their names in it. */
  readonly biases: ReadonlyMap<string, HostTensor>;
  /** Setting of PEFT's `bias` that selects these biases. */
  readonly biasMode: BiasMode;
  /** Rows of embeddings that were read (`trainable_token_indices`), by the paths of the embeddings. */
  readonly rows: ReadonlyMap<string, TrainedRows>;
  /** Faults that `allow` let pass: `unknownTensors: base_model.model.score.weight`. */
  readonly passed: readonly string[];
  /** Tensors of what was trained beside A and B which were not read. */
  readonly leftOut: readonly string[];
  /** Type of the values in its file; F32 if tensors differ. */
  readonly dtype: FloatDtype;
}

/** Options of `readAdapter`. */
export interface ReadAdapterOptions {
  /**
   * Read only the updates: what was trained beside A and B is left out instead of refused, but for DoRA,
   * without which they mean nothing. Default false.
   */
  readonly updatesOnly?: boolean;
  /**
   * Read what was trained beside A and B instead of refusing it: modules in full, with the tables of resized
   * vocabularies, biases of the base model, magnitudes of DoRA, biases of B, rows of embeddings. Default
   * false.
   */
  readonly withSaved?: boolean;
  /** Names of faults that a strict reader refuses, and this one lets pass. Default: nothing. */
  readonly allow?: readonly AdapterException[];
}
