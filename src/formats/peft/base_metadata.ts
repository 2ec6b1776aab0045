/**
 * Quantization of the base that an adapter was trained on, in the metadata of its weights.
 *
 * @module
 */

import { isRecord, jsonValue } from "../../core/checks.ts";
import { AdapterFileError, quote } from "../../core/errors.ts";
import { mostTensorBytes } from "../../core/limits.ts";
import { blockSizes, isFourBitCode, type QuantizedForm } from "../../quant/quantized_tensor.ts";
import { sha256 } from "../../storage/digest.ts";
import { readBytes } from "../../storage/files.ts";
import { fileIn, type Folder, folderName } from "../../storage/storage.ts";
import { quantizedNames, readFourBitForm } from "../four_bit.ts";
import type { SafetensorsFile } from "../safetensors/read.ts";
import { openWeights, weightsFileIn } from "./read.ts";

/** The key in `__metadata__`; PEFT only reads `format`. */
const KEY = "lowrank.quantizedBase";

/** Metadata that record it; empty for a base of floats. */
export function quantizedBaseMetadata(base: QuantizedForm | undefined): Record<string, string> {
  if (!base) return {};
  const { code, blockSize, doubleQuantization } = base;
  return { [KEY]: JSON.stringify({ code, blockSize, doubleQuantization }) };
}

/**
 * Quantization of the base that the metadata record, if any.
 *
 * @throws {AdapterFileError} when it is not what {@link quantizedBaseMetadata} writes.
 */
export function parseQuantizedBase(
  metadata: Readonly<Record<string, string>>,
): QuantizedForm | undefined {
  if (!Object.hasOwn(metadata, KEY)) return undefined;
  const value = jsonValue(metadata[KEY]);
  if (isRecord(value) && isForm(value)) return value;
  throw new AdapterFileError(
    `metadata "${KEY}" must have a code, a blockSize and doubleQuantization, found ${quote(value)}`,
  );
}

function isForm(
  value: Readonly<Record<string, unknown>>,
): value is Record<string, unknown> & QuantizedForm {
  const { code, blockSize, doubleQuantization } = value;
  return isFourBitCode(code) &&
    (blockSizes as readonly unknown[]).includes(blockSize) &&
    typeof doubleQuantization === "boolean";
}

/**
 * Quantization of the base that an adapter's folder records; none of an adapter that was trained on
 * floats, or by another program.
 *
 * @throws {AdapterFileError} As {@link parseQuantizedBase}.
 * @throws {Error} when its weights cannot be read.
 */
export async function readQuantizedBase(adapter: Folder): Promise<QuantizedForm | undefined> {
  using file = await openWeights(adapter, {});
  return parseQuantizedBase(file.metadata);
}

/**
 * Storage form of the weights in a model's files, from the first one in 4 bits; none of floats.
 *
 * @throws {SyntaxError} when its state is wrong.
 */
export async function quantizedBaseIn(file: SafetensorsFile): Promise<QuantizedForm | undefined> {
  const [name] = quantizedNames(file.tensors);
  return name === undefined ? undefined : await readFourBitForm(file, name);
}

/** The key in `__metadata__`; other programs pass over it. */
const MERGED_KEY = "lowrank.merged";

/** Metadata with a line for each adapter; empty if there is none. */
export function mergedMetadata(files: readonly string[]): Record<string, string> {
  return files.length > 0 ? { [MERGED_KEY]: files.join("\n") } : {};
}

/** The lines of {@link mergedMetadata}. */
export function parseMerged(metadata: Readonly<Record<string, string>>): string[] {
  return Object.hasOwn(metadata, MERGED_KEY) ? metadata[MERGED_KEY].split("\n") : [];
}

/**
 * A line for the adapter in a folder: the end of its path is enough, with the digest of its weights.
 *
 * @throws {Error} when they cannot be read.
 */
export async function adapterFile(folder: Folder): Promise<string> {
  const name = folderName(folder).split(/[\\/]/).filter((part) => part !== "").slice(-2).join("/");
  const file = fileIn(folder, await weightsFileIn(folder));
  const weights = await readBytes(file, mostTensorBytes);
  return `${name} sha256 ${await sha256(weights)}`;
}
