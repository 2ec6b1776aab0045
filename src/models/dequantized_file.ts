/** Files of weights in 4 bits as files of floats. @module */

import type { HostTensor } from "../core/host_tensor.ts";
import { sizeOf } from "../core/shape.ts";
import type { FloatDtype } from "../formats/dtype.ts";
import type { SafetensorsFile, TensorEntry, TensorPiece } from "../formats/mod.ts";
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

/** A file of floats, and which of its weights are really in 4 bits. */
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
  return { file: new FloatView(file, entries, isTurned), quantized };
}

/** The view of a file that {@link dequantizedFile} gives. */
class FloatView implements SafetensorsFile {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: SafetensorsFile["metadata"];
  readonly #file: SafetensorsFile;
  readonly #fourBit: ReadonlyMap<string, TensorEntry>;
  readonly #isTurned: (name: string) => boolean;
  #last?: { readonly name: string; readonly tensor: HostTensor };

  constructor(
    file: SafetensorsFile,
    fourBit: ReadonlyMap<string, TensorEntry>,
    isTurned: (name: string) => boolean,
  ) {
    this.tensors = new Map([...withoutParts(file.tensors, fourBit), ...fourBit]);
    this.metadata = file.metadata;
    this.#file = file;
    this.#fourBit = fourBit;
    this.#isTurned = isTurned;
  }

  read(name: string): Promise<HostTensor> {
    return this.#fourBit.has(name) ? this.#valuesOf(name) : this.#file.read(name);
  }

  async *pieces(name: string, asStored?: boolean): AsyncIterable<TensorPiece> {
    if (!this.#fourBit.has(name)) return yield* this.#file.pieces(name, asStored);
    yield { start: 0, data: (await this.#valuesOf(name)).data };
  }

  async readBytes(name: string, start: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (!this.#fourBit.has(name)) return await this.#file.readBytes(name, start, length);
    const { buffer, byteOffset } = (await this.#valuesOf(name)).data;
    return new Uint8Array(buffer, byteOffset + start, length).slice();
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }

  async #valuesOf(name: string): Promise<HostTensor> {
    if (this.#last?.name === name) return this.#last.tensor;
    this.#last = undefined; // Two of them would be in memory.
    const values = dequantize(await readQuantized(this.#file, name));
    const tensor = this.#isTurned(name) ? transpose(values) : values;
    this.#last = { name, tensor };
    return tensor;
  }
}

/** The tensors that are no scales, maps or states of weights in 4 bits. */
const withoutParts = (
  tensors: ReadonlyMap<string, TensorEntry>,
  quantized: ReadonlyMap<string, unknown>,
): [string, TensorEntry][] =>
  [...tensors].filter(([key]) => {
    const owner = ownerOf(key);
    return owner === undefined || !quantized.has(owner);
  });

const floatEntry = (shape: readonly number[]): TensorEntry => ({
  ...{ dtype: "F32", shape, offset: 0, bytes: 4 * sizeOf(shape) },
});
