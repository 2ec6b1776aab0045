/** The stop of the guided path that a reader is at. @module */

import { element } from "../dom.ts";
import { stops } from "../path.ts";
import { settingsOf, type State, stateAt } from "../state.ts";
import { lessonHandles } from "./handles.ts";
import { isTold, offerPrediction, settlePrediction } from "./predictions.ts";

/** The next stop for each button, from a stop. */
export const turns: Readonly<Record<string, (stop: number) => number>> = {
  back: (stop) => Math.max(1, stop - 1),
  next: (stop) => stop % stops.length + 1,
  leave: () => 0,
};

/** Shows the stop of a state; 0 is the invitation. */
export function showStop(state: State): void {
  const { stop } = state, at = stops[stop - 1];
  const title = at
    ? `Stop ${stop} of ${stops.length}: ${at.title}`
    : `A path of ${stops.length} stops`;
  // A text that is written again would be read aloud again.
  if (element("stop-title").textContent !== title) {
    element("stop-title").textContent = title;
    element("stop-text").textContent = at?.text ?? invitation;
    element("stop-answer").textContent = at?.answer ?? "";
    offerPrediction(stop);
    foldAnswer();
  }
  showChanged(at ? movedFrom(state) : []);
  element("stop-why").hidden = !at;
  element("back").hidden = stop < 2;
  element("leave").hidden = stop === 0;
  element("next").textContent = nextName(stop);
}

/** Unfolds the answer of a stop, which ends its prediction and may ask for a handle to be moved, or folds it. */
export function turnAnswer(state: State): void {
  if (!element("stop-told").hidden) return foldAnswer();
  settlePrediction(state.stop);
  showChanged(movedFrom(state));
  element("stop-told").hidden = false;
  element("stop-why").setAttribute("aria-expanded", "true");
}

function foldAnswer(): void {
  element("stop-told").hidden = true;
  element("stop-why").setAttribute("aria-expanded", "false");
}

/** Labels of the handles that are elsewhere than their stop has them, but for those that its answer, once told, names. */
function movedFrom(state: State): string[] {
  const here = settingsOf(state), there = settingsOf(stateAt(state.stop, state));
  const asked: readonly string[] = isTold(state.stop) ? stops[state.stop - 1].moves ?? [] : [];
  const isMoved = (key: string) =>
    !asked.includes(key) && here[key as keyof typeof here] !== there[key as keyof typeof here];
  return lessonHandles.filter(({ key }) => isMoved(key)).map(({ label }) => `“${label}”`);
}

/** A stop's words are about its own settings, and a reader may want them back. */
function showChanged(labels: readonly string[]): void {
  const line = element("stop-changed"), words = line.querySelector("span");
  const text = `You changed ${
    labels.join(", ")
  }; the words of this stop are about its own settings.`;
  if (words.textContent !== text) words.textContent = text;
  line.hidden = labels.length === 0;
}

const invitation =
  "Each sets the handles, asks, and folds its answer. Or move the handles as you like.";

function nextName(stop: number): string {
  if (stop === 0) return "Begin";
  return stop === stops.length ? "From the beginning" : "Next";
}
