/** Packed sequences as sequences of one length, and back, for operations that take no others. @module */

import { embeddingBackward } from "../../../kernels/embedding/kernel.ts";
import { assertShape, type Shape } from "../../core/shape.ts";
import type { Tensor } from "../../device/device.ts";
import type { Scope } from "../../device/scope.ts";
import type { Tape } from "../tape.ts";
import { lookUpRows } from "./look_up.ts";
import { assertLengths, startsOf } from "./packed_sequences.ts";

/** Which rows of padded sequences are those of packed ones. */
export interface PaddedSequences {
  /** Number of sequences. */
  readonly batch: number;
  /** Tokens of the longest. */
  readonly time: number;
  /** u32 (batch, time): 0 behind the end of a sequence. */
  readonly mask: Tensor;
  /** u32 (rows): the padded row of each packed one. */
  readonly places: Tensor;
  /** u32 (batch · time + 1): how many packed rows are before each padded one, and the end. */
  readonly before: Tensor;
  /** u32 (rows + 1): 0, 1, 2, … */
  readonly counted: Tensor;
}

/**
 * The places of sequences of these lengths when all are as long as the longest; the scope owns them.
 *
 * @example Two sequences, of one token and of two
 * ```ts
 * import { openDevice, Tape } from "@lowrank/core";
 * import { padRows, padSequences } from "@lowrank/core/autograd";
 *
 * using device = await openDevice({ kind: "reference" });
 * using tape = new Tape(device);
 * const x = tape.activation([3, 1], "x");
 * device.write(x, Float32Array.of(1, 2, 3));
 * const [padded] = await device.read(padRows(tape, x, padSequences(tape, [1, 2])));
 * console.log(padded.data); // 1, 0, 2, 3
 * ```
 *
 * @throws {RangeError} when there is no sequence, or a length is not a positive integer.
 */
export function padSequences(scope: Scope, lengths: readonly number[]): PaddedSequences {
  assertLengths(lengths);
  const batch = lengths.length, time = Math.max(...lengths);
  const upload = (shape: Shape, values: Iterable<number>) => {
    const tensor = scope.allocate(shape, "u32", "activation", "places of padded sequences");
    scope.device.write(tensor, Uint32Array.from(values));
    return tensor;
  };
  const shown = lengths.flatMap((length) =>
    Array.from({ length: time }, (_, at) => Number(at < length))
  );
  const places = [...shown.keys()].filter((row) => shown[row]), rows = places.length;
  return {
    batch,
    time,
    mask: upload([batch, time], shown),
    places: upload([rows], places),
    before: upload([batch * time + 1], startsOf(shown)),
    counted: upload([rows + 1], Array(rows + 1).keys()),
  };
}

/**
 * Packed rows (rows, columns) in their places among padded ones, (batch · time, columns), the others of which are 0
 * and whose gradients go nowhere.
 *
 * @throws {ShapeError} when x has other rows than the sequences.
 */
export function padRows(tape: Tape, x: Tensor, sequences: PaddedSequences): Tensor {
  const { batch, time, places, before, counted } = sequences, columns = x.shape[1];
  assertShape("packed rows", x.shape, [places.size, columns]);
  const y = tape.activation([batch * time, columns], "padded rows");
  addRows(x, y, { order: counted, starts: before }, 0);
  return tape.record(y, [x], (dy) => {
    const { tensor, accumulate } = tape.contribute(x)!;
    addRows(dy, tensor, { order: places, starts: counted }, accumulate);
  }, [places, counted]);
}

/**
 * The packed rows among padded ones, without the others, whose gradient is 0.
 *
 * @throws {ShapeError} when x has other rows than the padded sequences.
 */
export function unpadRows(tape: Tape, x: Tensor, sequences: PaddedSequences): Tensor {
  const { batch, time, places, before, counted } = sequences, columns = x.shape[1];
  assertShape("padded rows", x.shape, [batch * time, columns]);
  const y = tape.activation([places.size, columns], "packed rows");
  lookUpRows(x, places, y);
  return tape.record(y, [x], (dy) => {
    const { tensor, accumulate } = tape.contribute(x)!;
    addRows(dy, tensor, { order: counted, starts: before }, accumulate);
  }, [counted, before]);
}

/** Writes or adds to each row of y its rows of x, of which there is one or none. */
function addRows(
  x: Tensor,
  y: Tensor,
  runs: { readonly order: Tensor; readonly starts: Tensor },
  accumulate: number,
): void {
  const [vocabulary, width] = y.shape, scalars = { vocabulary, width, accumulate };
  y.device.launch(embeddingBackward, { dOut: x, ...runs, dTable: y }, scalars);
}
