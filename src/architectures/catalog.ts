/** Configurations of published models. @module */

import entries from "./catalog.json" with { type: "json" };
import type { ConfigJson } from "./config_fields.ts";

/** A published model. */
export interface CatalogEntry {
  /** Where its shape is published. */
  readonly source: string;
  /** The fields of its `config.json` that determine its tensors. */
  readonly config: ConfigJson;
}

/**
 * Published models by name. Brown et al. print two GPT-3 shapes whose heads do not add up to the width:
 * XL (24 heads of 128 for 2,048) and 13B (40 of 128 for 5,140). Tensors are counted from the width, as
 * for the other six.
 */
export const catalog: Readonly<Record<string, CatalogEntry>> = entries;
