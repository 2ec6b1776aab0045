/** A run that a reader keeps, to be drawn under the next one. @module */

import type { LessonSettings } from "../../src/lesson/lesson.ts";
import { element } from "../dom.ts";
import type { KeptRun } from "./charts.ts";

const task = ["width", "shiftRank", "spread", "seed"] as const;

/** The kept run, if it had the same task; losses of another cannot be compared. */
export const comparable = (
  kept: KeptRun | undefined,
  now: LessonSettings,
): KeptRun | undefined =>
  kept && task.every((name) => kept.settings[name] === now[name]) ? kept : undefined;

const symbols = { rank: "r", alpha: "α", learningRate: "η", start: "init" } as const;

/** Names a run that is drawn under the last one, kept or trained beside it, by what it has of its own. */
export function showKept(
  kept: KeptRun | undefined,
  now: LessonSettings,
  word: "kept" | "beside",
): void {
  element("keep").hidden = word === "beside";
  element("keep").textContent = kept ? "Forget the kept run" : "Keep this run";
  const own = kept && Object.entries(symbols)
    .map(([name, symbol]) => [symbol, kept.settings[name as keyof typeof symbols], name] as const)
    .filter(([, value, name]) => value !== now[name as keyof typeof symbols])
    .map(([symbol, value]) => `${symbol} = ${value}`);
  for (const id of ["kept-spectrum", "kept-loss"]) {
    element(id).hidden = !own;
    element(id).textContent = `${word}: ${own?.join(", ") || "the same settings"}`;
  }
}
