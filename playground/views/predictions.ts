/** A reader's prediction at each stop, which is counted once its answer is unfolded. @module */

import { element } from "../dom.ts";
import { stops } from "../path.ts";

const ids = ["predict-0", "predict-1"] as const;

/** The option that was ticked at each stop, and stops whose answer was unfolded. */
const ticked = new Map<number, number>(), told = new Set<number>();

/** True once the answer of a stop has been unfolded. */
export const isTold = (stop: number): boolean => told.has(stop);

/** Offers the two options of a stop; after its answer they stay as they were. */
export function offerPrediction(stop: number): void {
  const at = stops[stop - 1];
  element("predict").hidden = !at;
  if (!at) return;
  ids.forEach((id, i) => {
    element(id).checked = ticked.get(stop) === i;
    element(id).disabled = told.has(stop);
    element(id).onchange = () => ticked.set(stop, i);
    element(`${id}-label`).textContent = at.options[i];
  });
  element("stop-verdict").textContent = told.has(stop) ? verdictOf(stop) : "";
}

/** Ends the prediction of a stop, as its answer is unfolded. */
export function settlePrediction(stop: number): void {
  told.add(stop);
  offerPrediction(stop);
}

/** Says if the prediction was right, and at the last stop how many were. */
function verdictOf(stop: number): string {
  const option = ticked.get(stop);
  const own = option === undefined ? "" : option === stops[stop - 1].right ? "Right. " : "Not so. ";
  return stop < stops.length ? own : own + score();
}

/** A prediction counts if it was made before its answer. */
function score(): string {
  const made = [...ticked].filter(([stop]) => told.has(stop));
  const right = made.filter(([stop, option]) => option === stops[stop - 1].right).length;
  return made.length === 0 ? "" : `You predicted ${right} of ${made.length} right. `;
}
