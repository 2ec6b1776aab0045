/** Where the CPU device's kernels are. @module */

/** The build of `cpu.as.ts`: beside this file, and in a browser beside the bundle that this file is part of. */
export const cpuWasm: URL = new URL("./cpu.wasm", import.meta.url);
