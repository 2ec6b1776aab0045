/** Trained rows in the place of the first rows of every sequence. @module */

import { embeddingBackward } from "../../../kernels/embedding/kernel.ts";
import { ShapeError } from "../../core/errors.ts";
import { formatShape } from "../../core/shape.ts";
import type { Tensor } from "../../device/device.ts";
import { Scope } from "../../device/scope.ts";
import { zero } from "../../device/zero.ts";
import type { Parameter } from "../parameter.ts";
import type { Tape } from "../tape.ts";
import { copyColumns } from "./columns.ts";
import { lookUpRows } from "./look_up.ts";

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

/** The first rows of sequences, among the rows of all of them. */
export interface FirstRows {
  /** How many of each sequence. */
  readonly count: number;
  /** All other rows. */
  readonly others: readonly number[];
  /** u32 (rows): the place in its sequence of each of them, and `count` for every other row. */
  readonly places: Tensor;
  /** u32 (count · sequences): these rows by place. */
  readonly byPlace: Tensor;
  /** u32 (count + 1): where the rows of each place begin in `byPlace`, and the end. */
  readonly runs: Tensor;
}

/**
 * The first `count` rows of sequences, which must have as many, in tensors that the scope owns.
 *
 * @param starts The first row of each sequence, and the end of the last.
 */
export function firstRows(scope: Scope, count: number, starts: readonly number[]): FirstRows {
  const firsts = starts.slice(0, -1), at = [...Array(count).keys()];
  const places = new Uint32Array(starts.at(-1)!).fill(count);
  for (const first of firsts) for (const place of at) places[first + place] = place;
  const others = [...places.keys()].filter((row) => places[row] === count);
  const upload = (values: ArrayLike<number>, label: string) => {
    const tensor = scope.allocate([values.length], "u32", "activation", label);
    scope.device.write(tensor, Uint32Array.from(values));
    return tensor;
  };
  return {
    ...{ count, others },
    places: upload(places, "places of first rows"),
    byPlace: upload(at.flatMap((place) => firsts.map((first) => first + place)), "first rows"),
    runs: upload([...at, count].map((place) => place * firsts.length), "first rows by place"),
  };
}

/**
 * out = x (rows, columns), but the first rows of each sequence are those of `pieces`, the same for all, and zero in
 * the columns that no piece fills.
 *
 * The gradient of a piece is the sum over the sequences; the rows of x that are replaced get none.
 *
 * @param pieces Columns of one parameter.
 * @throws {ShapeError} when the rows are not those of x, or the pieces do not fit them.
 */
export function replaceRows(
  tape: Tape,
  x: Tensor,
  pieces: readonly ReplacingRows[],
  rows: FirstRows,
): Tensor {
  assertPieces(x, pieces, rows);
  const { count, places, byPlace, runs } = rows, [, width] = x.shape, [{ values }] = pieces;
  const out = tape.activation(x.shape, "x with replaced rows");
  copyColumns({ tensor: x, width }, { tensor: out, width });
  fillRows(tape, pieces, places, out);
  return tape.record(out, [x, values], (dOut) => {
    using scratch = new Scope(tape.device);
    const sum = scratch.allocate([count, width], "f32", "scratch", "sum over sequences");
    const tensors = { dOut, order: byPlace, starts: runs, dTable: sum };
    tape.device.launch(embeddingBackward, tensors, { vocabulary: count, width, accumulate: 0 });
    passPieces(tape, sum, pieces);
    if (!tape.tracks(x)) return;
    zero(sum);
    lookUpRows(sum, places, dOut);
    tape.give(x, dOut);
  }, [places, byPlace, runs]);
}

/** Writes the pieces to the first rows of every sequence. */
function fillRows(tape: Tape, pieces: readonly ReplacingRows[], places: Tensor, out: Tensor): void {
  const [{ values, width: filled }] = pieces,
    [count, width] = values.shape,
    [, columns] = out.shape;
  if (filled === columns && width === columns) return lookUpRows(values.tensor, places, out);
  const whole = tape.activation([count, columns], "rows of a sequence");
  if (filled < columns) zero(whole);
  for (const { values: { tensor }, from, offset, width } of pieces) {
    copyColumns({ tensor, offset: from, width }, { tensor: whole, offset, width });
  }
  lookUpRows(whole, places, out);
  tape.release(whole);
}

/** Adds columns of a sum over sequences to the gradients of the pieces that fill them. */
function passPieces(tape: Tape, sum: Tensor, pieces: readonly ReplacingRows[]): void {
  for (const { values, from, offset, width } of pieces) {
    const into = tape.contribute(values);
    if (!into) continue;
    const { tensor } = into, isWhole = width === values.shape[1];
    // The columns of other pieces and other calls are added to what is there.
    if (!isWhole && !into.accumulate) zero(tensor);
    const accumulate = isWhole ? into.accumulate : 1;
    copyColumns({ tensor: sum, offset, width }, { tensor, offset: from, width }, { accumulate });
  }
}

function assertPieces(x: Tensor, pieces: readonly ReplacingRows[], rows: FirstRows): void {
  const { shape: [all, columns] } = x, { count, places } = rows;
  const fits = ({ values: { shape }, from = 0, offset = 0, width }: ReplacingRows) =>
    shape.length === 2 && shape[0] === count && from + width <= shape[1] &&
    offset + width <= columns;
  if (all === places.size && pieces.every(fits)) return;
  const found = pieces.map(({ values: { shape }, offset = 0, width }) => {
    return `${width} columns of ${formatShape(shape)} for those from ${offset}`;
  });
  throw new ShapeError(
    `replaced rows must be the first ${count} of sequences of ${places.size} rows in ${
      formatShape(x.shape)
    }, found ${found.join(" and ")}`,
  );
}
