/**
 * Low-rank adaptation on WebGPU, WebAssembly and float64: devices, the tape, models, adapters, training.
 *
 * @example Adapt a small language model
 * ```ts
 * import { injectLora, loadModel, openDevice } from "@lowrank/core";
 *
 * using device = await openDevice();
 * using model = await loadModel(device, "models/tiny-gpt2");
 * using adapter = injectLora(model, { rank: 8, alpha: 16, sites: ["q", "v"], seed: 1 });
 * console.log(adapter.parameterCount);
 * ```
 *
 * @module
 */

export type * from "./kernels/kernel.ts";
export { AdapterFileError, DeviceError, ShapeError } from "./src/core/errors.ts";
export { type HostData, type HostTensor, hostTensor } from "./src/core/host_tensor.ts";
export { Random } from "./src/core/random.ts";
export type { Shape } from "./src/core/shape.ts";
export * from "./src/device/mod.ts";
export * from "./src/autograd/mod.ts";
export * from "./src/nn/mod.ts";
export * from "./src/models/mod.ts";
export * from "./src/adapt/mod.ts";
export * from "./src/train/mod.ts";
export * from "./src/tokenizer/mod.ts";
