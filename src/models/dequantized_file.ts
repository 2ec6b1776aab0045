/** Files of weights in 4 bits as files of floats. @module */

import type { HostTensor } from "../core/host_tensor.ts";
import { sizeOf } from "../core/shape.ts";
import type { FloatDtype } from "../formats/dtype.ts";
import type { SafetensorsFile, TensorEntry } from "../formats/mod.ts";
import { ownerOf } from "../formats/quantized_keys.ts";
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

/** A file of floats, and which of its weights are in 4 bits in truth. */
export interface DequantizedFile {
  /** The file. */
  readonly file: SafetensorsFile;
  /** The types that these were quantized from, by their names. */
  readonly quantized: ReadonlyMap<string, FloatDtype>;
}

/**
 * A file whose weights in 4 bits are the values in F32 that a device computes with, (in, out) where files of floats
 * have them so. bitsandbytes would round them to the type that was quantized, which no adapter has seen in
 * training here. The file itself, if it has none. The last one that was read stays in memory.
 *
 * @param isTurned Which weights are (in, out) in files of floats; those in 4 bits are (out, in) in all.
 * @throws {SyntaxError} when a weight's state is missing or wrong.
 */
export async function dequantizedFile(
  file: SafetensorsFile,
  isTurned: (name: string) => boolean,
): Promise<DequantizedFile> {
  const quantized = new Map<string, FloatDtype>(), entries = new Map<string, TensorEntry>();
  for (const name of quantizedNames(file.tensors)) {
    const { shape, type } = await readQuantizedState(file, name);
    quantized.set(name, storedAs[type]);
    entries.set(name, floatEntry(isTurned(name) ? shape.toReversed() : shape));
  }
  if (quantized.size === 0) return { file, quantized };
  let last: { readonly name: string; readonly tensor: HostTensor } | undefined;
  const valuesOf = async (name: string): Promise<HostTensor> => {
    if (last?.name === name) return last.tensor;
    last = undefined; // Two of them would be in memory.
    const values = dequantize(await readQuantized(file, name));
    last = { name, tensor: isTurned(name) ? transpose(values) : values };
    return last.tensor;
  };
  const floats: SafetensorsFile = {
    tensors: new Map([...withoutParts(file.tensors, quantized), ...entries]),
    metadata: file.metadata,
    read: (name) => entries.has(name) ? valuesOf(name) : file.read(name),
    pieces: async function* (name, asStored) {
      if (!entries.has(name)) return yield* file.pieces(name, asStored);
      yield { start: 0, data: (await valuesOf(name)).data };
    },
    readBytes: async (name, start, length) => {
      if (!entries.has(name)) return await file.readBytes(name, start, length);
      const { buffer, byteOffset } = (await valuesOf(name)).data;
      return new Uint8Array(buffer, byteOffset + start, length).slice();
    },
    [Symbol.dispose]: () => file[Symbol.dispose](),
  };
  return { file: floats, quantized };
}

/** The tensors that are no scales, maps or states of weights in 4 bits. */
const withoutParts = (
  tensors: ReadonlyMap<string, TensorEntry>,
  quantized: ReadonlyMap<string, FloatDtype>,
): [string, TensorEntry][] =>
  [...tensors].filter(([key]) => {
    const owner = ownerOf(key);
    return owner === undefined || !quantized.has(owner);
  });

const floatEntry = (shape: readonly number[]): TensorEntry => ({
  ...{ dtype: "F32", shape, offset: 0, bytes: 4 * sizeOf(shape) },
});
