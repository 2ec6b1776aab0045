/** F16 and BF16 as storage forms: half the bytes of F32. @module */

import { halfTensors } from "../../architectures/registry.ts";
import { HalfWeight } from "../../autograd/weight.ts";
import { type FloatType, floatTypes, type HalfDtype } from "../../core/float_types.ts";
import type { Tensor } from "../../device/device.ts";
import type { FileTensor, StorageForm, StoredForm } from "./form.ts";

/** The form of a type of 16 bits. */
export function halfForm(name: HalfDtype): StorageForm {
  const type = floatTypes[name], element = type.element as StoredForm & FloatType["element"];
  return {
    name,
    options: [],
    recognize: (stored) => stored === element,
    asked: () => element,
    matrices: halfTensors,
    allocate: (owner, { name, shape }) =>
      new HalfWeight(name, owner.allocate(shape, element, "weight", name)),
    write: (weight, tensor) => writeFloats((weight as HalfWeight).values, type, tensor),
  };
}

/** Copies a tensor of a file to one of floats on a device, piece by piece, so that the host holds no second copy. */
export async function writeFloats(to: Tensor, type: FloatType, tensor: FileTensor): Promise<void> {
  for await (const { start, data } of tensor.pieces(type)) {
    to.device.write(to.view([data.length], start), data);
  }
}
