/** Letting signals interrupt a loop. @module */

import { setImmediate } from "node:timers";

/** Lets a pending signal be handled: a loop over promises that are already resolved never does. */
export function letSignalsIn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => resolve()));
}
