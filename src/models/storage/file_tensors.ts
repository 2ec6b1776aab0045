/** The tensors of a file on their way to a device. @module */

import { type FloatType, floatTypes } from "../../core/float_types.ts";
import { type HostData, type HostTensor, sizeOf } from "../../core/tensor.ts";
import type { TensorSpec } from "../../architectures/architecture.ts";
import type { SafetensorsFile, TensorPiece } from "../../formats/safetensors/read.ts";
import { assertStoredFinite } from "../../formats/safetensors/header.ts";
import { transposeInto } from "../layers.ts";
import type { FileTensor, PackedForm } from "./form.ts";

/** The values of a tensor that is read piece by piece, (out, in). */
type Gather = (
  spec: TensorSpec,
  pieces: AsyncIterable<TensorPiece>,
  Values: typeof Float32Array | typeof Uint16Array,
) => Promise<HostData>;

/** A tensor of a file, by what it is in its model and its name there. */
export type TensorOf = (spec: TensorSpec, name: string) => FileTensor;

/** A file whose tensors are to be loaded. */
interface Source {
  readonly file: SafetensorsFile;
  /** The form of a weight that is several of its tensors, by its name there; undefined for others. */
  readonly packedForm: (name: string) => PackedForm | undefined;
  readonly allowNonFinite: boolean;
}

/**
 * The tensors of a file by their names there. A matrix that the file holds transposed, or that is quantized, needs
 * host memory of its size, which the next one uses again.
 */
export function fileTensors(source: Source): TensorOf {
  const { file, packedForm, allowNonFinite } = source, gather = gatherer();
  return (spec, name) => {
    const packed = packedForm(name);
    const values = async () => {
      if (packed) return await packed.read(file, name);
      return { shape: spec.shape, data: await gather(spec, file.pieces(name), Float32Array) };
    };
    const pieces = async function* (type: FloatType) {
      if (packed) {
        yield { start: 0, data: stored(type, name, await packed.read(file, name), source) };
      } else if (spec.storedTransposed) {
        const Values = type === floatTypes.F32 ? Float32Array : Uint16Array;
        yield { start: 0, data: await gather(spec, piecesIn(type, name, source), Values) };
      } else yield* piecesIn(type, name, source);
    };
    return { file, name, isPacked: packed !== undefined, allowNonFinite, values, pieces };
  };
}

/** A function that puts pieces together in memory that the next call uses again. */
function gatherer(): Gather {
  let spare = new ArrayBuffer();
  return async ({ shape, storedTransposed }, pieces, Values) => {
    const size = sizeOf(shape), bytes = size * Values.BYTES_PER_ELEMENT;
    if (spare.byteLength < bytes) spare = new ArrayBuffer(bytes);
    const whole = new Values(spare, 0, size);
    for await (const piece of pieces) {
      if (storedTransposed) transposeInto(whole, piece, shape.toReversed());
      else whole.set(piece.data, piece.start);
    }
    return whole;
  };
}

/** A tensor's pieces as a type of floats stores them; those of 16 bits are not rounded where the file has that type. */
async function* piecesIn(
  type: FloatType,
  name: string,
  source: Source,
): AsyncGenerator<TensorPiece> {
  const { file } = source,
    { dtype, shape } = file.tensors.get(name)!,
    isHalf = type !== floatTypes.F32;
  if (!isHalf || type.name === dtype) return yield* file.pieces(name, isHalf);
  for await (const { start, data } of file.pieces(name)) {
    yield { start, data: stored(type, name, { shape, data }, source, start) };
  }
}

/** Values in F32, or a piece of them, as a type of floats stores them. */
function stored(
  type: FloatType,
  name: string,
  values: HostTensor,
  { allowNonFinite }: Source,
  start = 0,
): HostData {
  if (type === floatTypes.F32) return values.data;
  if (!allowNonFinite) assertStoredFinite("cannot load", name, values, type.name, start);
  return type.round(values.data);
}
