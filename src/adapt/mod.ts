/** Adapters: choosing sites, injecting, saving, loading, merging. @module */

export { deltaWeight, type LowRankFactors, type LowRankUpdate } from "../core/low_rank_update.ts";
export { type SiteAddress, siteName } from "../core/site.ts";
export type { FloatDtype } from "../formats/mod.ts";
export type { LoraAdapter, LoraModule } from "./lora/adapter.ts";
export { injectLora, type LoraOptions } from "./lora/inject.ts";
export { injectUpdates } from "./lora/inject_updates.ts";
export { loadAdapter, type LoadAdapterOptions } from "./lora/load.ts";
export { merge, type Merged, swap, unmerge } from "./lora/merge.ts";
export {
  type MergedWeight,
  type MergeReport,
  mergeReport,
  type MergeReportOptions,
} from "./lora/merge_report.ts";
export type { SaveAdapterOptions } from "./lora/save.ts";
export { selectSites, type Site, type SiteSelection } from "./sites.ts";
