/** Writes safetensors files. @module */

import { writeFileAtomic } from "../core/files.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import { formatShape, sizeOf } from "../core/shape.ts";
import { bitsOf, type Dtype, encode, type FloatDtype, storedDtype } from "./dtype.ts";

/** Options of {@link writeSafetensors}. */
export interface WriteOptions {
  /** Dtype of floats in the file; integers stay I32 or U32. Default F32. */
  readonly dtype?: FloatDtype;
  /** The file's `__metadata__`. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A tensor with its name and dtype in the file. */
interface Item {
  readonly name: string;
  readonly tensor: HostTensor;
  readonly dtype: Dtype;
}

/**
 * Writes tensors to a safetensors file, whole or not at all. The bytes depend only on the content:
 * larger dtypes come first, names are sorted within a size, and the header is padded to 8 bytes.
 *
 * Floats are rounded to nearest, ties to even; in F16, 65520 and more become infinity. Memory: one
 * tensor's bytes in addition to the tensors themselves.
 *
 * @throws {RangeError} when a name occurs twice or data do not fill their shape; nothing is written.
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
  entries: Iterable<readonly [string, HostTensor]>,
  options: WriteOptions = {},
): Promise<void> {
  const float = options.dtype ?? "F32";
  const items = Array.from(entries, ([name, tensor]): Item => ({
    name,
    tensor,
    dtype: storedDtype(tensor.data, float),
  })).sort(inFileOrder);
  checkItems(path, items);
  const header = headerOf(items, options.metadata);
  const total = items.reduce((sum, item) => sum + bytesOf(item), header.length);
  await writeFileAtomic(path, pieces(header, items, float), total);
}

function* pieces(header: Uint8Array, items: Item[], float: FloatDtype): Generator<Uint8Array> {
  yield header;
  for (const { tensor } of items) yield encode(tensor.data, float);
}

const bytesOf = ({ tensor, dtype }: Item): number => tensor.data.length * bitsOf(dtype) / 8;

function inFileOrder(a: Item, b: Item): number {
  return bitsOf(b.dtype) - bitsOf(a.dtype) || compare(a.name, b.name);
}

const compare = (a: string, b: string): number => a < b ? -1 : Number(a > b);

function checkItems(path: string, items: Item[]): void {
  const names = new Set<string>(["__metadata__"]);
  for (const { name, tensor: { shape, data } } of items) {
    if (names.has(name)) {
      throw new RangeError(
        `cannot write ${path}: names must be unique and not __metadata__, found "${name}"`,
      );
    }
    if (data.length !== sizeOf(shape)) {
      const rule = `"${name}" of shape ${formatShape(shape)} needs ${sizeOf(shape)} values`;
      throw new RangeError(`cannot write ${path}: ${rule}, found ${data.length}`);
    }
    names.add(name);
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
