/** A small matrix as a picture, at every rank. @module */

import type { HostTensor } from "../core/host_tensor.ts";
import type { Figure } from "./figure.ts";
import { axis, baseLayout } from "./layout.ts";
import { palette } from "./palette.ts";
import type { Trace } from "./plotly_types.ts";
import { sliderFigure } from "./slider_figure.ts";

/** The best approximation of one rank. */
export interface LowRankPicture {
  /** Directions kept. */
  readonly rank: number;
  /** The matrix. */
  readonly matrix: HostTensor;
  /** Its distance to the whole matrix, in the Frobenius norm. */
  readonly error: number;
}

/** Pixels per square, and the largest height of a figure. */
const square = 34, most = 420;

/** A slider over ranks: white is 0, dark is 1, and values outside of [0, 1] are clamped. */
export function lowRankPictures(
  words: Pick<Figure, "id" | "title" | "caption">,
  pictures: readonly LowRankPicture[],
): Figure {
  const [rows] = pictures[0].matrix.shape;
  return sliderFigure({
    ...words,
    name: "rank k",
    steps: pictures.map(({ rank, matrix, error }) => ({
      label: `${rank}`,
      caption: `${rank} of ${pictures.length} directions, distance ${error.toFixed(3)}`,
      data: [trace(matrix)],
    })),
    layout: baseLayout(
      axis("", { visible: false }),
      axis("", { visible: false, autorange: "reversed", scaleanchor: "x" }),
      { height: Math.min(most, rows * square + 40), margin: { t: 16, r: 20, b: 24, l: 20 } },
    ),
  });
}

function trace({ shape: [rows, columns], data }: HostTensor): Trace {
  const z = Array.from(
    { length: rows },
    (_, i) => Array.from(data.slice(i * columns, (i + 1) * columns), round),
  );
  const colorscale = [[0, "#ffffff"], [1, palette.lora[2]]];
  return { type: "heatmap", z, zmin: 0, zmax: 1, colorscale, showscale: false, xgap: 1, ygap: 1 };
}

/** Three digits are more than colors can show. */
const round = (value: number): number => Math.round(1000 * value) / 1000;
