/** Training losses over steps, also while they come in. @module */

import type { Figure } from "./figure.ts";
import { axis, baseLayout } from "./layout.ts";

/** The loss of each step of a run so far. */
export interface LossCurve {
  /** Its name in the legend. */
  readonly name: string;
  /** Nats per token, from the first step on. */
  readonly losses: readonly number[];
  /** Of the palette. */
  readonly color: string;
}

/** What stands around the curves. */
export interface LossCurvesOptions extends Pick<Figure, "id" | "caption"> {
  /** Steps of the whole run: the axis does not move while it is under way. */
  readonly steps: number;
}

/** One line a run. */
export function lossCurves(
  curves: readonly LossCurve[],
  { id, caption, steps }: LossCurvesOptions,
): Figure {
  return {
    id,
    title: "Training loss",
    caption,
    data: curves.map(({ name, losses, color }) => ({
      type: "scatter",
      mode: "lines",
      name,
      x: losses.map((_, step) => step + 1),
      y: [...losses],
      line: { color, width: 2 },
    })),
    layout: baseLayout(axis("step", { range: [0, steps + 1] }), axis("loss (nats per token)"), {
      showlegend: true,
    }),
  };
}
