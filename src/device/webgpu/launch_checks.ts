/** Refuses what WebGPU would refuse, but names the kernel. @module */

import type { Kernel } from "../../../kernels/kernel.ts";
import { DeviceError } from "../../core/errors.ts";
import type { AnyBindings } from "../device.ts";

/** WebGPU's largest alignment of bindings, so that a launch that runs on one adapter runs on all. */
const alignment = 256;

/**
 * Checks sizes, alignment and aliasing of a launch.
 *
 * @throws {DeviceError} when WebGPU does not allow it.
 */
export function checkLaunch(kernel: Kernel, bindings: AnyBindings, maxBindingBytes: number): void {
  for (const name in kernel.bindings) {
    const { bytes, byteOffset, label } = bindings[name];
    if (bytes > maxBindingBytes) {
      refuse(
        kernel,
        name,
        `${label} of ${bytes} bytes, but webgpu binds at most ${maxBindingBytes}`,
      );
    }
    if (byteOffset % alignment !== 0) {
      refuse(
        kernel,
        name,
        `${label} at byte ${byteOffset}, but webgpu needs a multiple of ${alignment}`,
      );
    }
  }
  checkAliases(kernel, bindings);
}

/**
 * One buffer must not be both read and written by a kernel, not even in different places. Few buffers are
 * written, so the loop over those is the outer one.
 */
function checkAliases(kernel: Kernel, bindings: AnyBindings): void {
  for (const written in kernel.bindings) {
    if (kernel.bindings[written].access === "read") continue;
    for (const read in kernel.bindings) {
      if (bindings[read].storage !== bindings[written].storage) continue;
      if (kernel.bindings[read].access !== "read") continue;
      refuse(kernel, written, `${bindings[written].label}, which it reads as ${read}`);
    }
  }
}

function refuse(kernel: Kernel, binding: string, problem: string): never {
  throw new DeviceError(`${kernel.name} cannot bind as ${binding} ${problem}`);
}
