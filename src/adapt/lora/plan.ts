/** What an adapter's sites will be, before anything is allocated. @module */

import type { HostData } from "../../core/host_tensor.ts";
import type { Site } from "../sites.ts";
import type { LoraSettings } from "./lora_site.ts";

/** What a LoRA adapter needs to know about a site to allocate its tensors. */
export interface LoraPlan extends LoraSettings {
  /** Where the update applies. */
  readonly site: Omit<Site, "index">;
  /** r. */
  readonly rank: number;
  /** Values of A, `(rank, in)`. */
  readonly A: HostData;
  /** Values of B, `(rows, rank)`; zeros if absent. */
  readonly B?: HostData;
  /** Values of the bias of B, `(rows)`; without it, there is none. */
  readonly bias?: HostData;
  /** DoRA's magnitude, `(rows)`, or "norms" for those of the weight's rows; without it, no DoRA. */
  readonly magnitude?: HostData | "norms";
  /** True if the weights are those at A and B: kept, frozen and subtracted (PiSSA). Default false. */
  readonly isStart?: boolean;
}
