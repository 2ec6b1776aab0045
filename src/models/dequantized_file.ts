/** Files of weights in 4 bits as files of floats. @module */

import { sizeOf } from "../core/shape.ts";
import { bitsOf, decode, encode, type FloatDtype, storedBits } from "../formats/dtype.ts";
import type { SafetensorsFile, TensorEntry } from "../formats/mod.ts";
import { quantizedNames, readQuantized, readQuantizedState } from "../formats/read_quantized.ts";
import { dequantize } from "../quant/dequantize.ts";
import type { UnquantizedType } from "../quant/quantized_tensor.ts";
import { transpose } from "./transpose.ts";

/** The type of a file that holds what was quantized. */
export const storedAs: Readonly<Record<UnquantizedType, FloatDtype>> = {
  float32: "F32",
  float16: "F16",
  bfloat16: "BF16",
};

/**
 * A file whose weights in 4 bits are what they were quantized from, but for the rounding: of that type, as
 * bitsandbytes dequantizes them, and (in, out) where files of floats have them so. The file itself, if it has none.
 * The last one that was read stays in memory.
 *
 * @param isTurned Which weights are (in, out) in files of floats; those in 4 bits are (out, in) in all.
 * @throws {SyntaxError} when a weight's state is missing or wrong.
 */
export async function dequantizedFile(
  file: SafetensorsFile,
  isTurned: (name: string) => boolean,
): Promise<SafetensorsFile> {
  const names = quantizedNames(file.tensors);
  if (names.length === 0) return file;
  const tensors = withoutParts(file.tensors, names), quantized = new Map<string, TensorEntry>();
  for (const name of names) quantized.set(name, await floatEntry(file, name, isTurned(name)));
  for (const [name, entry] of quantized) tensors.set(name, entry);
  let last: { readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> } | undefined;
  const bytesOf = async (name: string, { dtype }: TensorEntry) => {
    if (last?.name === name) return last.bytes;
    last = undefined; // Two of them would be in memory.
    const values = dequantize(await readQuantized(file, name));
    const { data } = isTurned(name) ? transpose(values) : values;
    last = { name, bytes: encode(data, dtype as FloatDtype) as Uint8Array<ArrayBuffer> };
    return last.bytes;
  };
  const read = async (name: string) => {
    const entry = quantized.get(name);
    if (!entry) return await file.read(name);
    return { shape: entry.shape, data: decode(entry.dtype, await bytesOf(name, entry)) };
  };
  return {
    tensors,
    metadata: file.metadata,
    read,
    pieces: async function* (name, asStored) {
      const entry = quantized.get(name);
      if (!entry) return yield* file.pieces(name, asStored);
      const valuesOf = asStored ? storedBits : decode;
      yield { start: 0, data: valuesOf(entry.dtype, await bytesOf(name, entry)) };
    },
    readBytes: async (name, start, length) => {
      const entry = quantized.get(name);
      if (!entry) return await file.readBytes(name, start, length);
      return (await bytesOf(name, entry)).slice(start, start + length);
    },
    [Symbol.dispose]: () => file[Symbol.dispose](),
  };
}

/** The tensors that are no scales, maps or states of weights in 4 bits. */
function withoutParts(
  tensors: ReadonlyMap<string, TensorEntry>,
  names: readonly string[],
): Map<string, TensorEntry> {
  const quantized = new Set(names);
  return new Map([...tensors].filter(([key]) => ownerOf(key, quantized) === undefined));
}

/** The weight in 4 bits that a tensor is a part of, beside its codes. */
export function ownerOf(key: string, quantized: ReadonlySet<string>): string | undefined {
  for (let end = key.lastIndexOf("."); end > 0; end = key.lastIndexOf(".", end - 1)) {
    const name = key.slice(0, end);
    if (quantized.has(name)) return name;
  }
}

async function floatEntry(
  file: SafetensorsFile,
  name: string,
  isTurned: boolean,
): Promise<TensorEntry> {
  const { shape, type } = await readQuantizedState(file, name), dtype = storedAs[type];
  const bytes = sizeOf(shape) * bitsOf(dtype) / 8;
  return { dtype, shape: isTurned ? shape.toReversed() : shape, offset: 0, bytes };
}
