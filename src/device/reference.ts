/** The reference device: float64, straight from the kernels' reference functions. @module */

import { elementBytes, type ElementType, type Kernel } from "../../kernels/kernel.ts";
import type { HostTensor } from "../core/tensor.ts";
import { BaseDevice, hostArrays, window } from "./base.ts";
import type { AnyBindings, Storage, Tensor } from "./device.ts";

type Values = Float64Array | Uint32Array | Int32Array | Uint16Array;

const arrays = { ...hostArrays, f32: Float64Array } as const;

/**
 * Slow, with a relative error of 1e-16: other devices are tested against it, and finite differences are
 * computed on it.
 */
export class ReferenceDevice extends BaseDevice {
  /** Always `reference`. */
  readonly kind = "reference" as const;
  /** Text that describes the device. */
  readonly description = "reference, float64, one thread";

  protected override allocateHandle(bytes: number, type: ElementType): Values {
    return new arrays[type](bytes / elementBytes(type));
  }

  protected override releaseHandle(storage: Storage): void {
    storage.handle = undefined;
  }

  protected override writeValues(tensor: Tensor, values: HostTensor["data"]): void {
    valuesOf(tensor).set(values);
  }

  protected override run(
    kernel: Kernel,
    bindings: AnyBindings,
    scalars: Readonly<Record<string, number>>,
  ): void {
    const arrays = Object.entries(bindings).map(([name, tensor]) => [name, valuesOf(tensor)]);
    kernel.reference(Object.fromEntries(arrays), scalars);
  }

  protected override readValues(tensors: readonly Tensor[]): Promise<HostTensor[]> {
    return Promise.resolve(
      tensors.map((tensor) => ({ shape: tensor.shape, data: valuesOf(tensor).slice() })),
    );
  }

  protected override close(): void {}
}

function valuesOf(tensor: Tensor): Float64Array {
  return window(tensor, tensor.storage.handle as Float64Array);
}
