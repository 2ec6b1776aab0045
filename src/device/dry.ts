/** The dry device: it only keeps the ledger. @module */

import { DeviceError } from "../core/errors.ts";
import type { HostTensor } from "../core/tensor.ts";
import { BaseDevice } from "./base.ts";

/**
 * Counts the bytes of a model, a method and a batch by running the real code without memory or
 * arithmetic, GPT-3 175B included. It accepts writes but stores no values, so it cannot be read.
 */
export class DryDevice extends BaseDevice {
  /** Always `dry`. */
  readonly kind = "dry" as const;
  /** Text that describes the device. */
  readonly description = "dry, counts bytes and computes nothing";
  /** It counts models whose tensors have more elements than kernels can index. */
  protected override readonly mostCount: number = Number.MAX_SAFE_INTEGER;

  protected override allocateHandle(): undefined {}
  protected override releaseHandle(): void {}
  protected override writeValues(): void {}
  protected override run(): void {}
  protected override close(): void {}

  protected override readValues(): Promise<HostTensor[]> {
    return Promise.reject(
      new DeviceError("reading needs a device that holds values, found the dry device"),
    );
  }
}
