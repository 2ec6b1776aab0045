/** The files of an adapter in each program's form. @module */

import { isRecord, isText, jsonValue } from "../../core/checks.ts";
import { AdapterFileError, quote } from "../../core/errors.ts";
import { moduleOf } from "../../core/module_names.ts";
import { fitsFloat32, type HostTensor } from "../../core/tensor.ts";
import { countRows, type LowRankUpdate, rangesOf } from "../../core/update.ts";
import { assertAdapterFolder } from "../../formats/folder_kind.ts";
import { kohyaModules, kohyaTensors, kohyaUpdates } from "../../formats/kohya.ts";
import { loralibTensors, loralibUpdates } from "../../formats/loralib.ts";
import { joinUpdates, splitUpdate } from "../../formats/peft/comparable.ts";
import { alphaOf } from "../../formats/peft/config.ts";
import { AdapterFolder } from "../../formats/peft/adapter_folder.ts";
import { namedLabels, readRecord } from "../../formats/peft/folder.ts";
import { configFile } from "../../formats/peft/keys.ts";
import {
  frozenMetadata,
  labelsMetadata,
  parseFrozen,
  parseLabels,
  parsePromptFormat,
  parseStart,
  promptMetadata,
  startMetadata,
} from "../../formats/peft/metadata.ts";
import type { AdapterException } from "../../formats/peft/read.ts";
import type { AdapterRecord } from "../../formats/peft/record.ts";
import { adapterFiles } from "../../formats/peft/write.ts";
import { encode, type EncodedTensor, floatDtypeOf } from "../../formats/safetensors/header.ts";
import { openSafetensorsFile } from "../../formats/safetensors/read.ts";
import { pickleConversion } from "../../formats/safetensors/shards.ts";
import { safetensorsFile } from "../../formats/safetensors/write.ts";
import type { BaseFile } from "../../models/base_file.ts";
import { listFolder } from "../../storage/files.ts";
import type { FolderFile } from "../../storage/folder.ts";
import {
  fileIn,
  fileName,
  type FileSource,
  hasFile,
  kindOf,
  pathIn,
} from "../../storage/storage.ts";
import { isVera, readVera, refuseWithoutBase } from "../vera/read.ts";
import { withinSides } from "../vera/updates.ts";

/** The key in the metadata of our files: α, and `enable_lora`, which such a file does not say otherwise. */
const KEY = "lowrank.loralib";

/** Zeros fill the parts without an update, so that a file must not ask for any number of them. */
const mostParts = 16;

interface Stated {
  readonly alpha?: number;
  readonly enabled?: readonly boolean[];
}

/**
 * The updates of a file, with all that was trained beside them: biases by themselves are those of the base,
 * anything else are modules in full.
 *
 * @throws {AdapterFileError} when the file holds weights of adapted layers, or no α is known or F32 cannot hold it.
 */
function loralibRecord(
  tensors: ReadonlyMap<string, HostTensor>,
  metadata: Readonly<Record<string, string>>,
  facts: ForeignFacts,
): AdapterRecord {
  const stated = statedIn(metadata), { alpha = stated.alpha, enabled = stated.enabled } = facts;
  if (alpha === undefined) {
    throw new AdapterFileError("a file of loralib does not say its alpha: give --alpha");
  }
  if (!fitsFloat32(alpha)) {
    throw new AdapterFileError(`the alpha of loralib must be finite in F32, found ${alpha}`);
  }
  const whole = loralibUpdates(tensors, 1, { enabled });
  const updates = whole.map((update) => ({ ...update, scaling: alpha / update.A.shape[0] }));
  const others = [...tensors].filter(([name]) => !/\.lora_[AB]$/.test(name));
  const adapted = new Set(updates.map(({ module }) => module));
  const base = others.find(([name]) => adapted.has(moduleOf(name)) && !name.endsWith(".bias"));
  if (base) {
    throw new AdapterFileError(
      `it must hold what was trained alone (lora_state_dict of loralib), found ${quote(base[0])}`,
    );
  }
  const inFull = new Set(
    others.filter(([name]) => !name.endsWith(".bias")).map(([name]) => moduleOf(name)),
  );
  const isBias = ([name]: readonly [string, HostTensor]) =>
    name.endsWith(".bias") && !inFull.has(moduleOf(name));
  const biases = new Map(others.filter(isBias));
  const isAll = [...biases.keys()].some((name) => !adapted.has(moduleOf(name)));
  return {
    updates,
    saved: new Map(others.filter((entry) => !isBias(entry))),
    biases,
    biasMode: biases.size === 0 ? "none" : isAll ? "all" : "lora_only",
  };
}

function statedIn(metadata: Readonly<Record<string, string>>): Stated {
  const stated = Object.hasOwn(metadata, KEY) ? jsonValue(metadata[KEY]) : undefined;
  const { alpha, enable_lora } = isRecord(stated) ? stated : {} as Record<string, unknown>;
  const isFlags = Array.isArray(enable_lora) && enable_lora.length <= mostParts &&
    enable_lora.every((flag) => typeof flag === "boolean");
  return {
    ...typeof alpha === "number" && Number.isFinite(alpha) && { alpha },
    ...isFlags && { enabled: enable_lora },
  };
}

/**
 * Content of a file of loralib for a record, and the metadata for facts that its tensors do not
 * state.
 */
export interface LoralibFile {
  readonly tensors: ReadonlyMap<string, HostTensor>;
  readonly metadata: Readonly<Record<string, string>>;
  /** `lora_alpha` that loralib needs. */
  readonly alpha: number;
}

/**
 * The tensors of loralib for a record: `MergedLinear` for a fused weight of which parts have updates. Its one α
 * is that of the first update that has one but 0; B of an update with another is multiplied by their ratio.
 *
 * @param enabled The enabled parts. Default: those that the first of them names.
 */
function loralibFile(record: AdapterRecord, enabled?: readonly boolean[]): LoralibFile {
  const updates = enabled ? split(record.updates, enabled) : record.updates;
  const parts = enabled ?? partsOf(updates);
  const alpha = alphaOf(updates.find(({ scaling }) => scaling !== 0) ?? updates[0]);
  const ofOneAlpha = updates.map((update) => withAlpha(update, alpha));
  const tensors = loralibTensors(ofOneAlpha, { enabled: parts });
  const stated = JSON.stringify({ alpha, enable_lora: parts }),
    { saved = [], biases = [] } = record;
  return {
    tensors: new Map([...tensors, ...saved, ...biases]),
    metadata: { format: "pt", [KEY]: stated },
    alpha,
  };
}

/** In loralib every layer divides the one α by its own rank, so that no scaling is left to state. */
function withAlpha(update: LowRankUpdate, alpha: number): LowRankUpdate {
  const own = alphaOf(update), ratio = own / alpha, { B } = update;
  if (own === alpha) return { ...update, scaling: 1 };
  const data = Float32Array.from(B.data, (value) => value * ratio);
  return { ...update, B: { ...B, data }, scaling: 1 };
}

/** Updates of a whole weight as those of its enabled parts, where B is zero outside of them. */
function split(updates: readonly LowRankUpdate[], enabled: readonly boolean[]): LowRankUpdate[] {
  return updates.flatMap((update) => {
    const [out] = update.B.shape, count = out / enabled.length, { module } = update;
    if (update.rows || !Number.isInteger(count)) return [update];
    const sites = enabled.flatMap((isEnabled, part) =>
      isEnabled ? [{ module, rows: { start: part * count, count }, outputs: out }] : []
    );
    const parts = splitUpdate(update, sites);
    return parts?.length === sites.length ? parts : [update];
  });
}

/**
 * Flags of the equal parts of a fused weight that have updates; one part where no update has rows.
 */
function partsOf(updates: readonly LowRankUpdate[]): boolean[] {
  const module = updates.find(({ rows }) => rows)?.module;
  const sites = updates.filter((update) => update.module === module && update.rows);
  if (sites.length === 0) return [true];
  const [{ rows, outputs = 0 }] = sites, count = countRows(rows!);
  const starts = new Set(sites.map(({ rows }) => rangesOf(rows!)[0].start));
  return Array.from({ length: Math.round(outputs / count) }, (_, part) => starts.has(part * count));
}

/** The key in the metadata of our files of kohya's form: the paths of the layers. */
const layersKey = "lowrank.layers";

/**
 * The updates of a file with keys of kohya, of diffusers, or of PEFT without a configuration.
 *
 * @returns Also what the file leaves open, in sentences.
 * @throws {AdapterFileError} when the keys are others, a layer's path cannot be told from its underscores, or a
 * file with keys of PEFT has no α.
 */
function kohyaRecord(
  given: ReadonlyMap<string, HostTensor>,
  metadata: Readonly<Record<string, string>>,
  { alpha, layers }: ForeignFacts,
): AdapterRecord & { readonly notes: readonly string[] } {
  const tensors = new Map([...given].map(([key, tensor]) => [kohyaKey(key), tensor]));
  const modules = kohyaModules(tensors.keys());
  const silent = modules.filter((module) => !tensors.has(`${module}.alpha`));
  if (alpha === undefined && isPeft(given.keys())) assertAlpha(silent);
  if (alpha !== undefined) {
    for (const module of silent) tensors.set(`${module}.alpha`, one(alpha));
  }
  const updates = kohyaUpdates(tensors, layers ?? layersIn(metadata));
  assertPaths(updates);
  const count = alpha === undefined ? silent.length : 0;
  const note = `no alpha in the file for ${count} of ${modules.length} modules: their scaling is 1`;
  return { updates, notes: count > 0 ? [note] : [] };
}

/** True for keys of PEFT, with or without its prefix. */
const isPeft = (keys: Iterable<string>): boolean =>
  Array.from(keys).some((key) => key.endsWith(".lora_A.weight"));

/** PEFT's keys, with or without its prefix, in kohya's words. */
const kohyaKey = (key: string): string =>
  key.replace(/^base_model\.model\.(?=.*\.lora_[AB]\.weight$)/, "")
    .replace(/\.lora_A\.weight$/, ".lora_down.weight")
    .replace(/\.lora_B\.weight$/, ".lora_up.weight");

/** Throws for keys of none of these forms, before a tensor is read. */
function assertKohyaKeys(keys: readonly string[]): void {
  if (kohyaModules(keys.map(kohyaKey)).length > 0) return;
  throw new AdapterFileError(
    `its keys must be those of PEFT, kohya, diffusers or loralib, found ${quote(keys.slice(0, 3))}`,
  );
}

const one = (value: number): HostTensor => ({ shape: [], data: Float32Array.of(value) });

function layersIn(metadata: Readonly<Record<string, string>>): string[] {
  const layers = Object.hasOwn(metadata, layersKey) ? jsonValue(metadata[layersKey]) : [];
  return Array.isArray(layers) && layers.every(isText) ? layers : [];
}

function assertAlpha([module]: readonly string[]): void {
  if (module === undefined) return;
  throw new AdapterFileError(
    `a file with keys of PEFT but no adapter_config.json must have alpha of every module, found none of ${
      quote(module)
    }: give --alpha`,
  );
}

/** A name that begins with a network's still has underscores for its dots. */
function assertPaths(updates: readonly LowRankUpdate[]): void {
  const vague = updates.find(({ module }) => /^lora_[a-z0-9]+_/.test(module));
  if (vague === undefined) return;
  throw new AdapterFileError(
    `underscores must be told from dots by the layers of the base, found ${
      quote(vague.module)
    }: give --base`,
  );
}

type PeftFacts =
  | "baseModelName"
  | "taskType"
  | "fanInFanOut"
  | "labels"
  | "promptFormat"
  | "start"
  | "freezeA";

/** The key in `__metadata__`: fields of PEFT's configuration; other programs pass over it. */
const PEFT_KEY = "lowrank.peft";

/** Metadata with what neither kohya's form nor loralib's has a place for. */
function peftMetadata(
  { baseModelName, taskType, fanInFanOut, labels, promptFormat, start, freezeA }: AdapterRecord,
): Record<string, string> {
  const fields = {
    base_model_name_or_path: baseModelName,
    task_type: taskType,
    fan_in_fan_out: fanInFanOut,
  };
  return {
    [PEFT_KEY]: JSON.stringify(fields),
    ...labelsMetadata(labels),
    ...promptMetadata(promptFormat),
    ...startMetadata(start),
    ...frozenMetadata(freezeA),
  };
}

/**
 * Facts in the metadata of {@link peftMetadata}; without them, no task is known.
 *
 * @throws {Error} when labels or prompts in it are broken.
 */
function parsePeftMetadata(
  metadata: Readonly<Record<string, string>>,
): Pick<AdapterRecord, PeftFacts> {
  const stated = Object.hasOwn(metadata, PEFT_KEY) ? jsonValue(metadata[PEFT_KEY]) : undefined;
  const { base_model_name_or_path: base, task_type: task, fan_in_fan_out } = isRecord(stated)
    ? stated
    : {} as Record<string, unknown>;
  return {
    baseModelName: isText(base) ? base : undefined,
    taskType: isText(task) ? task : null,
    fanInFanOut: fan_in_fan_out === true,
    labels: parseLabels(metadata),
    promptFormat: parsePromptFormat(metadata),
    start: parseStart(metadata),
    freezeA: parseFrozen(metadata),
  };
}

/** Choices that the forms leave to the caller. */
export interface DialectChoices {
  /** `enable_lora` of loralib's `MergedLinear`. */
  readonly enabled?: readonly boolean[];
  /** kohya's name of the part of a diffusion model. */
  readonly network?: string;
}

/**
 * The files, the one that makes the folder readable last.
 *
 * @throws {AdapterFileError} when the form cannot hold all of the record.
 */
export async function dialectFiles(
  to: AdapterDialect,
  output: string,
  record: AdapterRecord,
  { enabled, network }: DialectChoices,
): Promise<{ files: FolderFile[]; alpha?: number }> {
  if (to === "peft") return { files: await adapterFiles(output, record) };
  assertHolds(to, record);
  const { dtype } = record, stated = peftMetadata(record);
  if (to === "loralib") {
    const { tensors, metadata: own, alpha } = loralibFile(record, enabled);
    const metadata = { ...stated, ...own };
    const path = pathIn(output, "lora.safetensors");
    return { files: [safetensorsFile(path, tensors, { dtype, metadata })], alpha };
  }
  const modules = [...Map.groupBy(record.updates, ({ module }) => module).values()].map(joined);
  const layers = JSON.stringify(modules.map(({ module }) => module));
  const path = pathIn(output, "pytorch_lora_weights.safetensors");
  const metadata = { format: "pt", ...stated, [layersKey]: layers };
  const tensors = Array.from(kohyaTensors(modules, network), inOwnType);
  return { files: [safetensorsFile(path, tensors, { dtype, metadata })] };
}

/** 16 bits do not hold every α. */
function inOwnType([name, tensor]: readonly [string, HostTensor]) {
  if (!name.endsWith(".alpha")) return [name, tensor] as const;
  const { shape, data } = tensor;
  const pieces = async function* () {
    yield encode(data, "F32");
  };
  return [name, { shape, dtype: "F32", pieces } satisfies EncodedTensor] as const;
}

const joined = (sites: readonly LowRankUpdate[]): LowRankUpdate => joinUpdates(sites);

/**
 * Neither form tells an embedding from a layer, or has magnitudes, biases of B or rows of tokens; kohya's has no
 * whole modules, either.
 */
function assertHolds(
  to: AdapterDialect,
  { updates, saved, biases, rows }: AdapterRecord,
): void {
  const embedding = updates.find(({ isEmbedding }) => isEmbedding);
  const dora = updates.find(({ magnitude }) => magnitude);
  const biased = updates.find(({ bias }) => bias);
  const others = to === "kohya" ? [...saved?.keys() ?? [], ...biases?.keys() ?? []] : [];
  const found = embedding
    ? `the adapted embedding "${embedding.module}"`
    : dora
    ? `DoRA on "${dora.module}": lowrank combine --base writes it as A and B`
    : biased
    ? `a bias of B on "${biased.module}"`
    : rows && rows.size > 0
    ? `trained tokens of "${[...rows.keys()][0]}"`
    : others.length > 0 && `"${others[0]}", which was trained in full`;
  if (!found) return;
  const holds = to === "kohya" ? "A, B and alpha" : "A, B, biases and whole modules";
  throw new AdapterFileError(`a file of ${to} holds ${holds} alone, found ${found}`);
}

/** Facts that files of other programs than PEFT do not state. */
export interface ForeignFacts {
  /** α of modules that the file has none of. */
  readonly alpha?: number;
  /** `enable_lora` of loralib's `MergedLinear`. */
  readonly enabled?: readonly boolean[];
  /** Paths of the base's layers, of which kohya writes no dots. */
  readonly layers?: readonly string[];
}

/**
 * LoRA that changes the base as a VeRA adapter does: B' = b ⊙ B and A' = d ⊙ A for each layer, of its rank or of the
 * smaller side of the weight. The values are exact in float64, so that a proof sees what rounding them does.
 *
 * @throws {AdapterFileError} when the adapter is broken, or does not fit the base.
 */
async function veraRecord(base: BaseFile, folder: AdapterFolder): Promise<AdapterRecord> {
  const { config, updates, others, promptFormat } = await readVera(base, folder);
  const { baseModelName, taskType = null, fanInFanOut, dropout, savedModules } = config;
  return {
    updates: updates.map(withinSides),
    saved: others,
    ...{ baseModelName, taskType, fanInFanOut, dropout, promptFormat },
    ...savedModules.length > 0 && { savedModules },
    labels: await namedLabels(folder),
  };
}

/** Form of an adapter, named after its program. */
export type AdapterDialect = "peft" | "kohya" | "loralib";

/** Options for reading an adapter of any form. */
export interface ReadAnyOptions extends ForeignFacts {
  /** Faults that may pass in a folder of PEFT. */
  readonly allow?: readonly AdapterException[];
  /** The base, which VeRA needs. */
  readonly baseFile?: BaseFile;
}

/** An adapter and whose form it had. */
export interface AnyAdapter {
  /** Its form. */
  readonly dialect: AdapterDialect;
  /** Its content. */
  readonly record: AdapterRecord;
  /** Facts that the file does not state, in sentences. */
  readonly notes: readonly string[];
}

/**
 * Reads a folder of PEFT, or a safetensors file of kohya, diffusers or loralib, or a folder that has one. VeRA is
 * read as LoRA that changes its base in the same way.
 *
 * @throws {AdapterFileError} when it is none of them, or leaves open what `options` does not say.
 */
export async function readAnyAdapter(path: string, options: ReadAnyOptions): Promise<AnyAdapter> {
  if (await hasFile(path, configFile)) {
    if (options.alpha !== undefined) {
      throw new RangeError(
        `--alpha is for files that do not say it, found ${path}, whose configuration does`,
      );
    }
    using open = new AdapterFolder(path);
    if (await isVera("convert", open)) return await readVeraAs(open, path, options);
    const record = await readRecord(open, options), { passed } = record;
    const notes = passed.length > 0 ? [`let pass in ${path}: ${passed.join(", ")}`] : [];
    return { dialect: "peft", record, notes };
  }
  if (options.allow) {
    throw new RangeError(`--allow is about folders of PEFT, found none in ${path}`);
  }
  return await readForeign(await weightsIn(path), options);
}

/** VeRA as LoRA. */
async function readVeraAs(
  open: AdapterFolder,
  path: string,
  { baseFile, allow }: ReadAnyOptions,
): Promise<AnyAdapter> {
  if (allow) throw new RangeError(`--allow is about LoRA, found VeRA in ${path}`);
  if (!baseFile) refuseWithoutBase("convert", path);
  const note = "VeRA becomes LoRA: its shared matrices are in A and B of every layer";
  return { dialect: "peft", record: await veraRecord(baseFile, open), notes: [note] };
}

/** Reads a file of kohya, diffusers or loralib. */
export async function readForeign(file: FileSource, facts: ForeignFacts): Promise<AnyAdapter> {
  using source = await openSafetensorsFile(file);
  const { metadata } = source, tensors = new Map<string, HostTensor>();
  const keys = [...source.tensors.keys()], factors = keys.filter((key) => !key.endsWith(".alpha"));
  const dtype = floatDtypeOf(factors.map((key) => source.tensors.get(key)!));
  const isLoralib = keys.some((key) => key.endsWith(".lora_A"));
  try {
    if (!isLoralib) assertKohyaKeys(keys);
    for (const key of keys) tensors.set(key, await source.read(key));
    const stated = { ...parsePeftMetadata(metadata), dtype };
    if (isLoralib) {
      const record = { ...loralibRecord(tensors, metadata, facts), ...stated };
      return { dialect: "loralib", record, notes: [] };
    }
    const { notes, ...record } = kohyaRecord(tensors, metadata, facts);
    const dialect = isPeft(tensors.keys()) ? "peft" : "kohya";
    return { dialect, record: { ...record, ...stated }, notes };
  } catch (error) {
    const { message } = error as Error;
    throw new AdapterFileError(`cannot convert ${fileName(file)}: ${message}`, { cause: error });
  }
}

/** The one file of weights at a path. */
async function weightsIn(path: string): Promise<FileSource> {
  if (await kindOf(path) === "file") return readable(path);
  await assertAdapterFolder(path, true);
  const names = await listFolder(path), found = names.filter((name) => /\.safetensors$/.test(name));
  const pickle = names.find((name) => isPickle.test(name));
  if (found.length === 0 && pickle !== undefined) return readable(pathIn(path, pickle));
  if (found.length === 1) return fileIn(path, found[0]);
  throw new AdapterFileError(
    `cannot convert ${path}: it must have adapter_config.json or one safetensors file, found ${
      found.length === 0 ? "none" : found.join(" and ")
    }`,
  );
}

const isPickle = /\.(bin|pt|pth|ckpt)$/;

/** The path, unless it is that of a pickle. */
function readable(path: string): string {
  if (!isPickle.test(path)) return path;
  const name = path.slice(path.lastIndexOf("/") + 1);
  throw new AdapterFileError(
    `cannot convert ${path}: a pickle can run code; make a safetensors file of it in its folder by ${
      pickleConversion(name, name.replace(isPickle, ".safetensors"))
    }`,
  );
}
