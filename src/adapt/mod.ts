/**
 * Adapters: choosing sites, injecting, saving, loading, merging.
 *
 * @module
 */

export {
  deltaWeight,
  type LowRankFactors,
  type LowRankUpdate,
  type RandomInit,
  type SiteAddress,
  siteName,
} from "../core/update.ts";
export type { FolderFile } from "../storage/folder.ts";
export type { FileContent } from "../storage/files.ts";
export type { AdapterException, BiasMode, FloatDtype } from "../formats/mod.ts";
export type { AdapterContent } from "../formats/peft/write.ts";
export { type AdaptedLayer, Embedding, type Ids } from "../nn/embedding.ts";
export {
  type Adapter,
  type Attachment,
  freeze,
  type JoinOptions,
  type SaveAdapterOptions,
  type WeightChange,
} from "./adapter.ts";
export {
  injectBitFit,
  injectTopLayers,
  type TopLayersOptions,
  TrainedCopies,
} from "./trained_copies.ts";
export {
  BottleneckAdapter,
  type BottleneckOptions,
  injectBottleneck,
} from "./bottleneck/adapter.ts";
export type { BottleneckInit } from "./bottleneck/bottleneck.ts";
export type { BottleneckVariant, NonLinearity } from "../methods/bottleneck.ts";
export { Ia3Adapter, type Ia3Options, Ia3Site, injectIa3 } from "./ia3.ts";
export { loadAnyAdapter } from "./load.ts";
export type { LoadAdapterOptions } from "./loader.ts";
export {
  type AdapterChange,
  adapterInMemory,
  type LoadRecord,
  LoraAdapter,
  type MatchedModule,
  type SiteSpectrum,
} from "./lora/adapter.ts";
export { injectLoraPrefix, LoraPrefixAdapter, type LoraPrefixOptions } from "./lora_prefix.ts";
export { DoraSite, LoraEmbedding, type LoraPlan, LoraSite } from "./lora/site.ts";
export { type BesideOptions, injectLora, injectUpdates, type LoraOptions } from "./lora/inject.ts";
export { loadAdapter } from "./lora/load.ts";
export { injectLoraGa, type LoraGaOptions } from "./lora/lora_ga.ts";
export { type LoraPreconditioner, loraPreconditioner } from "./lora/steps.ts";
export { type LoraPlusGroup, loraPlusGroups, type LoraPlusOptions } from "./lora/steps.ts";
export {
  injectLoftq,
  injectOlora,
  injectPissa,
  loftq,
  type LoftqOptions,
  type LoftqSplit,
  type WeightStartOptions,
} from "./lora/starts.ts";
export { AdapterSet } from "./many/adapter_set.ts";
export { baseOf, merge, type Merged, swap, switchTo, unmerge } from "./merge/merge.ts";
export {
  type MergedWeight,
  type MergeReport,
  mergeReport,
  type MergeReportOptions,
} from "./merge/report.ts";
export { MethodAdapter, type MethodParts, type ModelPart } from "./method_adapter.ts";
export {
  type MethodAdapterOptions,
  type MethodConfig,
  NamedAdapter,
  type NamedParts,
  type SavedValues,
} from "./named_adapter.ts";
export { PeftVectorAdapter, type VectorSite } from "./peft_vectors.ts";
export {
  injectSubspace,
  SubspaceAdapter,
  type SubspaceOptions,
  SubspaceSite,
} from "./subspace/subspace.ts";
export { Projection } from "./subspace/projection.ts";
export { injectTinyLora, TinyLoraAdapter, type TinyLoraOptions, TinyLoraSite } from "./tinylora.ts";
export {
  injectPrefixEmbedding,
  injectPrefixLayer,
  injectPrefixTuning,
  PrefixAdapter,
  type PrefixKind,
  type PrefixOptions,
  type PrefixParts,
} from "./virtual_tokens.ts";
export { type PlantedShift, plantShift } from "./plant_shift.ts";
export { selectSites, type Site, type SiteSelection } from "./sites.ts";
export { TokenRows, TrainedModules, type TrainedParts } from "./trained_modules.ts";
export {
  injectVera,
  type ProjectionShape,
  type ProjectionValues,
  VeraAdapter,
  type VeraFactors,
  type VeraOptions,
  type VeraPlan,
  VeraProjections,
  VeraSite,
} from "./vera/vera.ts";
