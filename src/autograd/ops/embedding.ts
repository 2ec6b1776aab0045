/**
 * Rows of a table by index; rows that are trained while their table is frozen; and trained rows in
 * the place of the first rows of every sequence.
 *
 * @module
 */

import { copyColumns as copyKernel } from "../../../kernels/elementwise/kernel.ts";
import { embeddingBackward } from "../../../kernels/embedding/kernel.ts";
import { ShapeError } from "../../core/errors.ts";
import { mostTrainedRows } from "../../core/limits.ts";
import { formatShape } from "../../core/tensor.ts";
import { Scope } from "../../device/arena.ts";
import { zero } from "../../device/base.ts";
import { Tensor } from "../../device/device.ts";
import { rowPiecesOf } from "../../device/spans.ts";
import { Parameter, type TrainableRows } from "../parameter.ts";
import { type Differentiable, type Tape, valueOf } from "../tape.ts";
import type { Weight } from "../weight.ts";
import { lookUpRows } from "./look_up.ts";
import { copyColumns, matrix, multiply } from "./product.ts";

// Embeddings.

/**
 * out[i, :] = table[ids[i], :], where the table is a parameter, computed rows or a weight. The gradient sums
 * the rows of equal ids in the order of their positions; a weight that cannot be trained has none.
 *
 * Ids on the device are not checked: a row whose id the table does not have is undefined.
 *
 * @param ids On the host, or u32 on the device for a table that needs no gradient.
 * @throws {RangeError} when an id is not below the table's number of rows.
 * @throws {TypeError} when the table needs a gradient and the ids are on the device.
 */
export function embedding(
  tape: Tape,
  table: Differentiable | Weight,
  ids: ArrayLike<number> | Tensor,
): Tensor {
  const [vocabulary] = table.shape, name = table instanceof Tensor ? table.label : table.name;
  const values = isDifferentiable(table) ? table : table.parameter;
  if (values instanceof Parameter) writeRows(values);
  const trained = values && tracksAny(tape, values) ? values : undefined;
  if (ids instanceof Tensor) {
    if (!trained) return lookUp(tape, table, ids, name);
    throw new TypeError(`the gradient of ${name} needs ids on the host, found ${ids.label}`);
  }
  assertIds(ids, vocabulary, name);
  const out = lookUp(tape, table, uploadIds(tape, ids, `${name} ids`), name);
  if (!trained) return out;
  const rows = trained instanceof Parameter ? trained.rows : undefined;
  return rows ? recordRows(tape, rows, ids, out) : record(tape, trained, ids, out);
}

const isDifferentiable = (table: Differentiable | Weight): table is Differentiable =>
  table instanceof Parameter || table instanceof Tensor;

function lookUp(tape: Tape, table: Differentiable | Weight, ids: Tensor, name: string): Tensor {
  const out = tape.activation([ids.size, table.shape[1]], name);
  if (isDifferentiable(table)) lookUpRows(valueOf(table), ids, out);
  else table.lookUp(ids, out);
  return out;
}

function record(tape: Tape, table: Differentiable, ids: ArrayLike<number>, out: Tensor): Tensor {
  const [vocabulary, width] = table.shape;
  const { order, starts } = uploadRuns(tape, ids, vocabulary, out.label);
  return tape.record(out, [table], (dOut) => {
    const { tensor, accumulate } = tape.contribute(table)!;
    for (const { start, count: vocabulary } of rowPiecesOf(valueOf(table))) {
      const dTable = tensor.view([vocabulary, width], start * width);
      const runs = { order, starts: starts.view([vocabulary + 1], start) };
      tape.device.launch(embeddingBackward, { dOut, ...runs, dTable }, {
        vocabulary,
        width,
        accumulate,
      });
    }
  }, [order, starts]);
}

/** The gradient of some rows, which are the table of the positions that look them up. */
function recordRows(
  tape: Tape,
  { indices, values }: TrainableRows,
  ids: ArrayLike<number>,
  out: Tensor,
): Tensor {
  const [vocabulary, width] = values.shape, places = new Map(indices.map((id, row) => [id, row]));
  const { order, starts } = uploadRuns(
    tape,
    Array.from(ids, (id) => places.get(id) ?? -1),
    vocabulary,
    out.label,
  );
  return tape.record(out, [values], (dOut) => {
    const { tensor: dTable, accumulate } = tape.contribute(values)!;
    const tensors = { dOut, order, starts, dTable };
    tape.device.launch(embeddingBackward, tensors, { vocabulary, width, accumulate });
  }, [order, starts]);
}

function assertIds(ids: ArrayLike<number>, vocabulary: number, name: string): void {
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i];
    if (!(Number.isInteger(id) && id >= 0 && id < vocabulary)) {
      throw new RangeError(
        `looking up ${name} needs ids from 0 to ${vocabulary - 1}, found ${id} at position ${i}`,
      );
    }
  }
}

/**
 * Indices live as long as the tape: they are small, and on webgpu, writing to a buffer that waiting
 * commands still use would split the step's submit.
 */
function uploadIds(tape: Tape, ids: ArrayLike<number>, label: string): Tensor {
  const tensor = tape.allocate([ids.length], "u32", "activation", label);
  tape.device.write(tensor, ids instanceof Uint32Array ? ids : Uint32Array.from(ids));
  return tensor;
}

/**
 * Counting sort of the positions by id: where each id's run starts, and the positions in that order; those
 * with an id of -1 are left out, and what they leave of the order is not read.
 */
function uploadRuns(tape: Tape, ids: ArrayLike<number>, vocabulary: number, name: string) {
  if (vocabulary > mostTrainedRows) {
    throw new RangeError(
      `training ${name} needs at most ${mostTrainedRows} rows, found ${vocabulary}`,
    );
  }
  const starts = new Uint32Array(vocabulary + 1);
  for (let i = 0; i < ids.length; i++) if (ids[i] >= 0) starts[ids[i] + 1]++;
  for (let id = 0; id < vocabulary; id++) starts[id + 1] += starts[id];
  const next = starts.slice(), order = new Uint32Array(ids.length);
  for (let i = 0; i < ids.length; i++) if (ids[i] >= 0) order[next[ids[i]]++] = i;
  return {
    order: uploadIds(tape, order, `${name} order`),
    starts: uploadIds(tape, starts, `${name} starts`),
  };
}

// Trained rows of a frozen table.

/** A parameter, and its rows if they are trained on their own. */
export const withRows = (parameter: Parameter): Parameter[] =>
  parameter.rows ? [parameter, parameter.rows.values] : [parameter];

/** True if a gradient flows to a value, or to rows of a parameter. */
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

// Rows in the place of others.

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
  /** Number of rows of each sequence. */
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
