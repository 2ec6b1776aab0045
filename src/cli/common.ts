/** Work that commands share: options, opening devices, loading models with adapters, output. @module */

import { quantizedBaseOf } from "../adapt/adapter.ts";
import { type Adapter, loadAnyAdapter, LoraAdapter } from "../adapt/mod.ts";
import { isRecord, isText, nearestName } from "../core/checks.ts";
import { oneLine, terminalJson, terminalLine, terminalText } from "../core/errors.ts";
import { modelName } from "../storage/model_name.ts";
import { grouped } from "../core/numbers.ts";
import { type Device, openDevice } from "../device/mod.ts";
import { alignColumns } from "../figures/table.ts";
import { assertAdapterFolder } from "../formats/folder_kind.ts";
import { readAdapterLabels } from "../formats/mod.ts";
import { readQuantizedBase } from "../formats/peft/base_metadata.ts";
import { configFile } from "../formats/peft/keys.ts";
import { labelsOfConfig, loadModel, readConfig, type TextModel } from "../models/mod.ts";
import { formText, type QuantizedForm } from "../quant/quantized_tensor.ts";
import { isSamePlace, listFolder, readJson } from "../storage/files.ts";
import { isHubName } from "../storage/hub_name.ts";
import { fileIn, hasFile, kindOf, splitPath } from "../storage/storage.ts";
import { type AllowOption, type BaseDtypeOption, baseTypeOf, pathWord } from "./options.ts";

/**
 * Throws unless there is a folder with a model's configuration, and says what to do instead.
 *
 * @param what The option that names the folder or, of an argument, the command.
 * @throws {RangeError} when there is no folder, or an adapter in it.
 */
export async function assertModelFolder(folder: string, what = "--model"): Promise<void> {
  const isOption = what.startsWith("--"), given = isOption ? `${what} ` : "";
  if (await hasFile(folder, "config.json")) return;
  if (await hasFile(folder, configFile)) {
    const base = await baseOf(folder);
    const beside = what === "--model" ? ` --adapter ${pathWord(folder)}` : "";
    throw new RangeError(
      `${what} needs the base model, found an adapter in ${folder}: give ${given}${base}${beside}`,
    );
  }
  if (await kindOf(folder) !== undefined) return; // Reading says what is missing in it.
  const name = /^gpt2(-medium|-large|-xl)?$/.test(folder) ? `openai-community/${folder}` : folder;
  const isOnHub = /^[\w.-]+\/[\w.-]+$/.test(name), near = await nearModel(folder);
  const onHub = isOnHub ? `: for the one on the Hugging Face hub, give ${given}hf:${name}` : "";
  throw new RangeError(
    `${what} needs a folder on this machine, found none at ${folder}` +
      (near ? ` (did you mean ${near}?)` : onHub),
  );
}

/** The model that somebody meant: in the folder that is named or, of a bare name, in `models`. */
export async function nearModel(given: string): Promise<string | undefined> {
  const [, parent = "models", name] = /^(?:(.*)\/)?([^/]+)\/*$/.exec(given) ?? [];
  if (name === undefined || isHubName(given)) return undefined;
  const near = nearestName(name, await listFolder(parent).catch(() => []));
  const found = near && `${parent}/${near}`;
  return found && await hasFile(found, "config.json") ? found : undefined;
}

/** The options for a model, or for an adapter and its base, that were given as a word alone. */
export async function optionsOfBare(given: string): Promise<string> {
  const isAdapter = !isHubName(given) && await hasFile(given, configFile);
  if (isAdapter) return `--model ${await baseOf(given)} --adapter ${pathWord(given)}`;
  return `--model ${pathWord(await nearModel(given) ?? given)}`;
}

/** The base model that an adapter names. */
async function baseOf(folder: string): Promise<string> {
  const config = await readJson(fileIn(folder, configFile)).catch(() => undefined);
  const base = isRecord(config) ? config.base_model_name_or_path : undefined;
  return isText(base) && base !== "" ? pathWord(oneLine(base)) : "BASE";
}

/** Throws when a model would overwrite the one that it is made from. */
export async function assertOtherFolder(model: string, output: string): Promise<void> {
  if (!await isSamePlace(model, output)) return;
  throw new RangeError(`the output must not be the input folder itself, found ${output}`);
}

/**
 * Throws when an adapter would replace the one of a training, whose record would then speak of other weights.
 *
 * @throws {RangeError} when the output folder has such a record.
 */
export async function assertNoTraining(output: string): Promise<void> {
  if (!await hasFile(output, "run.json")) return;
  throw new RangeError(
    `the output must not be the folder of a training, found run.json in ${output}: choose another folder`,
  );
}

/**
 * The base that an adapter names, if it is called otherwise than a model's folder and the model in it. Shapes
 * that fit do not tell: models of one size differ in their weights alone.
 */
export async function otherBase(model: string, adapter: string): Promise<string | undefined> {
  const base = await textIn(adapter, configFile, "base_model_name_or_path");
  if (!base) return undefined;
  const place = model.endsWith(".safetensors") ? splitPath(model).folder : model;
  const own = await textIn(place, "config.json", "_name_or_path") ?? place;
  return [place, own].map(modelName).includes(modelName(base)) ? undefined : oneLine(base);
}

/** A text in a file; none where the file cannot be read, which others say of it. */
async function textIn(folder: string, name: string, field: string): Promise<string | undefined> {
  const json = await readJson(fileIn(folder, name)).catch(() => undefined);
  const value = isRecord(json) ? json[field] : undefined;
  return isText(value) ? value : undefined;
}

/** Options that every command takes. */
export interface CommonOptions {
  /** The device to open. */
  readonly device: "auto" | "cpu" | "webgpu";
  /** Print one JSON document on standard output and nothing else. */
  readonly json?: boolean;
  /** Seed of all random numbers. */
  readonly seed: number;
  /** No progress and no notes on standard error. */
  readonly quiet?: boolean;
  /** No option: what is to be called when the device is open. */
  readonly opened?: () => void;
}

/** Opens the requested device and notes on standard error which one it is. */
export async function openChosen(options: CommonOptions): Promise<Device> {
  const { device: kind, opened } = options;
  const device = await openDevice(kind === "auto" ? {} : { kind });
  opened?.();
  note(options, `device: ${device.description}`);
  return device;
}

/** A model with its adapters, freed together. */
export interface Loaded extends Disposable {
  /** The model. */
  readonly model: TextModel;
  /** Its adapters, in the order given. */
  readonly adapters: readonly Adapter[];
}

/** Loads a model and adds adapters to it; what `--allow` let pass in them is noted. */
export async function loadAdapted(
  device: Device,
  folder: string,
  adapterFolders: readonly string[] = [],
  options: CommonOptions & AllowOption & BaseDtypeOption,
): Promise<Loaded> {
  assertAllowed(options, adapterFolders);
  await assertModelFolder(folder);
  for (const adapter of adapterFolders) await assertAdapterFolder(adapter);
  await noteOtherBase(options, folder, adapterFolders);
  const labels = await newLabels(folder, adapterFolders);
  using stack = new DisposableStack();
  const model = stack.use(
    await loadModel(device, folder, { labels, dtype: baseTypeOf(options) }),
  );
  await noteOtherForm(options, folder, quantizedBaseOf(model), adapterFolders);
  const adapters: Adapter[] = [];
  for (const adapter of adapterFolders) {
    const loading = { onTop: true, allow: options.allow };
    const loaded = stack.use(await loadAnyAdapter(model, adapter, loading));
    notePassed(options, adapter, passedIn(loaded));
    adapters.push(loaded);
  }
  const owned = stack.move();
  return { model, adapters, [Symbol.dispose]: () => owned.dispose() };
}

/** Throws where `--allow` has no adapter to be about. */
export function assertAllowed({ allow }: AllowOption, adapters: readonly string[]): void {
  if (!allow || adapters.length > 0) return;
  throw new RangeError(`--allow is about an adapter: give --adapter too, or leave out ${allow[0]}`);
}

/** Notes what `--allow` let pass in an adapter. */
export function notePassed(
  options: CommonOptions,
  folder: string,
  passed: readonly string[] = [],
): void {
  if (passed.length > 0) note(options, `let pass in ${folder}: ${passed.join(", ")}`);
}

/** The faults of an adapter that `--allow` let pass. */
export const passedIn = (adapter: Adapter): readonly string[] | undefined =>
  adapter instanceof LoraAdapter ? adapter.loaded?.passed : undefined;

/** Notes which adapters name another base than the model that they are used with. */
export async function noteOtherBase(
  options: CommonOptions,
  model: string,
  adapters: readonly string[],
): Promise<void> {
  for (const adapter of adapters) {
    const base = await otherBase(model, adapter);
    if (base) note(options, `note: the adapter in ${adapter} names base ${base}, not ${model}`);
  }
}

/** Checks the base of `--base`, and notes which adapters name another one. */
export async function takeBase(
  options: CommonOptions,
  base: string,
  adapters: readonly string[],
): Promise<void> {
  await assertModelFolder(base, "--base");
  await noteOtherBase(options, base, adapters);
}

/**
 * Notes which adapters were trained on a base that was quantized otherwise than the model that they are used with.
 *
 * @param form The model's own form, if it is in 4 bits.
 */
export async function noteOtherForm(
  options: CommonOptions,
  model: string,
  form: QuantizedForm | undefined,
  adapters: readonly string[],
): Promise<void> {
  for (const adapter of adapters) {
    // Loading says what is wrong with an adapter that cannot be read.
    const trained = await readQuantizedBase(adapter).catch(() => undefined);
    if (!trained) continue;
    const own = form ? formText(form) : "of floats", other = formText(trained);
    if (own === other) continue;
    note(
      options,
      `note: the adapter in ${adapter} was trained on a base in ${other}, ${model} is ${own}`,
    );
  }
}

/** The labels that adapters make a language model a classifier for, if one of them does. */
export async function newLabels(
  folder: string,
  adapterFolders: readonly string[],
): Promise<string[] | undefined> {
  if (labelsOfConfig(await readConfig(folder))) return undefined;
  for (const adapter of adapterFolders) {
    // Loading says what is wrong with an adapter that cannot be read.
    const labels = await readAdapterLabels(adapter).catch(() => undefined);
    if (labels) return labels;
  }
}

/** Prints a result: one JSON document, or text for a reader, which may be painted. */
export function print(
  options: CommonOptions,
  document: unknown,
  text: () => string,
  paint: (text: string) => string = (text) => text,
): void {
  console.log(options.json ? terminalJson(document) : paint(terminalText(text())));
}

/** Reports a result that was written to a file: one JSON document, or a note. */
export function printWritten(options: CommonOptions, document: unknown, text: string): void {
  if (options.json) console.log(terminalJson(document));
  else note(options, text);
}

/** Prints a note on standard error. */
export function note({ quiet }: CommonOptions, text: string): void {
  if (!quiet) console.error(terminalText(text));
}

/** A column: its title, and what it shows for a row. */
export type Column<T> = readonly [title: string, show: (row: T) => string | number];

/** More rows than these do not fit a screen, so that a row for each kind of layer comes before them. */
export const mostRows = 24;

/** Aligned columns under a line of titles; numbers are right-aligned. */
export function table<T>(rows: readonly T[], columns: readonly Column<T>[]): string {
  const cells = [
    columns.map(([title]) => title),
    ...rows.map((row) => columns.map(([, show]) => display(show(row)))),
  ];
  const right = columns.map(([, show]) => rows.every((row) => typeof show(row) === "number"));
  return alignColumns(cells, right);
}

function display(value: string | number): string {
  return typeof value === "number" ? grouped(value) : terminalLine(value);
}
