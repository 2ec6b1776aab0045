/** Adapters of any program as records, told apart by their keys. @module */

import { AdapterFileError } from "../../core/errors.ts";
import { listFolder } from "../../core/files.ts";
import type { HostTensor } from "../../core/host_tensor.ts";
import { fileIn, fileName, type FileSource, hasFile, kindOf, pathIn } from "../../core/storage.ts";
import { floatDtypeOf } from "../../formats/dtype.ts";
import { assertAdapterFolder } from "../../formats/folder_kind.ts";
import type { AdapterException, AdapterRecord } from "../../formats/mod.ts";
import { pickleConversion } from "../../formats/pickle.ts";
import { readRecord } from "../../formats/read_record.ts";
import { openSafetensorsFile } from "../../formats/safetensors.ts";
import type { BaseFile } from "../../models/base_file.ts";
import { isVera, refuseWithoutBase } from "../update_method.ts";
import type { ForeignFacts } from "./foreign_facts.ts";
import { assertKohyaKeys, kohyaRecord } from "./kohya_record.ts";
import { loralibRecord } from "./loralib_record.ts";
import { parsePeftMetadata } from "./peft_metadata.ts";
import { veraRecord } from "./vera_record.ts";

/** Whose form an adapter has. */
export type AdapterDialect = "peft" | "kohya" | "loralib";

/** How any adapter is read. */
export interface ReadAnyOptions extends ForeignFacts {
  /** What may pass in a folder of PEFT. */
  readonly allow?: readonly AdapterException[];
  /** The base, which VeRA needs. */
  readonly baseFile?: BaseFile;
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
 * Reads a folder of PEFT, or a safetensors file of kohya, diffusers or loralib, or a folder that has one. VeRA is
 * read as LoRA that changes its base in the same way.
 *
 * @throws {AdapterFileError} when it is none of them, or leaves open what `options` does not say.
 */
export async function readAnyAdapter(path: string, options: ReadAnyOptions): Promise<AnyAdapter> {
  if (await hasFile(path, "adapter_config.json")) {
    if (options.alpha !== undefined) {
      throw new RangeError(
        `--alpha is for files that do not say it, found ${path}, whose configuration does`,
      );
    }
    if (await isVera("convert", path)) return await readVeraAs(path, options);
    const record = await readRecord(path, options), { passed } = record;
    const notes = passed.length > 0 ? [`let pass in ${path}: ${passed.join(", ")}`] : [];
    return { dialect: "peft", record, notes };
  }
  if (options.allow) {
    throw new RangeError(`--allow is about folders of PEFT, found none in ${path}`);
  }
  return await readForeign(await weightsIn(path), options);
}

/** VeRA as LoRA. */
async function readVeraAs(path: string, { baseFile, allow }: ReadAnyOptions): Promise<AnyAdapter> {
  if (allow) throw new RangeError(`--allow is about LoRA, found VeRA in ${path}`);
  if (!baseFile) refuseWithoutBase("convert", path);
  const note = "VeRA becomes LoRA: its shared matrices are in A and B of every layer";
  return { dialect: "peft", record: await veraRecord(baseFile, path), notes: [note] };
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
    return { dialect: "kohya", record: { ...record, ...stated }, notes };
  } catch (error) {
    const { message } = error as Error;
    throw new AdapterFileError(`cannot convert ${fileName(file)}: ${message}`, { cause: error });
  }
}

/** The one file of weights at a path. */
async function weightsIn(path: string): Promise<FileSource> {
  if (await kindOf(path) === "file") return readable(path);
  await assertAdapterFolder(path);
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
