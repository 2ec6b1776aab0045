/** A matrix as colored squares: purple is positive, gold negative, paper is zero. @module */

import { shadeOf } from "../../src/figures/pictures.ts";
import type { DenseMatrix } from "../../src/linalg/mod.ts";
import type { PageElement } from "../dom.ts";

type Color = readonly [number, number, number];

/** The two colors, which are those of no learner, and that of zero. */
export interface Colors {
  readonly positive: Color;
  readonly negative: Color;
  readonly zero: Color;
}

/** A pixel for each value; CSS makes them squares. */
export function drawHeatmap(
  canvas: PageElement,
  { rows, columns, data }: DenseMatrix,
  most: number,
  colors: Colors,
): void {
  if (canvas.width !== columns) canvas.width = columns;
  if (canvas.height !== rows) canvas.height = rows;
  const pixels = new ImageData(columns, rows);
  data.forEach((value, at) => pixels.data.set(colorOf(value / (most || 1), colors), 4 * at));
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

/** The color of a value from -1 to 1, with its opacity. */
export function colorOf(value: number, { positive, negative, zero }: Colors): number[] {
  const end = value < 0 ? negative : positive, share = shadeOf(value);
  return [...end.map((part, i) => Math.round(zero[i] + share * (part - zero[i]))), 255];
}

/** Red, green and blue of `#rrggbb`. */
export const rgb = (hex: string): Color =>
  [1, 3, 5].map((at) => parseInt(hex.trim().slice(at, at + 2), 16)) as unknown as Color;
