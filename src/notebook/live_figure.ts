/** A figure that is redrawn while its data arrive. @module */

import { figureBundle, type MimeBundle } from "../figures/show.ts";
import type { Figure } from "../figures/figure.ts";
import { staticSvg } from "../figures/still.ts";
import { inNotebook } from "./kernel.ts";
import { LiveOutput } from "./live_output.ts";
import { show } from "./show.ts";
import { noteProgress } from "./stop.ts";

/** A figure in one output. */
export interface LiveFigure {
  /** Draws it and returns at once; the caption should say how far the work is. */
  draw(figure: Figure): void;
  /** Draws it for the last time and waits until the cell shows it. */
  done(figure: Figure): Promise<void>;
}

/**
 * A live figure, such as a loss curve, drawn at most ten times a second. A terminal shows the last one.
 *
 * @example
 * ```ts
 * import { type Figure, liveFigure } from "@lowrank/core/notebook";
 *
 * const live = liveFigure(), y: number[] = [];
 * const figure = (): Figure => ({
 *   id: "loss",
 *   title: "Loss",
 *   caption: `step ${y.length}`,
 *   data: [{ type: "scatter", y: [...y] }],
 *   layout: {},
 * });
 * for (let step = 0; step < 3; step++) {
 *   y.push(1 / (step + 1));
 *   live.draw(figure());
 * }
 * await live.done(figure());
 * ```
 */
export function liveFigure(): LiveFigure {
  if (!inNotebook()) return { draw: ({ caption }) => noteProgress(caption), done: show };
  const output = new LiveOutput();
  return {
    draw(figure) {
      noteProgress(figure.caption);
      output.draw(() => stillBundle(figure));
    },
    done: (figure) => output.done(() => figureBundle(figure)),
  };
}

/** A picture while it changes: a live plot would be rebuilt, and flicker, every time. */
async function stillBundle(figure: Figure): Promise<MimeBundle> {
  return { "image/svg+xml": await staticSvg(figure), "text/plain": figure.caption };
}
