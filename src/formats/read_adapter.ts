/** Reads PEFT adapter folders. @module */

import { AdapterFileError } from "../core/errors.ts";
import { readJson } from "../core/files.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import { isRecord } from "../core/json.ts";
import { isNamed, moduleOf } from "../core/module_names.ts";
import { assertOptions } from "../core/options.ts";
import type { PromptFormat } from "../core/prompt_format.ts";
import { oneLine, quote } from "../core/quote.ts";
import { fileIn, type Folder, folderName } from "../core/storage.ts";
import { type AdapterException, Exceptions } from "./adapter_exceptions.ts";
import type { TrainedUpdate } from "./adapter_record.ts";
import { cutSites, parseSites } from "./adapter_sites.ts";
import { readNamed, readRows, sortTensors } from "./adapter_tensors.ts";
import { isTable, openWeights } from "./adapter_weights.ts";
import { assertOwnConfig, mathematicsOf } from "./config_digest.ts";
import { type FloatDtype, floatDtypeOf } from "./dtype.ts";
import { parsePeftConfig, type PeftConfig, unknownFields } from "./peft_config.ts";
import { type BiasMode, noExtras, takeExtras, type TrainedRows } from "./peft_extras.ts";
import { parsePromptFormat } from "./prompt_metadata.ts";
import type { QuantizedForm } from "../quant/quantized_tensor.ts";
import { parseQuantizedBase } from "./quantized_base.ts";
import { compileRules, readModule } from "./read_module.ts";

/** A PEFT adapter as a record. */
export interface PeftAdapter {
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
  /** Which biases these are. */
  readonly biasMode: BiasMode;
  /** Rows of embeddings that were read (`trainable_token_indices`), by the paths of the embeddings. */
  readonly rows: ReadonlyMap<string, TrainedRows>;
  /** What `allow` let pass: `unknownTensors: base_model.model.score.weight`. */
  readonly passed: readonly string[];
  /** Tensors of what was trained beside A and B which were not read. */
  readonly leftOut: readonly string[];
  /** How its file stores values; F32 if tensors differ. */
  readonly dtype: FloatDtype;
  /** How the prompts of its training were written, if the file says so. */
  readonly promptFormat?: PromptFormat;
  /** How the base was quantized that it was trained on, if the file says so. */
  readonly quantizedBase?: QuantizedForm;
}

/** Options of {@link readAdapter}. */
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
  /** What may pass that stops a strict reader, by name. Default: nothing. */
  readonly allow?: readonly AdapterException[];
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
  folder: Folder,
  options: ReadAdapterOptions = {},
): AsyncGenerator<TrainedUpdate, Omit<PeftAdapter, "updates">> {
  assertOptions("readAdapter", options, { updatesOnly: true, withSaved: true, allow: true });
  const exceptions = new Exceptions(options.allow), { withSaved = false } = options;
  try {
    const json = await readJson(fileIn(folder, "adapter_config.json"));
    const { rest, extras } = extrasFor(json, options);
    const config = parsePeftConfig(knownFields(rest, exceptions)), rules = compileRules(config);
    using file = await openWeights(folder, { allowNonFinite: true });
    await assertOwnConfig(file.metadata, "adapter_config.json", mathematicsOf(config));
    const { modules, ...others } = sortTensors(file, extras, exceptions);
    const { saved, biases, embeddings } = withSaved ? others : noOthers;
    const beside = withSaved ? extras : noExtras;
    const reading = { file, config, rules, extras: beside, exceptions };
    const sites = sitesIn(file.metadata, modules), read: string[] = [];
    for (const module of modules) {
      for (const update of await readModule(reading, module)) {
        read.push(module);
        yield* cutNamed(update, sites);
      }
    }
    if (read.length === 0) {
      throw new AdapterFileError(
        `at least one update must be left, found that all ${modules.length} were let pass`,
      );
    }
    // PEFT's `all-linear` names the layers of a classifier, too, which it then trains in full.
    const trained = [...read, ...others.saved.map(moduleOf)];
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
      leftOut: withSaved ? [] : others.beside,
      dtype: floatDtypeOf(file.tensors.values()),
      promptFormat: parsePromptFormat(file.metadata),
      quantizedBase: parseQuantizedBase(file.metadata),
    };
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

/** The sites of an update's module, if they are named; else the update. */
function cutNamed(update: TrainedUpdate, named: ReturnType<typeof parseSites>): TrainedUpdate[] {
  const sites = named.get(update.module);
  return sites ? cutSites(update, sites) : [update];
}
