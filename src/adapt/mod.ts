/** Adapters: choosing sites, injecting, saving, loading, merging. @module */

export { deltaWeight, type LowRankFactors, type LowRankUpdate } from "../core/low_rank_update.ts";
export type { FolderFile } from "../core/save_folder.ts";
export type { FileContent } from "../core/staged_file.ts";
export { type SiteAddress, siteName } from "../core/site.ts";
export type { AdapterException, BiasMode, FloatDtype } from "../formats/mod.ts";
export { type AdaptedLayer, Embedding, type Ids } from "../nn/embedding.ts";
export type { Adapter, SaveAdapterOptions, WeightChange } from "./adapter.ts";
export { type Attachment, freeze, type JoinOptions } from "./attach.ts";
export { injectBitFit } from "./bitfit.ts";
export {
  BottleneckAdapter,
  type BottleneckOptions,
  injectBottleneck,
} from "./bottleneck/adapter.ts";
export type { BottleneckInit } from "./bottleneck/bottleneck.ts";
export type { BottleneckVariant, NonLinearity } from "./bottleneck/form.ts";
export { loadAnyAdapter } from "./load_any.ts";
export { LoraAdapter } from "./lora/adapter.ts";
export type { AdapterChange } from "./lora/change.ts";
export { injectLoraPrefix, LoraPrefixAdapter, type LoraPrefixOptions } from "./lora_prefix.ts";
export type { LoraPlan } from "./lora/plan.ts";
export { injectLora, type LoraOptions } from "./lora/inject.ts";
export type { BesideOptions } from "./lora/injected_parts.ts";
export { adapterInMemory } from "./lora/in_memory.ts";
export { injectUpdates } from "./lora/inject_updates.ts";
export { loadAdapter, type LoadAdapterOptions } from "./lora/load.ts";
export { type LoraPlusGroup, loraPlusGroups, type LoraPlusOptions } from "./lora/lora_plus.ts";
export type { LoadRecord, MatchedModule } from "./lora/load_record.ts";
export { injectLoftq, loftq, type LoftqOptions, type LoftqSplit } from "./lora/loftq.ts";
export { injectOlora } from "./lora/olora.ts";
export { injectPissa } from "./lora/pissa.ts";
export type { WeightStartOptions } from "./lora/weight_start.ts";
export type { TrainedParts } from "./lora/trained_parts.ts";
export { DoraSite } from "./lora/dora_site.ts";
export { LoraEmbedding } from "./lora/lora_embedding.ts";
export { type LoraSettings, LoraSite } from "./lora/lora_site.ts";
export { AdapterSet } from "./many/adapter_set.ts";
export { baseOf, merge, type Merged, swap, unmerge } from "./merge.ts";
export {
  type MergedWeight,
  type MergeReport,
  mergeReport,
  type MergeReportOptions,
} from "./merge_report.ts";
export { MethodAdapter, type MethodAdapterOptions, type MethodParts } from "./method_adapter.ts";
export { PrefixAdapter, type PrefixParts } from "./prefix/adapter.ts";
export {
  injectPrefixEmbedding,
  injectPrefixLayer,
  injectPrefixTuning,
  type PrefixOptions,
} from "./prefix/inject.ts";
export type { PrefixKind } from "./prefix/virtual.ts";
export { type PlantedShift, plantShift } from "./plant_shift.ts";
export type { MethodConfig, SavedValues } from "./saved_values.ts";
export type { SiteSpectrum } from "./spectra.ts";
export { selectSites, type Site, type SiteSelection } from "./sites.ts";
export { switchTo } from "./switch_to.ts";
export { TokenRows } from "./token_rows.ts";
export { injectTopLayers, type TopLayersOptions } from "./top_layers.ts";
export { TrainedCopies } from "./trained_copies.ts";
export { TrainedModules } from "./trained_modules.ts";
export { injectVera, VeraAdapter, type VeraOptions, type VeraPlan } from "./vera/adapter.ts";
export {
  type ProjectionShape,
  type ProjectionValues,
  VeraProjections,
} from "./vera/projections.ts";
export type { VeraFactors } from "./vera/output.ts";
export { VeraSite } from "./vera/vera_site.ts";
