/** Sites: a layer's weight, or a part of its output rows, that can be adapted on its own. @module */

import { countRows, formatRows, type SiteRows } from "./row_range.ts";

/** What a part of a transformer block does: GPT-2's fused `c_attn` is `q`, `k` and `v`. */
export type SiteRole = "q" | "k" | "v" | "o" | "up" | "down" | "head";

/** All roles, in the order in which errors list them. */
export const siteRoles: readonly SiteRole[] = ["q", "k", "v", "o", "up", "down", "head"];

/** Where a low-rank update belongs. */
export interface SiteAddress {
  /** Path of the layer, such as `transformer.h.0.attn.c_attn`. */
  readonly module: string;
  /** The part of a fused weight, if it has a name. */
  readonly role?: SiteRole;
  /** The output rows of the weight that the site covers; all of them if absent. */
  readonly rows?: SiteRows;
  /** How many output rows the whole weight has; known whenever `rows` come from a model or a file. */
  readonly outputs?: number;
}

/**
 * The one spelling of a site: `transformer.h.0.attn.c_attn:q` for a named part,
 * `transformer.h.0.attn.c_attn[0:256]` for rows without a name, and the layer's path for all of its rows.
 */
export function siteName({ module, role, rows, outputs }: SiteAddress): string {
  if (role) return `${module}:${role}`;
  return rows && countRows(rows) !== outputs ? `${module}[${formatRows(rows)}]` : module;
}
