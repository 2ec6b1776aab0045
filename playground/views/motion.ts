/** How often pictures change while something is trained. @module */

import { page } from "../dom.ts";

const lessMotion = page.matchMedia("(prefers-reduced-motion: reduce)");

/** Between two pictures, in milliseconds, for readers whose system is set to less motion. */
const pause = 500;

let last = -Infinity;

/** Whether the next picture is due: all are, but for readers who want less motion two in a second. */
export function isPictureDue(): boolean {
  const now = performance.now();
  if (lessMotion.matches && now - last < pause) return false;
  last = now;
  return true;
}
