/** Rows of a table by index. @module */

import { embeddingBackward, embeddingForward } from "../../../kernels/embedding/kernel.ts";
import { mostTrainedRows } from "../../core/limits.ts";
import type { RowRange } from "../../core/row_range.ts";
import { rowPiecesOf } from "../../device/spans.ts";
import type { Tensor } from "../../device/device.ts";
import { type Differentiable, valueOf } from "../gradients.ts";
import { Parameter } from "../parameter.ts";
import type { Tape } from "../tape.ts";

/**
 * out[i, :] = table[ids[i], :], where the table is a parameter or computed rows. The gradient sums the
 * rows of equal ids in the order of their positions.
 *
 * @throws {RangeError} when an id is not below the table's number of rows.
 */
export function embedding(tape: Tape, table: Differentiable, ids: ArrayLike<number>): Tensor {
  const [vocabulary, width] = table.shape, rows = valueOf(table);
  const name = table instanceof Parameter ? table.name : table.label;
  assertIds(ids, vocabulary, name);
  const out = tape.activation([ids.length, width], name);
  const pieces = rowPiecesOf(rows);
  if (pieces.length > 1) gather(tape, rows, ids, out, pieces);
  else lookUp(tape, rows, ids, out);
  if (!tape.tracks(table)) return out;
  const { order, starts } = uploadRuns(tape, ids, vocabulary, name);
  return tape.record(out, [table], (dOut) => {
    const into = tape.contribute(table)!, { accumulate } = into;
    for (const { start, count: vocabulary } of pieces) {
      const dTable = into.tensor.view([vocabulary, width], start * width);
      const runs = { order, starts: starts.view([vocabulary + 1], start) };
      tape.device.launch(embeddingBackward, { dOut, ...runs, dTable }, {
        vocabulary,
        width,
        accumulate,
      });
    }
  }, [order, starts]);
}

function lookUp(tape: Tape, table: Tensor, ids: ArrayLike<number>, out: Tensor): void {
  const [count, width] = out.shape;
  const idTensor = uploadIds(tape, ids, `${out.label} ids`);
  tape.device.launch(embeddingForward, { table, ids: idTensor, out }, { count, width });
}

/**
 * Looks up rows in a table that is bound piece by piece. It uses the backward kernel, which sums runs
 * of rows: for each piece, every id has a run of one row if the piece holds it, else an empty run.
 */
function gather(
  tape: Tape,
  table: Tensor,
  ids: ArrayLike<number>,
  out: Tensor,
  pieces: readonly RowRange[],
): void {
  const { device } = tape, { label } = out, [vocabulary, width] = out.shape;
  const inPieces = new Uint32Array(ids.length);
  let found = 0;
  const runs = pieces.map(({ start, count }) => {
    const ends = new Uint32Array(ids.length + 1).fill(found);
    for (let i = 0; i < ids.length; i++) {
      if (ids[i] >= start && ids[i] < start + count) inPieces[found++] = ids[i] - start;
      ends[i + 1] = found;
    }
    return ends;
  });
  const order = uploadIds(tape, inPieces, `${label} ids`);
  pieces.forEach(({ start, count }, i) => {
    using starts = device.allocate([runs[i].length], "u32", "scratch", `${label} runs`);
    device.write(starts, runs[i]);
    const dOut = table.view([count, width], start * width), accumulate = i > 0 ? 1 : 0;
    const scalars = { vocabulary, width, accumulate };
    device.launch(embeddingBackward, { dOut, order, starts, dTable: out }, scalars);
  });
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

/** Counting sort of the positions by id: where each id's run starts, and the positions in that order. */
function uploadRuns(tape: Tape, ids: ArrayLike<number>, vocabulary: number, name: string) {
  if (vocabulary > mostTrainedRows) {
    throw new RangeError(
      `training ${name} needs at most ${mostTrainedRows} rows, found ${vocabulary}`,
    );
  }
  const starts = new Uint32Array(vocabulary + 1);
  for (let i = 0; i < ids.length; i++) starts[ids[i] + 1]++;
  for (let id = 0; id < vocabulary; id++) starts[id + 1] += starts[id];
  const next = starts.slice(), order = new Uint32Array(ids.length);
  for (let i = 0; i < ids.length; i++) order[next[ids[i]]++] = i;
  return {
    order: uploadIds(tape, order, `${name} order`),
    starts: uploadIds(tape, starts, `${name} starts`),
  };
}
