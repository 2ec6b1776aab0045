/** Files with weights in 4 bits, seen as files of floats. @module */

import type { FloatDtype } from "../../core/float_types.ts";
import { type HostTensor, sizeOf } from "../../core/tensor.ts";
import type { TensorEntry } from "../../formats/safetensors/header.ts";
import type { SafetensorsFile, TensorPiece } from "../../formats/safetensors/read.ts";
import { transpose } from "../layers.ts";
import type { PackedForm } from "./form.ts";
import { ownerIn, packedForms } from "./forms.ts";

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
 * @param isTurned True for the weights that are (in, out) in files of floats; those in 4 bits are (out, in) in all.
 * @throws {SyntaxError} when a weight's state is missing or wrong.
 */
export async function dequantizedFile(
  file: SafetensorsFile,
  isTurned: (name: string) => boolean,
): Promise<DequantizedFile> {
  const quantized = new Map<string, FloatDtype>(), weights = new Map<string, PackedWeight>();
  for (const form of packedForms) {
    for (const name of form.namesIn(file)) {
      const { shape, dtype } = await form.floatsOf(file, name);
      quantized.set(name, dtype);
      weights.set(name, { form, entry: floatEntry(isTurned(name) ? shape.toReversed() : shape) });
    }
  }
  if (quantized.size === 0) return { file, quantized };
  return { file: new FloatView(file, weights, isTurned), quantized };
}

/** A weight that is several tensors of a file, and the one tensor that it is taken for. */
interface PackedWeight {
  readonly form: PackedForm;
  readonly entry: TensorEntry;
}

/** The view of a file that {@link dequantizedFile} gives. */
class FloatView implements SafetensorsFile {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: SafetensorsFile["metadata"];
  readonly #file: SafetensorsFile;
  readonly #packed: ReadonlyMap<string, PackedWeight>;
  readonly #isTurned: (name: string) => boolean;
  #last?: { readonly name: string; readonly tensor: HostTensor };

  constructor(
    file: SafetensorsFile,
    packed: ReadonlyMap<string, PackedWeight>,
    isTurned: (name: string) => boolean,
  ) {
    const entries = Array.from(packed, ([name, { entry }]) => [name, entry] as const);
    this.tensors = new Map([...withoutParts(file.tensors, packed), ...entries]);
    this.metadata = file.metadata;
    this.#file = file;
    this.#packed = packed;
    this.#isTurned = isTurned;
  }

  read(name: string): Promise<HostTensor> {
    return this.#packed.has(name) ? this.#valuesOf(name) : this.#file.read(name);
  }

  async *pieces(name: string, asStored?: boolean): AsyncIterable<TensorPiece> {
    if (!this.#packed.has(name)) return yield* this.#file.pieces(name, asStored);
    yield { start: 0, data: (await this.#valuesOf(name)).data };
  }

  async readBytes(name: string, start: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (!this.#packed.has(name)) return await this.#file.readBytes(name, start, length);
    const { buffer, byteOffset } = (await this.#valuesOf(name)).data;
    return new Uint8Array(buffer, byteOffset + start, length).slice();
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }

  async #valuesOf(name: string): Promise<HostTensor> {
    if (this.#last?.name === name) return this.#last.tensor;
    this.#last = undefined; // Two of them would be in memory.
    const values = await this.#packed.get(name)!.form.read(this.#file, name);
    const tensor = this.#isTurned(name) ? transpose(values) : values;
    this.#last = { name, tensor };
    return tensor;
  }
}

/** The tensors that are no parts of weights in a packed form. */
const withoutParts = (
  tensors: ReadonlyMap<string, TensorEntry>,
  packed: ReadonlyMap<string, unknown>,
): [string, TensorEntry][] =>
  [...tensors].filter(([key]) => {
    const owner = ownerIn(key);
    return owner === undefined || !packed.has(owner.name);
  });

const floatEntry = (shape: readonly number[]): TensorEntry => ({
  ...{ dtype: "F32", shape, offset: 0, bytes: 4 * sizeOf(shape) },
});
