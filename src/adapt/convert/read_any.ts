/** Adapters of any program as records, told apart by their keys. @module */

import { AdapterFileError } from "../../core/errors.ts";
import { listFolder } from "../../core/files.ts";
import type { HostTensor } from "../../core/host_tensor.ts";
import { isText, jsonValue } from "../../core/json.ts";
import { quote } from "../../core/quote.ts";
import { fileIn, fileName, type FileSource, hasFile, kindOf } from "../../core/storage.ts";
import { floatDtypeOf } from "../../formats/dtype.ts";
import { assertAdapterFolder } from "../../formats/folder_kind.ts";
import { type AdapterException, type AdapterRecord, kohyaUpdates } from "../../formats/mod.ts";
import { pickleConversion } from "../../formats/pickle.ts";
import { type ReadRecord, readRecord } from "../../formats/read_record.ts";
import { openSafetensorsFile } from "../../formats/safetensors.ts";
import { loralibRecord } from "./loralib_record.ts";

/** Whose form an adapter has. */
export type AdapterDialect = "peft" | "kohya" | "loralib";

/** What files of other programs than PEFT leave open. */
export interface ForeignFacts {
  /** α of modules that the file has none of. */
  readonly alpha?: number;
  /** `enable_lora` of loralib's `MergedLinear`. */
  readonly enabled?: readonly boolean[];
  /** Paths of the base's layers, of which kohya writes no dots. */
  readonly layers?: readonly string[];
}

/** How any adapter is read. */
export interface ReadAnyOptions extends ForeignFacts {
  /** What may pass in a folder of PEFT. */
  readonly allow?: readonly AdapterException[];
}

/** An adapter and whose form it had. */
export interface AnyAdapter {
  /** Whose form. */
  readonly dialect: AdapterDialect;
  /** What it holds. */
  readonly record: AdapterRecord;
  /** Facts that the file does not state, in sentences. */
  readonly notes: readonly string[];
}

/**
 * Reads a folder of PEFT, or a safetensors file of kohya, diffusers or loralib, or a folder that has one.
 *
 * @throws {AdapterFileError} when it is none of them, or leaves open what `options` does not say.
 */
export async function readAnyAdapter(path: string, options: ReadAnyOptions): Promise<AnyAdapter> {
  if (await hasFile(path, "adapter_config.json")) {
    const record = await readRecord(path, options), { passed } = record;
    const notes = passed.length > 0 ? [`let pass in ${path}: ${passed.join(", ")}`] : [];
    return { dialect: "peft", record, notes };
  }
  if (options.allow) {
    throw new RangeError(`--allow is about folders of PEFT, found none in ${path}`);
  }
  return await readForeign(await weightsIn(path), options);
}

/** Reads a file of kohya, diffusers or loralib. */
export async function readForeign(file: FileSource, facts: ForeignFacts): Promise<AnyAdapter> {
  using source = await openSafetensorsFile(file);
  const { metadata } = source, tensors = new Map<string, HostTensor>();
  const keys = [...source.tensors.keys()], factors = keys.filter((key) => !key.endsWith(".alpha"));
  const dtype = floatDtypeOf(factors.map((key) => source.tensors.get(key)!));
  try {
    for (const key of keys) tensors.set(key, await source.read(key));
    if (keys.some((key) => key.endsWith(".lora_A"))) {
      const record = { ...loralibRecord(tensors, metadata, facts), dtype };
      return { dialect: "loralib", record, notes: [] };
    }
    return kohyaRecord(tensors, metadata, facts, dtype);
  } catch (error) {
    const { message } = error as Error;
    throw new AdapterFileError(`cannot convert ${fileName(file)}: ${message}`, { cause: error });
  }
}

/** The key in the metadata of our files of kohya's form: the paths of the layers. */
export const layersKey = "lowrank.layers";

function kohyaRecord(
  given: ReadonlyMap<string, HostTensor>,
  metadata: Readonly<Record<string, string>>,
  { alpha, layers }: ForeignFacts,
  dtype: ReadRecord["dtype"],
): AnyAdapter {
  const tensors = new Map([...given].map(([key, tensor]) => [kohyaKey(key), tensor]));
  const modules = [...tensors.keys()].filter((key) => key.endsWith("down.weight"))
    .map((key) => key.replace(/\.(lora_|lora\.|lora_linear_layer\.)down\.weight$/, ""));
  if (modules.length === 0) {
    throw new AdapterFileError(
      `its keys must be those of PEFT, kohya, diffusers or loralib, found ${
        quote([...given.keys()].slice(0, 3))
      }`,
    );
  }
  const silent = modules.filter((module) => !tensors.has(`${module}.alpha`));
  if (alpha === undefined && [...given.keys()].some((key) => key.endsWith(".lora_A.weight"))) {
    assertAlpha(silent);
  }
  if (alpha !== undefined) {
    for (const module of silent) {
      tensors.set(`${module}.alpha`, one(alpha));
    }
  }
  const known = layers ?? layersIn(metadata), updates = kohyaUpdates(tensors, known);
  const vague = updates.find(({ module }) => /^lora_[a-z0-9]+_/.test(module));
  if (vague) {
    throw new AdapterFileError(
      `underscores must be told from dots by the layers of the base, found ${
        quote(vague.module)
      }: give --base`,
    );
  }
  const count = alpha === undefined ? silent.length : 0;
  const note = `no alpha in the file for ${count} of ${modules.length} modules: their scaling is 1`;
  const record = { updates, taskType: null, dtype };
  return { dialect: "kohya", record, notes: count > 0 ? [note] : [] };
}

/** PEFT's keys, with or without its prefix, in kohya's words. */
const kohyaKey = (key: string): string =>
  key.replace(/^base_model\.model\.(?=.*\.lora_[AB]\.weight$)/, "")
    .replace(/\.lora_A\.weight$/, ".lora_down.weight").replace(
      /\.lora_B\.weight$/,
      ".lora_up.weight",
    );

function assertAlpha([module]: readonly string[]): void {
  if (module === undefined) return;
  throw new AdapterFileError(
    `a file with keys of PEFT but no adapter_config.json must have alpha of every module, found none of ${
      quote(module)
    }: give --alpha`,
  );
}

const one = (value: number): HostTensor => ({ shape: [], data: Float32Array.of(value) });

function layersIn(metadata: Readonly<Record<string, string>>): string[] {
  const layers = Object.hasOwn(metadata, layersKey) ? jsonValue(metadata[layersKey]) : [];
  return Array.isArray(layers) && layers.every(isText) ? layers : [];
}

/** The one file of weights at a path. */
async function weightsIn(path: string): Promise<string> {
  if (await kindOf(path) === "file") return readable(path);
  await assertAdapterFolder(path);
  const names = await listFolder(path), found = names.filter((name) => /\.safetensors$/.test(name));
  const pickle = names.find((name) => isPickle.test(name));
  if (found.length === 0 && pickle !== undefined) return readable(fileIn(path, pickle));
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
