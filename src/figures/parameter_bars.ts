/** Parameter counts of very different sizes, as bars. @module */

import type { Figure } from "./figure.ts";
import { axis, baseLayout, logCountAxis } from "./layout.ts";

/** One bar. */
export interface ParameterBar {
  /** What is counted. */
  readonly label: string;
  /** How many. */
  readonly parameters: number;
  /** From the palette. */
  readonly color: string;
}

/** Horizontal bars with their numbers, on a logarithmic axis that starts at a tenth of the smallest. */
export function parameterBars(
  words: Pick<Figure, "id" | "title" | "caption">,
  bars: readonly ParameterBar[],
): Figure {
  const sizes = bars.map(({ parameters }) => Math.log10(parameters));
  const [low, high] = [Math.floor(Math.min(...sizes)) - 1, Math.max(...sizes) + 0.4];
  return {
    ...words,
    data: [{
      type: "bar",
      orientation: "h",
      y: bars.map(({ label }) => label),
      x: bars.map(({ parameters }) => parameters),
      text: bars.map(({ parameters }) => parameters.toLocaleString("en-US")),
      textposition: "auto",
      marker: { color: bars.map(({ color }) => color) },
    }],
    layout: baseLayout(
      logCountAxis("parameters", { range: [low, high] }),
      axis("", { autorange: "reversed" }),
      { height: 120 + 60 * bars.length },
    ),
  };
}
