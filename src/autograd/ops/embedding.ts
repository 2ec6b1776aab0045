/** Rows of a table by index. @module */

import { embeddingBackward, embeddingForward } from "../../../kernels/embedding/kernel.ts";
import { mostTrainedRows } from "../../core/limits.ts";
import { rowPiecesOf } from "../../device/spans.ts";
import { Tensor } from "../../device/device.ts";
import { type Differentiable, valueOf } from "../gradients.ts";
import { Parameter, type TrainableRows } from "../parameter.ts";
import type { Tape } from "../tape.ts";
import { tracksAny, writeRows } from "./trainable_rows.ts";

/**
 * out[i, :] = table[ids[i], :], where the table is a parameter or computed rows. The gradient sums the
 * rows of equal ids in the order of their positions.
 *
 * Ids on the device are not checked: a row whose id the table does not have is undefined.
 *
 * @param ids On the host, or u32 on the device for a table that needs no gradient.
 * @throws {RangeError} when an id is not below the table's number of rows.
 * @throws {TypeError} when the table needs a gradient and the ids are on the device.
 */
export function embedding(
  tape: Tape,
  table: Differentiable,
  ids: ArrayLike<number> | Tensor,
): Tensor {
  const [vocabulary] = table.shape;
  const isParameter = table instanceof Parameter, name = isParameter ? table.name : table.label;
  if (isParameter) writeRows(table);
  const isTracked = isParameter ? tracksAny(tape, table) : tape.tracks(table);
  if (ids instanceof Tensor) {
    if (!isTracked) return lookUp(tape, valueOf(table), ids, name);
    throw new TypeError(`the gradient of ${name} needs ids on the host, found ${ids.label}`);
  }
  assertIds(ids, vocabulary, name);
  const out = lookUp(tape, valueOf(table), uploadIds(tape, ids, `${name} ids`), name);
  if (!isTracked) return out;
  const rows = isParameter ? table.rows : undefined;
  return rows ? recordRows(tape, rows, ids, out) : record(tape, table, ids, out);
}

/** Looks up rows in a table, which is bound piece by piece if it is large. */
function lookUp(tape: Tape, table: Tensor, ids: Tensor, name: string): Tensor {
  const width = table.shape[1], count = ids.size, out = tape.activation([count, width], name);
  for (const { start: first, count: rows } of rowPiecesOf(table)) {
    const piece = table.view([rows, width], first * width), scalars = { count, width, first, rows };
    tape.device.launch(embeddingForward, { table: piece, ids, out }, scalars);
  }
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
