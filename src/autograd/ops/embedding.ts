/** Rows of a table by index. @module */

import { embeddingBackward, embeddingForward } from "../../../kernels/embedding/kernel.ts";
import type { Tensor } from "../../device/tensor.ts";
import type { Parameter } from "../parameter.ts";
import type { Tape } from "../tape.ts";

/**
 * out[i, :] = table[ids[i], :]; the gradient adds the rows of equal ids in the order of their positions.
 *
 * @throws {RangeError} when an id is not below the table's number of rows.
 */
export function embedding(tape: Tape, table: Parameter, ids: ArrayLike<number>): Tensor {
  const [vocabulary, width] = table.shape;
  assertIds(ids, vocabulary, table.name);
  const count = ids.length;
  const out = tape.activation([count, width], table.name);
  const idTensor = uploadIds(tape, ids, `${table.name} ids`);
  tape.device.launch(embeddingForward, { table: table.tensor, ids: idTensor, out }, {
    count,
    width,
  });
  if (!tape.tracks(table)) return out;
  const { order, starts } = uploadRuns(tape, ids, vocabulary, table.name);
  return tape.record(out, [table], (dOut) => {
    const { tensor: dTable, accumulate } = tape.contribute(table)!;
    tape.device.launch(embeddingBackward, { dOut, order, starts, dTable }, {
      vocabulary,
      width,
      accumulate,
    });
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

function uploadIds(tape: Tape, ids: ArrayLike<number>, label: string): Tensor {
  const tensor = tape.allocate([ids.length], "u32", "activation", label);
  tape.device.write(tensor, ids instanceof Uint32Array ? ids : Uint32Array.from(ids));
  return tensor;
}

/** Counting sort of the positions by id: where each id's run starts, and the positions in that order. */
function uploadRuns(tape: Tape, ids: ArrayLike<number>, vocabulary: number, name: string) {
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
