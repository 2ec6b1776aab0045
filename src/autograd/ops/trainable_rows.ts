/** Rows of a table that are trained while the table is frozen, wherever it is used. @module */

import { copyColumns as copyKernel } from "../../../kernels/elementwise/kernel.ts";
import type { Tensor } from "../../device/device.ts";
import type { Differentiable } from "../gradients.ts";
import { Parameter, type TrainableRows } from "../parameter.ts";
import type { Tape } from "../tape.ts";
import { matrix, multiply } from "./product.ts";

/** A parameter, and its rows if they are trained on their own. */
export const withRows = (parameter: Parameter): Parameter[] =>
  parameter.rows ? [parameter, parameter.rows.values] : [parameter];

/** Whether a gradient flows to a value, or to rows of a parameter. */
export function tracksAny(tape: Tape, value: Differentiable): boolean {
  const all = value instanceof Parameter ? withRows(value) : [value];
  return all.some((one) => tape.tracks(one));
}

/** Contiguous rows of a table, and where they begin among the trained ones. */
interface Span {
  readonly start: number;
  readonly count: number;
  readonly from: number;
}

function spansOf(indices: readonly number[]): Span[] {
  const spans: Span[] = [];
  indices.forEach((index, from) => {
    const last = spans.at(-1);
    if (last && index === last.start + last.count) {
      spans[spans.length - 1] = { ...last, count: last.count + 1 };
    } else spans.push({ start: index, count: 1, from });
  });
  return spans;
}

/** Offsets of bindings are multiples of this many elements: 256 bytes, WebGPU's largest alignment. */
const alignment = 64;

/** Copies rows between a table and the values of some of its rows. */
function copyRows(table: Tensor, { indices, values }: TrainableRows, isRead: boolean): void {
  const width = table.shape[1];
  for (const { start, count, from } of spansOf(indices)) {
    const first = start * width, over = first % alignment, size = count * width;
    const rows = table.view([over + size], first - over);
    const scalars = { rows: count, width, xStride: width, yStride: width, accumulate: 0 };
    const [x, y] = isRead ? [rows, values.tensor] : [values.tensor, rows];
    const [xOffset, yOffset] = isRead ? [over, from * width] : [from * width, over];
    table.device.launch(copyKernel, { x, y }, { ...scalars, xOffset, yOffset });
  }
}

/** Sets the values of rows to those of a table. */
export function readRows(table: Tensor, rows: TrainableRows): void {
  copyRows(table, rows, true);
}

/** Writes the values of a parameter's trained rows into the table in use, before an operation reads that. */
export function writeRows({ tensor, rows }: Parameter): void {
  if (rows) copyRows(tensor, rows, false);
}

/** The gradient of rows of W in y = x Wᵀ: dW[rows, :] += dy[:, rows]ᵀ x. */
export function rowsGradient(tape: Tape, x: Tensor, rows: TrainableRows, dy: Tensor): void {
  const into = tape.contribute(rows.values);
  if (!into) return;
  const [k, n] = x.shape, { tensor, accumulate } = into;
  for (const { start, count: m, from } of spansOf(rows.indices)) {
    const columns = { tensor: dy, stride: dy.shape[1], offset: start };
    const target = { tensor, stride: n, offset: from * n };
    multiply(columns, matrix(x), target, { m, n, k, transposeA: true, accumulate });
  }
}
