/** Rules for every figure of ours. */

import type { Figure, Trace } from "../../experiments/mod.ts";
import { kindOf, mixed } from "../../src/figures/figure.ts";

/**
 * Faults of a figure: no caption, no title at an axis that shows numbers, or a method in the color
 * of something else.
 */
export function figureFaults({ title, caption, data, layout }: Figure): string[] {
  const words = Object.entries({ title, caption }).filter(([, text]) => text.trim() === "");
  const axes = Object.entries(layout).filter(([name]) => /^[xy]axis\d*$/.test(name));
  const silent = axes.filter(([name, value]) => {
    const axis = value as NonNullable<Figure["layout"]["xaxis"]>;
    const hidden = axis.visible === false || axis.showticklabels === false;
    return !hidden && !axis.title?.text && data.some((trace) => hasNumbersOn(trace, name));
  });
  const wordless = [...words, ...silent].map(([name]) => `no words for ${name}`);
  return [...wordless, ...colorFaults(data)];
}

/** Methods in colors that are not of their kind. */
export function colorFaults(data: readonly Trace[]): string[] {
  return data.flatMap(({ name = "", line, marker }) => {
    const shades = kindOf(name)?.shades;
    const { color } = line ?? (marker ?? {}) as { color?: string };
    if (!shades || typeof color !== "string") return [];
    const own = [...shades, ...[4, 5, 6].flatMap((count) => mixed(shades, count))];
    return own.includes(color) ? [] : [`${name} in ${color}`];
  });
}

/** True if a trace puts numbers, and not names, on an axis. */
function hasNumbersOn(trace: Trace, axis: string): boolean {
  const letter = axis[0] as "x" | "y", id = axis.replace("axis", "");
  if ((trace[`${letter}axis`] ?? letter) !== id) return false;
  const values = trace[letter];
  return values === undefined || typeof values[0] !== "string";
}
