/** Writes safetensors files. @module */

import { assertOptions } from "../../core/checks.ts";
import { formatShape, type HostTensor, type Shape, sizeOf } from "../../core/tensor.ts";
import type { QuantizedTensor } from "../../quant/quantized_tensor.ts";
import { writeFileAtomic } from "../../storage/files.ts";
import type { FolderFile } from "../../storage/folder.ts";
import { splitPath } from "../../storage/storage.ts";
import { quantizedEntries } from "../four_bit.ts";
import type { FloatDtype } from "../../core/float_types.ts";
import {
  assertFloatDtype,
  assertStoredFinite,
  bitsOf,
  type Dtype,
  encode,
  type EncodedTensor,
  parseHeader,
  storedDtype,
} from "./header.ts";

/** Options of {@link writeSafetensors}. */
export interface WriteOptions {
  /** Dtype of floats in the file; integers stay I32 or U32. Default F32. */
  readonly dtype?: FloatDtype;
  /** The file's `__metadata__`. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Write NaN and infinity, and values that become infinite in `dtype`. Default false: refuse them. */
  readonly allowNonFinite?: boolean;
}

/** A tensor of floats that is read when it is written, so that a file takes the memory of one tensor. */
export interface UnreadTensor {
  /** Its extents. */
  readonly shape: Shape;
  /** Its values. */
  read(): Promise<HostTensor>;
}

/** Source of a tensor in a file. */
type FileTensor = HostTensor | UnreadTensor | EncodedTensor;

/** A tensor with its name and dtype in the file. */
interface Item {
  readonly name: string;
  readonly tensor: FileTensor;
  readonly dtype: Dtype;
}

/**
 * Writes tensors to a safetensors file, whole or not at all. The bytes depend only on the content:
 * larger dtypes come first, names are sorted within a size, and the header is padded to 8 bytes.
 *
 * A tensor in 4 bits is written as bitsandbytes does: packed codes, scales and a state beside them.
 *
 * Floats are rounded to nearest, ties to even; in F16, 65520 and more would become infinity. Memory: one
 * tensor's bytes in addition to the tensors themselves.
 *
 * After a crash at any time, a reader finds the old file or the new one.
 *
 * @throws {RangeError} when the dtype is unknown, a name occurs twice, data do not fill their shape, a
 * value is not finite in the file's dtype, or {@link parseHeader} would refuse the file, as with metadata
 * that are not text; nothing is written.
 * @throws {Error} when the disk is full or the folder missing or not writable; an older file is
 * unchanged.
 *
 * @example
 * ```ts
 * import { readSafetensors, writeSafetensors } from "@lowrank/core/formats";
 *
 * const path = await Deno.makeTempFile({ suffix: ".safetensors" });
 * const weights = new Map([["w", { shape: [1, 2], data: Float32Array.of(0.5, -2) }]]);
 * await writeSafetensors(path, weights, { dtype: "BF16", metadata: { format: "pt" } });
 * console.log((await readSafetensors(path)).tensors.get("w")?.data); // Float32Array [0.5, -2]
 * await Deno.remove(path);
 * ```
 */
export async function writeSafetensors(
  path: string,
  entries: Iterable<readonly [string, HostTensor | QuantizedTensor]>,
  options: WriteOptions = {},
): Promise<void> {
  assertOptions("writeSafetensors", options, {
    dtype: true,
    metadata: true,
    allowNonFinite: true,
  });
  const all = Array.from(entries, ([name, tensor]) => fileTensors(name, tensor)).flat();
  const { content, totalBytes } = safetensorsFile(path, all, options);
  await writeFileAtomic(path, content, totalBytes);
}

/**
 * A safetensors file that is to be saved with others. The values of unread tensors are checked as they are
 * written.
 *
 * @throws {RangeError} As {@link writeSafetensors}.
 */
export function safetensorsFile(
  path: string,
  entries: Iterable<readonly [string, FileTensor]>,
  { dtype: float = "F32", metadata, allowNonFinite = false }: WriteOptions = {},
): FolderFile {
  assertFloatDtype(float);
  const items = Array.from(entries, ([name, tensor]): Item => ({
    name,
    tensor,
    dtype: dtypeOf(tensor, float),
  })).sort(inFileOrder);
  const check = allowNonFinite ? () => {} : assertFinite(path);
  checkItems(path, items, check);
  const header = headerOf(items, metadata);
  const totalBytes = items.reduce((sum, item) => sum + bytesOf(item), header.length);
  assertReadable(path, header, totalBytes);
  return { name: splitPath(path).name, content: pieces(header, items, float, check), totalBytes };
}

/** A tensor, or all that belongs to one in 4 bits. */
function fileTensors(
  name: string,
  tensor: HostTensor | QuantizedTensor,
): (readonly [string, FileTensor])[] {
  return "packed" in tensor ? quantizedEntries(name, tensor) : [[name, tensor]];
}

function dtypeOf(tensor: FileTensor, float: FloatDtype): Dtype {
  if ("pieces" in tensor) return tensor.dtype;
  return "read" in tensor ? float : storedDtype(tensor.data, float);
}

/** A check of a tensor's values. */
type ValueCheck = (name: string, tensor: HostTensor, dtype: Dtype) => void;

const assertFinite = (path: string): ValueCheck => (name, tensor, dtype) =>
  assertStoredFinite(`cannot write ${path}`, name, tensor, dtype);

/** Throws for a header that our own reader would refuse. */
function assertReadable(path: string, header: Uint8Array, totalBytes: number): void {
  try {
    parseHeader(header, totalBytes);
  } catch (error) {
    const rule = (error as Error).message.replace(/^not a/, "it would not be a");
    throw new RangeError(`cannot write ${path}: ${rule}`, { cause: error });
  }
}

async function* pieces(
  header: Uint8Array,
  items: Item[],
  float: FloatDtype,
  check: ValueCheck,
): AsyncGenerator<Uint8Array> {
  yield header;
  for (const { name, tensor, dtype } of items) {
    if ("pieces" in tensor) yield* tensor.pieces();
    else if (!("read" in tensor)) yield encode(tensor.data, float);
    else yield encode(await readChecked(name, tensor, dtype, check), float);
  }
}

async function readChecked(name: string, tensor: UnreadTensor, dtype: Dtype, check: ValueCheck) {
  const values = await tensor.read();
  check(name, values, dtype);
  return values.data;
}

const bytesOf = ({ tensor, dtype }: Item): number => sizeOf(tensor.shape) * bitsOf(dtype) / 8;

function inFileOrder(a: Item, b: Item): number {
  return bitsOf(b.dtype) - bitsOf(a.dtype) || compare(a.name, b.name);
}

const compare = (a: string, b: string): number => a < b ? -1 : Number(a > b);

function checkItems(path: string, items: Item[], check: ValueCheck): void {
  const names = new Set<string>(["__metadata__"]);
  for (const { name, dtype, tensor } of items) {
    if (names.has(name)) {
      throw new RangeError(
        `cannot write ${path}: names must be unique and not __metadata__, found "${name}"`,
      );
    }
    names.add(name);
    if (!("data" in tensor)) continue;
    const { shape, data } = tensor;
    if (data.length !== sizeOf(shape)) {
      const rule = `"${name}" of shape ${formatShape(shape)} needs ${sizeOf(shape)} values`;
      throw new RangeError(`cannot write ${path}: ${rule}, found ${data.length}`);
    }
    check(name, tensor, dtype);
  }
}

/** The length, the JSON, and spaces up to a multiple of 8 bytes. */
function headerOf(items: Item[], metadata?: Readonly<Record<string, string>>): Uint8Array {
  const json = new TextEncoder().encode(headerJson(items, metadata));
  const padded = Math.ceil(json.length / 8) * 8;
  const header = new Uint8Array(8 + padded).fill(0x20, 8);
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true);
  header.set(json, 8);
  return header;
}

function headerJson(items: Item[], metadata?: Readonly<Record<string, string>>): string {
  const fields: string[] = [];
  if (metadata) {
    const sorted = Object.entries(metadata).sort(([a], [b]) => compare(a, b));
    fields.push(`"__metadata__":${JSON.stringify(Object.fromEntries(sorted))}`);
  }
  let end = 0;
  for (const item of items) {
    const { name, dtype, tensor: { shape } } = item;
    const offsets = [end, end += bytesOf(item)];
    fields.push(
      `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: offsets })}`,
    );
  }
  return `{${fields.join(",")}}`;
}
