/** Loading tensors from files straight to a device. @module */

import type { TensorSpec } from "../architectures/architecture.ts";
import { type HostData } from "../core/host_tensor.ts";
import type { Tensor } from "../device/device.ts";
import type { SafetensorsFile } from "../formats/mod.ts";
import { transposeInto } from "./transpose.ts";

/** Copies one tensor of a file, by its name there, to a device. */
export type LoadTensor = (spec: TensorSpec, name: string, to: Tensor) => Promise<void>;

/**
 * Copies tensors piece by piece, so that the host holds no second copy. A matrix that the file holds
 * transposed needs host memory of its size, which the next one uses again.
 */
export function loaderFrom(file: SafetensorsFile): LoadTensor {
  let spare: HostData = new Float32Array();
  return async ({ storedTransposed }, name, to) => {
    if (storedTransposed) {
      if (spare.length < to.size) spare = new Float32Array(to.size);
      const whole = spare.subarray(0, to.size), { shape } = file.tensors.get(name)!;
      for await (const piece of file.pieces(name)) transposeInto(whole, piece, shape);
      to.device.write(to, whole);
      return;
    }
    for await (const { start, data } of file.pieces(name)) {
      to.device.write(to.view([data.length], start), data);
    }
  };
}
