/** Parameter counts of very different sizes, as dots. @module */

import { grouped } from "../core/numbers.ts";
import type { Figure } from "./figure.ts";
import { axis, baseLayout, logCountAxis } from "./layout.ts";
import { dots } from "./marks.ts";

/** One count. */
export interface ParameterCount {
  /** What is counted. */
  readonly label: string;
  /** How many. */
  readonly parameters: number;
  /** From the palette. */
  readonly color: string;
}

/** Dots with their numbers on a logarithmic axis: bars would have to begin at zero, which it does not have. */
export function parameterDots(
  words: Pick<Figure, "id" | "title" | "caption">,
  counts: readonly ParameterCount[],
): Figure {
  const sizes = counts.map(({ parameters }) => Math.log10(parameters));
  const low = Math.floor(Math.min(...sizes)) - 1, highest = Math.max(...sizes);
  const high = highest + 0.12 * (highest - low); // room for half of its number
  const color = counts.map(({ color }) => color);
  return {
    ...words,
    data: [
      dots(counts, ({ parameters }) => parameters, ({ label }) => label, { color, size: 14 }, {
        mode: "markers+text",
        text: counts.map(({ parameters }) => grouped(parameters)),
        textposition: "top center",
      }),
    ],
    layout: baseLayout(
      logCountAxis("parameters", { range: [low, high] }),
      axis("", { range: [counts.length - 0.5, -0.7] }),
      { height: 120 + 60 * counts.length },
    ),
  };
}
