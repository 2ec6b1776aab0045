/** Loading tensors from files straight to a device. @module */

import type { TensorSpec } from "../architectures/architecture.ts";
import type { ElementType } from "../../kernels/kernel.ts";
import { float32ToBfloat16, float32ToFloat16 } from "../core/float16.ts";
import type { HostData } from "../core/host_tensor.ts";
import type { Tensor } from "../device/device.ts";
import { assertStoredFinite } from "../formats/finite_values.ts";
import type { Dtype, HalfDtype, SafetensorsFile, TensorPiece } from "../formats/mod.ts";
import { transposeInto } from "./transpose.ts";

/** Copies one tensor of a file, by its name there, to a device. */
export type LoadTensor = (spec: TensorSpec, name: string, to: Tensor) => Promise<void>;

/**
 * Copies tensors piece by piece, so that the host holds no second copy. A matrix that the file holds
 * transposed needs host memory of its size, which the next one uses again.
 *
 * @param allowNonFinite Whether values that are rounded to 16 bits may become infinite.
 */
export function loaderFrom(file: SafetensorsFile, allowNonFinite = false): LoadTensor {
  let spare = new ArrayBuffer();
  return async ({ storedTransposed }, name, to) => {
    const { shape } = file.tensors.get(name)!, pieces = piecesFor(file, name, to, allowNonFinite);
    if (!storedTransposed) {
      for await (const { start, data } of pieces) {
        to.device.write(to.view([data.length], start), data);
      }
      return;
    }
    if (spare.byteLength < to.bytes) spare = new ArrayBuffer(to.bytes);
    const Values = to.type === "f32" ? Float32Array : Uint16Array;
    const whole = new Values(spare, 0, to.size);
    for await (const piece of pieces) transposeInto(whole, piece, shape);
    to.device.write(to, whole);
  };
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
  { type }: Tensor,
  allowNonFinite: boolean,
): AsyncGenerator<TensorPiece> {
  const { dtype, shape } = file.tensors.get(name)!, stored: Dtype | undefined = dtypes[type];
  if (!stored || stored === dtype) return yield* file.pieces(name, stored !== undefined);
  for await (const { start, data } of file.pieces(name)) {
    if (!allowNonFinite) assertStoredFinite("cannot load", name, { shape, data }, stored, start);
    yield { start, data: rounders[stored](data) };
  }
}
