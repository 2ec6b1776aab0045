/** The spectra of an adapter, site by site. @module */

import { type Spectrum, spectrum } from "../analysis/mod.ts";
import type { LowRankUpdate } from "../core/low_rank_update.ts";
import { siteName } from "../core/site.ts";

/** The size and spectrum of one site's update. */
export interface SiteSpectrum extends Spectrum {
  /** The site's name: `transformer.h.0.attn.c_attn:q`. */
  readonly name: string;
}

/** The spectra of updates, in their order. */
export function spectraOf(updates: readonly LowRankUpdate[]): SiteSpectrum[] {
  return updates.map((update) => ({ name: siteName(update), ...spectrum(update) }));
}
