/** Training loss by step, also during training. @module */

import type { Figure } from "./figure.ts";
import { axis, baseLayout } from "./layout.ts";

/** The losses of a run so far. */
export interface LossCurve {
  /** Its name in the legend. */
  readonly name: string;
  /** Nats per token, one value per step. */
  readonly losses: readonly number[];
  /** Color, from the palette. */
  readonly color: string;
}

/** Caption and length of the axis. */
export interface LossCurvesOptions extends Pick<Figure, "id" | "caption"> {
  /** Steps of the whole run, so that the axis does not move during training. */
  readonly steps: number;
}

/** One line per run. */
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
