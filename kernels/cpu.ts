/** Address of the CPU device's compiled kernels. @module */

/**
 * The build of `cpu.as.ts`: next to this file or, in a browser, next to the bundle that contains this
 * file.
 */
export const cpuWasm: URL = new URL("./cpu.wasm", import.meta.url);
