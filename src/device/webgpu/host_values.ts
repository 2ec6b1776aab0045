/** Values on their way to and from a GPU's buffers. @module */

import { elementBytes, type ElementType } from "../../../kernels/kernel.ts";
import type { HostTensor } from "../../core/host_tensor.ts";
import { hostArrays, wholeWords } from "../base.ts";
import type { Tensor } from "../device.ts";

/** The values in a form that WebGPU accepts: of the element type, in unshared memory, in whole words. */
export function writable(values: HostTensor["data"], type: ElementType): BufferSource {
  const Values = hostArrays[type];
  const fits = values instanceof Values && values.buffer instanceof ArrayBuffer &&
    values.byteLength % 4 === 0;
  if (fits) return values as BufferSource;
  const copy = new Values(wholeWords(values.length * elementBytes(type)) / elementBytes(type));
  copy.set(values);
  return copy;
}

/** The values of tensors that lie one after another, each in whole words. */
export function copyOut(tensors: readonly Tensor[], range: ArrayBuffer): HostTensor[] {
  let at = 0;
  return tensors.map(({ shape, size, type }) => {
    const bytes = size * elementBytes(type);
    const data = new hostArrays[type](range.slice(at, at + bytes));
    at += wholeWords(bytes);
    return { shape, data };
  });
}
