/** What every figure of ours must say. */

import type { Figure, Trace } from "../../experiments/mod.ts";

/** Where a figure lacks a caption, or an axis of numbers that shows them lacks a title. */
export function figureFaults({ title, caption, data, layout }: Figure): string[] {
  const words = Object.entries({ title, caption }).filter(([, text]) => text.trim() === "");
  const axes = Object.entries(layout).filter(([name]) => /^[xy]axis\d*$/.test(name));
  const silent = axes.filter(([name, value]) => {
    const axis = value as NonNullable<Figure["layout"]["xaxis"]>;
    const hidden = axis.visible === false || axis.showticklabels === false;
    return !hidden && !axis.title?.text && data.some((trace) => hasNumbersOn(trace, name));
  });
  return [...words, ...silent].map(([name]) => `no words for ${name}`);
}

/** Whether a trace puts numbers, and not names, on an axis. */
function hasNumbersOn(trace: Trace, axis: string): boolean {
  const letter = axis[0] as "x" | "y", id = axis.replace("axis", "");
  if ((trace[`${letter}axis`] ?? letter) !== id) return false;
  const values = trace[letter];
  return values === undefined || typeof values[0] !== "string";
}
