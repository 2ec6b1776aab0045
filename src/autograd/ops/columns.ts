/** Column windows: a range of a matrix's columns that operations read or write. @module */

import { copyColumns as copyKernel } from "../../../kernels/elementwise/kernel.ts";
import { ShapeError } from "../../core/errors.ts";
import { formatShape } from "../../core/shape.ts";
import type { Tensor } from "../../device/device.ts";
import { zero } from "../../device/zero.ts";
import type { Tape } from "../tape.ts";

/** Columns `offset` to `offset + width` of a (rows, columns) tensor. */
export interface ColumnWindow {
  /** The tensor that holds them. */
  readonly tensor: Tensor;
  /** First column. Default 0. */
  readonly offset?: number;
  /** Number of columns. */
  readonly width: number;
}

/** Which rows to copy, and whether to add them. */
export interface CopyOptions {
  /** Number of rows. Default: all of the source. */
  readonly rows?: number;
  /** First row of the source. Default 0. */
  readonly fromRow?: number;
  /** First row of the target. Default 0. */
  readonly toRow?: number;
  /** 1 to add to the target. Default 0. */
  readonly accumulate?: 0 | 1;
}

/** to = (accumulate ? to : 0) + from, row by row. */
export function copyColumns(
  { tensor: x, offset: xColumn = 0, width }: ColumnWindow,
  { tensor: y, offset: yColumn = 0 }: ColumnWindow,
  { rows = x.shape[0], fromRow = 0, toRow = 0, accumulate = 0 }: CopyOptions = {},
): void {
  const [, xStride] = x.shape, [, yStride] = y.shape;
  x.device.launch(copyKernel, { x, y }, {
    rows,
    width,
    xOffset: fromRow * xStride + xColumn,
    xStride,
    yOffset: toRow * yStride + yColumn,
    yStride,
    accumulate,
  });
}

/** Where a backward function writes the gradient of a window. */
export interface ColumnContribution {
  /** The same columns of the gradient. */
  readonly window: ColumnWindow;
  /** 1 to add to what is there, 0 to overwrite. */
  readonly accumulate: 0 | 1;
}

/**
 * Where to add the gradient of a window, `undefined` if none is needed; the window's tensor gets no
 * gradient in its other columns.
 */
export function contributeColumns(
  tape: Tape,
  window: ColumnWindow,
): ColumnContribution | undefined {
  const into = tape.contribute(window.tensor);
  if (!into) return undefined;
  const whole = window.width === window.tensor.shape[1];
  if (!whole && !into.accumulate) zero(into.tensor);
  return {
    window: { ...window, tensor: into.tensor },
    accumulate: whole ? into.accumulate : 1,
  };
}

/** Adds `gradient` to that of a window. */
export function passColumns(tape: Tape, window: ColumnWindow, gradient: ColumnWindow): void {
  const into = contributeColumns(tape, window);
  if (into) copyColumns(gradient, into.window, { accumulate: into.accumulate });
}

/**
 * Throws unless a window is within a matrix of `rows` rows.
 *
 * @throws {ShapeError} when it is not.
 */
export function assertWindow(what: string, window: ColumnWindow, rows: number): void {
  const { tensor: { shape }, offset = 0, width } = window;
  const fits = shape.length === 2 && shape[0] === rows && Number.isInteger(offset) && offset >= 0 &&
    Number.isInteger(width) && width > 0 && offset + width <= shape[1];
  if (fits) return;
  throw new ShapeError(
    `${what} must be columns of ${rows} rows, found ${width} from ${offset} of ${
      formatShape(shape)
    }`,
  );
}
