/** What every CPU device begins with: the compiled kernels and a memory of its own. @module */

import { cpuWasm } from "../../../kernels/cpu.ts";
import { DeviceError } from "../../core/errors.ts";
import type { KernelFunction } from "./worker_pool.ts";

/** Pages of 64 KiB that the memory starts with. */
const initialPages = 16;

let compiling: Promise<WebAssembly.Module> | undefined;

/**
 * The kernels, which are compiled once for all devices.
 *
 * @throws {DeviceError} when they cannot be loaded.
 */
export function kernelModule(): Promise<WebAssembly.Module> {
  return compiling ??= compileKernels();
}

/**
 * An empty memory: 4 GiB of addresses, of which only what is touched is resident.
 *
 * @throws {DeviceError} when the system has no addresses left.
 */
export function reserveMemory(): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: initialPages, maximum: 65536, shared: true });
  } catch (error) {
    const { message } = error as Error;
    throw new DeviceError(`cannot reserve the memory of a cpu device: ${message}`, {
      cause: error,
    });
  }
}

/** The exports of an instance of the kernels; `sgemm` computes products of theirs, if there is a BLAS. */
export async function kernelsIn(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  sgemm: KernelFunction | undefined,
): Promise<Record<string, KernelFunction>> {
  const env = { memory, sgemm: sgemm ?? (() => {}) };
  const { exports } = await WebAssembly.instantiate(module, { env });
  const functions = exports as Record<string, KernelFunction>;
  if (sgemm) functions.use_blas();
  return functions;
}

async function compileKernels(): Promise<WebAssembly.Module> {
  try {
    const response = await fetch(cpuWasm);
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
    return await WebAssembly.compile(await response.arrayBuffer());
  } catch (error) {
    compiling = undefined;
    throw new DeviceError(
      `cannot load the CPU kernels from ${cpuWasm}: ${(error as Error).message}`,
      {
        cause: error,
      },
    );
  }
}
