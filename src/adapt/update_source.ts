/** Updates whose factors are made when they are needed. @module */

import type { UpdateShape } from "../core/low_rank_update.ts";
import type { TrainedUpdate } from "../formats/mod.ts";

/** An update: which weight it changes, and how its factors are read. */
export interface UpdateSource extends UpdateShape, Pick<TrainedUpdate, "scaling" | "bias"> {
  /** The update with its factors; who calls it owns them. */
  readonly read: () => TrainedUpdate;
}

/** An update whose factors are in memory. */
export const sourceOf = (update: TrainedUpdate): UpdateSource => ({
  ...update,
  read: () => update,
});
