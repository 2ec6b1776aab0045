/** The stop of the guided path that a reader is at. @module */

import { element } from "../dom.ts";
import { stops } from "../path.ts";

/** Where the buttons lead, from a stop. */
export const turns: Readonly<Record<string, (stop: number) => number>> = {
  back: (stop) => Math.max(1, stop - 1),
  next: (stop) => stop % stops.length + 1,
  leave: () => 0,
};

/** Shows a stop; 0 is the invitation. */
export function showStop(stop: number): void {
  const at = stops[stop - 1];
  const title = at
    ? `Stop ${stop} of ${stops.length}: ${at.title}`
    : `A path of ${stops.length} stops`;
  // A text that is written again would be read aloud again.
  if (element("stop-title").textContent !== title) {
    element("stop-title").textContent = title;
    element("stop-text").textContent = at?.text ?? invitation;
    element("stop-answer").textContent = at?.answer ?? "";
    element("stop-why").open = false;
  }
  element("stop-why").hidden = !at;
  element("back").hidden = stop < 2;
  element("leave").hidden = stop === 0;
  element("next").textContent = nextName(stop);
}

const invitation =
  "Each sets the handles, asks, and folds its answer. Or move the handles as you like.";

function nextName(stop: number): string {
  if (stop === 0) return "Begin";
  return stop === stops.length ? "From the beginning" : "Next";
}
