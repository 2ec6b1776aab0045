/** How the base was quantized that an adapter was trained on, in the metadata of its weights. @module */

import { AdapterFileError } from "../core/errors.ts";
import { isRecord, jsonValue } from "../core/json.ts";
import { quote } from "../core/quote.ts";
import type { Folder } from "../core/storage.ts";
import { fourBitCodes } from "../quant/codes.ts";
import { blockSizes, type QuantizedForm } from "../quant/quantized_tensor.ts";
import { openWeights } from "./adapter_weights.ts";
import { quantizedNames, readFourBitForm } from "./read_quantized.ts";
import type { SafetensorsFile } from "./safetensors.ts";

/** The key in `__metadata__`; PEFT only reads `format`. */
const KEY = "lowrank.quantizedBase";

/** Metadata that record it; empty for a base of floats. */
export function quantizedBaseMetadata(base: QuantizedForm | undefined): Record<string, string> {
  if (!base) return {};
  const { code, blockSize, doubleQuantization } = base;
  return { [KEY]: JSON.stringify({ code, blockSize, doubleQuantization }) };
}

/**
 * What the metadata record, if they do.
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
  return (fourBitCodes as readonly unknown[]).includes(code) &&
    (blockSizes as readonly unknown[]).includes(blockSize) &&
    typeof doubleQuantization === "boolean";
}

/**
 * What an adapter's folder records; none of an adapter that was trained on floats, or by another program.
 *
 * @throws {AdapterFileError} As {@link parseQuantizedBase}.
 * @throws {Error} when its weights cannot be read.
 */
export async function readQuantizedBase(adapter: Folder): Promise<QuantizedForm | undefined> {
  using file = await openWeights(adapter, {});
  return parseQuantizedBase(file.metadata);
}

/**
 * How the weights of a model's files are stored, by the first one in 4 bits; none of floats.
 *
 * @throws {SyntaxError} when its state is wrong.
 */
export async function quantizedBaseIn(file: SafetensorsFile): Promise<QuantizedForm | undefined> {
  const [name] = quantizedNames(file.tensors);
  return name === undefined ? undefined : await readFourBitForm(file, name);
}
