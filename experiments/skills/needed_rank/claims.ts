/** All claims of the map, in the order of docs/decisions/0055. @module */

import type { Claim } from "../../frame/mod.ts";
import { baseClaim, placementClaim, stepsClaim } from "./cure_claims.ts";
import { axisClaim, distanceClaim, stopsClaim } from "./distance_claims.ts";
import { notEveryTask, oneSuffices, parClaim } from "./paper_claims.ts";
import type { MapRows } from "./rows.ts";
import { directionClaim, spectrumClaim } from "./update_claims.ts";

/** In the order of the decision. */
export const mapClaims: readonly Claim<MapRows>[] = [
  oneSuffices,
  parClaim,
  notEveryTask,
  distanceClaim,
  axisClaim,
  stopsClaim,
  placementClaim,
  stepsClaim,
  baseClaim,
  spectrumClaim,
  directionClaim,
];
