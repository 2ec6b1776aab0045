/** A device whose kernels bind less than they could, as those of some adapters do. @module */

import { assert } from "@std/assert";
import type { Device, Tensor } from "../../src/device/device.ts";

/** Lowers the device's binding limit, and fails whatever binds more. */
function narrow(device: Device, maxBindingBytes: number): Device {
  const launch = device.launch.bind(device);
  Object.defineProperties(device, {
    maxBindingBytes: { value: maxBindingBytes, configurable: true },
    launch: {
      configurable: true,
      value: ((kernel, bindings, scalars) => {
        for (const [name, { bytes }] of Object.entries<Tensor>(bindings)) {
          assert(bytes <= maxBindingBytes, `${kernel.name} binds ${bytes} bytes as ${name}`);
        }
        launch(kernel, bindings, scalars);
      }) satisfies Device["launch"],
    },
  });
  return device;
}

/** Runs `work` on a device that is narrow until it ends. */
export async function whileNarrow(
  device: Device,
  maxBindingBytes: number,
  work: (device: Device) => void | Promise<void>,
): Promise<void> {
  const { launch, maxBindingBytes: own } = device;
  try {
    await work(narrow(device, maxBindingBytes));
  } finally {
    Object.defineProperties(device, { maxBindingBytes: { value: own }, launch: { value: launch } });
  }
}
