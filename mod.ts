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
 * Where to begin:
 *
 * | to … | see |
 * | --- | --- |
 * | train, fully or with an adapter | {@link loadModel}, {@link injectLora}, {@link train} |
 * | make batches of texts | {@link loadTokenizer}, {@link promptedBatches} |
 * | measure a loss | {@link evaluate} |
 * | use a PEFT folder | {@link loadAdapter}, {@link merge}, {@link swap} |
 * | ask what another rank, α or choice of layers would do | {@link injectUpdates} |
 * | continue a text | {@link generate}, {@link beamSearch} |
 * | save | {@link saveModel}, `adapter.save` |
 * | write a training loop | {@link Tape}, {@link crossEntropy}, {@link adamW} |
 * | read an adapter's spectrum | `@lowrank/core/formats` and `@lowrank/core/analysis` |
 * | count parameters and bytes | `@lowrank/core/accounting`, and a {@link Ledger} of the `dry` device |
 *
 * @module
 */

export type * from "./kernels/kernel.ts";
export { AdapterFileError, DeviceError, ShapeError } from "./src/core/errors.ts";
export { type HostData, type HostTensor, hostTensor } from "./src/core/host_tensor.ts";
export { Random } from "./src/core/random.ts";
export type { Shape } from "./src/core/shape.ts";
export type { Folder } from "./src/core/storage.ts";
export * from "./src/device/mod.ts";
export * from "./src/autograd/mod.ts";
export * from "./src/nn/mod.ts";
export * from "./src/models/mod.ts";
export * from "./src/adapt/mod.ts";
export * from "./src/train/mod.ts";
export * from "./src/tokenizer/mod.ts";
export {
  promptedBatches,
  type PromptedText,
  type SampleOptions,
} from "./src/data/prompted_batches.ts";
export type { BatchSize } from "./src/data/token_rows.ts";
