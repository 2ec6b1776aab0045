/** Loading tensors from files straight to a device. @module */

import type { TensorSpec } from "../architectures/architecture.ts";
import type { ElementType } from "../../kernels/kernel.ts";
import { FourBitWeight } from "../autograd/four_bit_weight.ts";
import { float32ToBfloat16, float32ToFloat16 } from "../core/float16.ts";
import type { HostData, HostTensor } from "../core/host_tensor.ts";
import { sizeOf } from "../core/shape.ts";
import type { Tensor } from "../device/device.ts";
import { assertStoredFinite } from "../formats/finite_values.ts";
import {
  type Dtype,
  type HalfDtype,
  readQuantized,
  type SafetensorsFile,
  type TensorPiece,
} from "../formats/mod.ts";
import { dequantize, quantize } from "../quant/mod.ts";
import type { QuantizedWeights } from "./quantized_weights.ts";
import { transposeInto } from "./transpose.ts";

/** Where a tensor is copied to. */
type Target = Tensor | FourBitWeight;

/** Copies one tensor of a file, by its name there, to a device. */
export type LoadTensor = (spec: TensorSpec, name: string, to: Target) => Promise<void>;

/**
 * Copies tensors piece by piece, so that the host holds no second copy. A matrix that the file holds
 * transposed, or that is quantized, needs host memory of its size, which the next one uses again.
 *
 * @param quantized The weights that the file has in 4 bits.
 * @param allowNonFinite Whether values that are rounded to 16 bits may become infinite; in 4 bits none may be.
 */
export function loaderFrom(
  file: SafetensorsFile,
  quantized: QuantizedWeights,
  allowNonFinite = false,
): LoadTensor {
  const gather = gatherer();
  return async (spec, name, to) => {
    if (quantized.has(name)) return await loadQuantized(file, name, to, allowNonFinite);
    if (to instanceof FourBitWeight) {
      const { shape, ...form } = to.form;
      const data = await gather(spec, file.pieces(name), Float32Array);
      if (allowNonFinite) assertStoredFinite(notInFourBits, name, { shape, data }, "F32");
      return to.write(quantize({ shape, data }, form));
    }
    const pieces = piecesFor(file, name, to, allowNonFinite);
    if (spec.storedTransposed) {
      const Values = to.type === "f32" ? Float32Array : Uint16Array;
      return to.device.write(to, await gather(spec, pieces, Values));
    }
    for await (const { start, data } of pieces) {
      to.device.write(to.view([data.length], start), data);
    }
  };
}

const notInFourBits =
  "cannot load with allowNonFinite in 4 bits, which cannot hold a value that is not finite";

/** A function that puts pieces together, (out, in), in memory that the next call uses again. */
function gatherer() {
  let spare = new ArrayBuffer();
  return async (
    { shape, storedTransposed }: TensorSpec,
    pieces: AsyncIterable<TensorPiece>,
    Values: typeof Float32Array | typeof Uint16Array,
  ): Promise<HostData> => {
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

/** A weight that the file has in 4 bits: its own bytes, or the values that they stand for. */
async function loadQuantized(
  file: SafetensorsFile,
  name: string,
  to: Target,
  allowNonFinite: boolean,
): Promise<void> {
  const tensor = await readQuantized(file, name);
  if (to instanceof FourBitWeight) return to.write(tensor);
  to.device.write(to, valuesFor(to, name, dequantize(tensor), allowNonFinite));
}

/** The dtype of each storage of 16 bits. */
const dtypes: Partial<Record<ElementType, HalfDtype>> = { f16: "F16", bf16: "BF16" };

const rounders: Readonly<Record<HalfDtype, (values: HostData) => HostData>> = {
  F16: float32ToFloat16,
  BF16: float32ToBfloat16,
};

/** A tensor's pieces in the type that the device stores. */
async function* piecesFor(
  file: SafetensorsFile,
  name: string,
  to: Tensor,
  allowNonFinite: boolean,
): AsyncGenerator<TensorPiece> {
  const { dtype, shape } = file.tensors.get(name)!, stored: Dtype | undefined = dtypes[to.type];
  if (!stored || stored === dtype) return yield* file.pieces(name, stored !== undefined);
  for await (const { start, data } of file.pieces(name)) {
    yield { start, data: valuesFor(to, name, { shape, data }, allowNonFinite, start) };
  }
}

/** Values in F32, or a piece of them, in the type that the device stores. */
function valuesFor(
  { type }: Tensor,
  name: string,
  values: HostTensor,
  allowNonFinite: boolean,
  start = 0,
): HostData {
  const stored = dtypes[type];
  if (!stored) return values.data;
  if (!allowNonFinite) assertStoredFinite("cannot load", name, values, stored, start);
  return rounders[stored](values.data);
}
