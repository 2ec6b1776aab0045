/** Limits the rate of pictures while something is trained. @module */

import { page } from "../dom.ts";

const lessMotion = page.matchMedia("(prefers-reduced-motion: reduce)");

/** Pause between two pictures, in milliseconds, for readers whose system is set to less motion. */
const pause = 500;

/**
 * A clock for one loop that says if its next picture is due: each is, but for readers who want less
 * motion two a second.
 */
export function pictureClock(): () => boolean {
  let last = -Infinity;
  return () => {
    const now = performance.now();
    if (lessMotion.matches && now - last < pause) return false;
    last = now;
    return true;
  };
}
