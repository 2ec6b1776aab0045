/** Rows of a table by index. @module */

import { embeddingBackward } from "../../../kernels/embedding/kernel.ts";
import { mostTrainedRows } from "../../core/limits.ts";
import { rowPiecesOf } from "../../device/spans.ts";
import { Tensor } from "../../device/device.ts";
import { type Differentiable, valueOf } from "../gradients.ts";
import { Parameter, type TrainableRows } from "../parameter.ts";
import type { Tape } from "../tape.ts";
import type { Weight } from "../weight.ts";
import { lookUpRows } from "./look_up.ts";
import { tracksAny, writeRows } from "./trainable_rows.ts";

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
