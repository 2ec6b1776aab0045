/**
 * The architecture that a model's `config.json` describes: its tensors, its linear layers with
 * their parts, its head. Data only: no device, no weight values.
 *
 * @module
 */

export type { RowRange, SiteRole, SiteRows } from "../core/update.ts";
export {
  type Architecture,
  countParameters,
  type LayerParts,
  type LayerSpec,
  type LinearSpec,
  type OtherLayerSpec,
  storedShape,
  type TensorSpec,
  topBlocks,
} from "./architecture.ts";
export {
  architectureOf,
  catalog,
  type CatalogEntry,
  inferArchitecture,
  isBuffer,
  type StoredTensor,
} from "./registry.ts";
export type { ConfigJson, HeadKind } from "./config_fields.ts";
export {
  type AdaptableLayer,
  type LayerSite,
  selectLayerSites,
  type SiteSelection,
} from "./sites.ts";
