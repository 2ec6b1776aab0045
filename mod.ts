/**
 * Trains, merges and looks into low-rank adapters (LoRA) of language models, on a GPU or the CPU.
 *
 * An adapter adds a small trained change B·A to a model's frozen weights. A program opens a device, which
 * computes; loads a model onto it; injects an adapter; trains it; saves or merges it.
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
 * | train on your own file of texts | {@link readTexts}, {@link textDataset}, {@link train} |
 * | measure a loss | {@link evaluate} |
 * | use a PEFT folder | {@link loadAdapter}, {@link merge}, {@link swap} |
 * | use many adapters of one base, in one batch | {@link AdapterSet} |
 * | ask what another rank, weight or choice of sites would do | {@link LoraAdapter.with} |
 * | continue a text | {@link generate}, {@link beamSearch} |
 * | save | {@link saveModel}, `adapter.save` |
 * | write a training loop | {@link Tape}, which records operations for the backward pass, {@link crossEntropy}, {@link adamW} |
 * | look into an adapter: norms, directions, the rank that would do | [readAdapter](./formats/~/readAdapter.html), [describeUpdate](./inspect/~/describeUpdate.html), [spectrum](./analysis/~/spectrum.html) |
 * | count parameters and bytes | `@lowrank/core/accounting`, and the ledger of a `dry` {@link Device}, which lists what a step would allocate and computes nothing |
 *
 * What is less common is in the entry of its folder: `@lowrank/core/device`, `/autograd`, `/nn`, `/models`,
 * `/adapt`, `/train`, `/runs`, `/tokenizer`, `/data`.
 *
 * @module
 */

export { AdapterFileError, DeviceError, ShapeError } from "./src/core/errors.ts";
export { type HostTensor, hostTensor } from "./src/core/tensor.ts";
export { Random } from "./src/core/random.ts";
export type { Device, DeviceKind, Tensor } from "./src/device/device.ts";
export { roles } from "./src/device/ledger.ts";
export { openDevice } from "./src/device/open.ts";
export { add } from "./src/autograd/ops/add.ts";
export { attention } from "./src/autograd/ops/attention.ts";
export { crossEntropy, klDivergence, squaredError } from "./src/autograd/ops/losses.ts";
export { dropoutWithGradient as dropout } from "./src/autograd/ops/dropout.ts";
export { embedding } from "./src/autograd/ops/embedding.ts";
export { gelu } from "./src/autograd/ops/activations.ts";
export { layerNorm } from "./src/autograd/ops/norms.ts";
export { linear } from "./src/autograd/ops/linear.ts";
export type { Loss } from "./src/autograd/loss.ts";
export { Parameter } from "./src/autograd/parameter.ts";
export { Tape } from "./src/autograd/tape.ts";
export { type Gpt2Config, parseGpt2Config } from "./src/architectures/families/gpt2.ts";
export { Gpt2 } from "./src/models/families/gpt2.ts";
export { loadModel } from "./src/models/files.ts";
export { beamSearch } from "./src/models/generate/beam_search.ts";
export { complete, generate } from "./src/models/generate/generate.ts";
export { initGpt2 } from "./src/models/init.ts";
export { countTrainable, type Model } from "./src/models/model.ts";
export { saveModel } from "./src/models/save_model.ts";
export { TextModel } from "./src/models/text_model.ts";
export type { ModelInputs } from "./src/core/batch.ts";
export type { Adapter } from "./src/adapt/adapter.ts";
export { injectBottleneck } from "./src/adapt/bottleneck/adapter.ts";
export type { LoraAdapter } from "./src/adapt/lora/adapter.ts";
export { injectLora, injectUpdates, type LoraOptions } from "./src/adapt/lora/inject.ts";
export { loadAdapter } from "./src/adapt/lora/load.ts";
export { AdapterSet } from "./src/adapt/many/adapter_set.ts";
export { baseOf, merge, swap, unmerge } from "./src/adapt/merge/merge.ts";
export { mergeReport } from "./src/adapt/merge/report.ts";
export { selectSites } from "./src/adapt/sites.ts";
export { injectBitFit } from "./src/adapt/trained_copies.ts";
export { deltaWeight, type LowRankUpdate, siteName } from "./src/core/update.ts";
export {
  adamW,
  type Batch,
  cosineSchedule,
  evaluate,
  History,
  resumeCheckpoint,
  saveCheckpoint,
  type StepEvent,
  train,
  Trainer,
  Training,
  type TrainOptions,
} from "./src/train/mod.ts";
export { loadTokenizer, type Tokenizer } from "./src/tokenizer/tokenizer.ts";
export { PromptedBatches, promptedBatches } from "./src/data/prompted_batches.ts";
export { type TextDataset, textDataset } from "./src/data/text_dataset.ts";
export { readTexts, type Texts } from "./src/data/texts.ts";
