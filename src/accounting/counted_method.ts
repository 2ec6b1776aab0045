/** Methods with the options on which the count of what they train depends. @module */

import type { SiteSelection } from "../architectures/layer_sites.ts";
import type { CountedBeside, CountedModules } from "./beside_counts.ts";

/** Low-rank updates of some sites. */
export interface CountedSites extends SiteSelection {
  /** r. */
  readonly rank: number;
}

/** LoRA, with all that it may train beside A and B. */
export interface CountedUpdates extends CountedSites, CountedBeside {
  /** Whether every site has a magnitude for each row. Default false. */
  readonly dora?: boolean;
  /** Whether every B has a bias. Default false. */
  readonly loraBias?: boolean;
  /** Ranks of some sites, by patterns for their names. */
  readonly rankPattern?: Readonly<Record<string, number>>;
}

/** Virtual tokens. */
export interface CountedTokens {
  /** l_p. */
  readonly length: number;
}

/** Bottlenecks of a width, without those of some layers. */
export interface CountedBottlenecks {
  /** m. */
  readonly size: number;
  /** Where they are. Default `houlsby`. */
  readonly variant?: "houlsby" | "lin" | "pfeiffer" | "drop";
  /** Layers without one. Default: none. */
  readonly leaveOut?: readonly number[];
}

/** A method with the options on which its count depends. */
export type CountedMethod =
  | { readonly kind: "full" }
  | { readonly kind: "bitfit" } & CountedModules
  | { readonly kind: "top-layers"; readonly layers: number } & CountedModules
  | { readonly kind: "lora" } & CountedUpdates
  | { readonly kind: "vera" } & CountedSites & CountedModules
  | { readonly kind: "bottleneck" } & CountedBottlenecks & CountedModules
  | (
    & { readonly kind: "prefix-embedding" | "prefix-layer" | "prefix-tuning" }
    & CountedTokens
    & CountedModules
  )
  | (
    & { readonly kind: "lora+prefix-embedding" | "lora+prefix-layer" }
    & CountedUpdates
    & CountedTokens
  );
