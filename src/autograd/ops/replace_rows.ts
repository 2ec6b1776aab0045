/** Trained rows in the place of the first rows of every sequence. @module */

import { copyColumns as copyKernel } from "../../../kernels/elementwise/kernel.ts";
import { sumColumns } from "../../../kernels/reduce/kernel.ts";
import { ShapeError } from "../../core/errors.ts";
import { formatShape } from "../../core/shape.ts";
import type { Tensor } from "../../device/device.ts";
import { Scope } from "../../device/scope.ts";
import { zero } from "../../device/zero.ts";
import type { Parameter } from "../parameter.ts";
import type { Tape } from "../tape.ts";
import { copyColumns } from "./columns.ts";

/** Columns of a parameter, and those that they fill. */
export interface ReplacingRows {
  /** (rows, columns). */
  readonly values: Parameter;
  /** First of its columns. Default 0. */
  readonly from?: number;
  /** Number of columns. */
  readonly width: number;
  /** First column that they fill. Default 0. */
  readonly offset?: number;
}

/**
 * out = x (batch · time, columns), but the first rows of each of the `batch` sequences are those of `pieces`, the
 * same for all, and zero in the columns that no piece fills.
 *
 * The gradient of a piece is the sum over the sequences; the rows of x that are replaced get none.
 *
 * @param pieces Columns of one parameter.
 * @throws {ShapeError} when the sequences do not divide x, or the pieces do not fit them.
 */
export function replaceRows(
  tape: Tape,
  x: Tensor,
  pieces: readonly ReplacingRows[],
  batch: number,
): Tensor {
  const [rows, columns] = x.shape, count = pieces[0].values.shape[0], first = count * columns;
  assertPieces(x, pieces, batch);
  const out = tape.activation(x.shape, "x with replaced rows"), each = rows / batch * columns;
  const sequences = (tensor: Tensor) => tensor.view([batch, each]);
  if (first < each) {
    const rest = { offset: first, width: each - first };
    copyColumns({ tensor: sequences(x), ...rest }, { tensor: sequences(out), ...rest });
  }
  fillSequences(tape, pieces, { tensor: out, batch, columns });
  return tape.record(out, [x, pieces[0].values], (dOut) => {
    using scratch = new Scope(tape.device);
    const firsts = scratch.allocate([batch, first], "f32", "scratch", "replaced rows");
    copyColumns({ tensor: sequences(dOut), width: first }, { tensor: firsts, width: first });
    sumOver(tape, scratch, firsts, pieces, columns);
    if (!tape.tracks(x)) return;
    zero(firsts);
    copyColumns({ tensor: firsts, width: first }, { tensor: sequences(dOut), width: first });
    tape.give(x, dOut);
  }, []);
}

/** Where rows are written: sequences of rows. */
interface Sequences {
  readonly tensor: Tensor;
  readonly batch: number;
  readonly columns: number;
}

/** Writes the pieces to the first rows of every sequence: a stride of 0 reads the same rows for all. */
function fillSequences(
  tape: Tape,
  pieces: readonly ReplacingRows[],
  { tensor: y, batch, columns }: Sequences,
): void {
  const [{ values, width: filled }] = pieces, count = values.shape[0], width = count * columns;
  const isWhole = filled === columns && values.shape[1] === columns;
  const x = isWhole ? values.tensor : tape.activation([count, columns], "rows of a sequence");
  if (!isWhole) {
    if (filled < columns) zero(x);
    for (const { values: { tensor }, from, offset, width } of pieces) {
      copyColumns({ tensor, offset: from, width }, { tensor: x, offset, width });
    }
  }
  const extents = { rows: batch, width, xStride: 0, yStride: y.size / batch };
  y.device.launch(copyKernel, { x, y }, { ...extents, xOffset: 0, yOffset: 0, accumulate: 0 });
  if (!isWhole) tape.release(x);
}

/** Adds the sum of the sequences' gradients, a row of `firsts` each, to those of the pieces. */
function sumOver(
  tape: Tape,
  scratch: Scope,
  firsts: Tensor,
  pieces: readonly ReplacingRows[],
  columns: number,
): void {
  const [rows, width] = firsts.shape, count = width / columns;
  const y = scratch.allocate([count, columns], "f32", "scratch", "sum over sequences");
  tape.device.launch(sumColumns, { x: firsts, y }, { rows, width, accumulate: 0 });
  for (const { values, from, offset, width } of pieces) {
    const into = tape.contribute(values);
    if (!into) continue;
    const { tensor } = into, isWhole = width === values.shape[1];
    // The columns of other pieces and other calls are added to what is there.
    if (!isWhole && !into.accumulate) zero(tensor);
    const accumulate = isWhole ? into.accumulate : 1;
    copyColumns({ tensor: y, offset, width }, { tensor, offset: from, width }, { accumulate });
  }
}

function assertPieces(x: Tensor, pieces: readonly ReplacingRows[], batch: number): void {
  const [rows, columns] = x.shape, time = rows / batch, [{ values: { shape: [count] } }] = pieces;
  const fits = ({ values: { shape }, from = 0, offset = 0, width }: ReplacingRows) =>
    shape.length === 2 && shape[0] === count && from + width <= shape[1] &&
    offset + width <= columns;
  if (Number.isInteger(time) && count <= time && pieces.every(fits)) return;
  const found = pieces.map(({ values: { shape }, offset = 0, width }) => {
    return `${width} columns of ${formatShape(shape)} for those from ${offset}`;
  });
  throw new ShapeError(
    `replaced rows must be the first of ${batch} sequences in ${formatShape(x.shape)}, found ${
      found.join(" and ")
    }`,
  );
}
