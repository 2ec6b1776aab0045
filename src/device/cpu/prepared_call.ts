/** Calls of the CPU's kernels. @module */

import type { Kernel } from "../../../kernels/kernel.ts";
import { DeviceError } from "../../core/errors.ts";
import type { Call, KernelFunction } from "./worker_pool.ts";

/** A kernel's call with the names of its arguments, prepared once per kernel. */
export interface PreparedCall extends Call {
  /** Names of the buffers. */
  readonly bindings: readonly string[];
  /** Names of the scalars. */
  readonly scalars: readonly string[];
}

/**
 * Prepares the call of a kernel.
 *
 * @throws {DeviceError} when the exports have none of its name.
 */
export function callOf(
  kernel: Kernel,
  functions: Readonly<Record<string, KernelFunction>>,
): PreparedCall {
  const run = functions[kernel.name];
  if (!run) throw new DeviceError(`kernels/cpu.wasm exports no kernel named ${kernel.name}`);
  const bindings = Object.keys(kernel.bindings), scalars = Object.keys(kernel.scalars);
  return {
    name: kernel.name,
    index: Object.keys(functions).indexOf(kernel.name),
    run,
    values: new Array(bindings.length + scalars.length + 2).fill(0),
    bindings,
    scalars,
  };
}
