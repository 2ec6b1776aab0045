/**
 * The architecture that a model's `config.json` describes: its tensors, its linear layers with
 * their parts, its head. Data only: no device, no weight values.
 *
 * @module
 */

export type { RowRange, SiteRows } from "../core/update.ts";
export type { SiteRole } from "../core/update.ts";
export {
  type Architecture,
  countParameters,
  type LayerParts,
  type LayerSpec,
  type LinearSpec,
  type OtherLayerSpec,
  storedShape,
  type TensorSpec,
} from "./architecture.ts";
export { topBlocks } from "./architecture.ts";
export { catalog, type CatalogEntry } from "./registry.ts";
export type { ConfigJson, HeadKind } from "./config_fields.ts";
export { inferArchitecture, isBuffer, type StoredTensor } from "./registry.ts";
export {
  type AdaptableLayer,
  type LayerSite,
  selectLayerSites,
  type SiteSelection,
} from "./sites.ts";
export { architectureOf } from "./registry.ts";
