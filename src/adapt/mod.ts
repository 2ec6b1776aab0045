/** Adapters: choosing sites, injecting, saving, loading, merging. @module */

export { deltaWeight, type LowRankFactors, type LowRankUpdate } from "../core/update.ts";
export type { FolderFile } from "../storage/folder.ts";
export type { FileContent } from "../storage/files.ts";
export { type SiteAddress, siteName } from "../core/update.ts";
export type { AdapterException, BiasMode, FloatDtype } from "../formats/mod.ts";
export { type AdaptedLayer, Embedding, type Ids } from "../nn/embedding.ts";
export type { Adapter, SaveAdapterOptions, WeightChange } from "./adapter.ts";
export { type Attachment, freeze, type JoinOptions } from "./adapter.ts";
export { injectBitFit } from "./trained_copies.ts";
export {
  BottleneckAdapter,
  type BottleneckOptions,
  injectBottleneck,
} from "./bottleneck/adapter.ts";
export type { BottleneckInit } from "./bottleneck/bottleneck.ts";
export type { BottleneckVariant, NonLinearity } from "../methods/bottleneck.ts";
export { loadAnyAdapter } from "./load.ts";
export { LoraAdapter } from "./lora/adapter.ts";
export type { AdapterChange } from "./lora/adapter.ts";
export { injectLoraPrefix, LoraPrefixAdapter, type LoraPrefixOptions } from "./lora_prefix.ts";
export type { LoraPlan } from "./lora/site.ts";
export { injectLora, type LoraOptions } from "./lora/inject.ts";
export type { BesideOptions } from "./lora/inject.ts";
export { adapterInMemory } from "./lora/adapter.ts";
export { injectUpdates } from "./lora/inject.ts";
export { loadAdapter, type LoadAdapterOptions } from "./lora/load.ts";
export { type LoraPlusGroup, loraPlusGroups, type LoraPlusOptions } from "./lora/lora_plus.ts";
export type { LoadRecord, MatchedModule } from "./lora/adapter.ts";
export { injectLoftq, loftq, type LoftqOptions, type LoftqSplit } from "./lora/starts.ts";
export { injectOlora } from "./lora/starts.ts";
export { injectPissa } from "./lora/starts.ts";
export type { WeightStartOptions } from "./lora/starts.ts";
export type { TrainedParts } from "./lora/adapter.ts";
export { DoraSite } from "./lora/site.ts";
export { LoraEmbedding } from "./lora/site.ts";
export { type LoraSettings, LoraSite } from "./lora/site.ts";
export { AdapterSet } from "./many/adapter_set.ts";
export { baseOf, merge, type Merged, swap, unmerge } from "./merge/merge.ts";
export {
  type MergedWeight,
  type MergeReport,
  mergeReport,
  type MergeReportOptions,
} from "./merge/report.ts";
export { MethodAdapter, type MethodAdapterOptions, type MethodParts } from "./named_adapter.ts";
export { PrefixAdapter, type PrefixParts } from "./virtual_tokens.ts";
export {
  injectPrefixEmbedding,
  injectPrefixLayer,
  injectPrefixTuning,
  type PrefixOptions,
} from "./virtual_tokens.ts";
export type { PrefixKind } from "./virtual_tokens.ts";
export { type PlantedShift, plantShift } from "./plant_shift.ts";
export type { MethodConfig, SavedValues } from "./named_adapter.ts";
export type { SiteSpectrum } from "./lora/adapter.ts";
export { selectSites, type Site, type SiteSelection } from "./sites.ts";
export { switchTo } from "./merge/merge.ts";
export { TokenRows } from "./trained_modules.ts";
export { injectTopLayers, type TopLayersOptions } from "./trained_copies.ts";
export { TrainedCopies } from "./trained_copies.ts";
export { TrainedModules } from "./trained_modules.ts";
export { injectVera, VeraAdapter, type VeraOptions, type VeraPlan } from "./vera/vera.ts";
export { type ProjectionShape, type ProjectionValues, VeraProjections } from "./vera/vera.ts";
export type { VeraFactors } from "./vera/vera.ts";
export { VeraSite } from "./vera/vera.ts";
