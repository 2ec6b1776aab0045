/** Sequences of different lengths, one after another: no row of a batch is padding. @module */

import { assertShape } from "../../core/shape.ts";
import type { Tensor } from "../../device/device.ts";
import type { Scope } from "../../device/scope.ts";

/** Sequences whose tokens are the rows of a matrix, one sequence after another. */
export interface PackedSequences {
  /** u32 (sequences + 1): the first row of each, and the end of the last. */
  readonly starts: Tensor;
  /** Tokens of each, the differences of `starts`. */
  readonly lengths: readonly number[];
}

/**
 * Sequences of these lengths, whose `starts` the scope owns.
 *
 * @example Attention within two sequences, of two tokens and of one
 * ```ts
 * import { openDevice, Tape } from "@lowrank/core";
 * import { attention, fusedInputs, packSequences } from "@lowrank/core/autograd";
 *
 * using device = await openDevice({ kind: "reference" });
 * using tape = new Tape(device);
 * const qkv = tape.activation([3, 12], "qkv");
 * device.write(qkv, Float32Array.from({ length: 36 }, (_, i) => i));
 * const sequences = packSequences(tape, [2, 1]);
 * const out = attention(tape, fusedInputs(qkv), { sequences, heads: 1, causal: true });
 * console.log(out.shape); // [3, 4]
 * ```
 *
 * @throws {RangeError} when there is no sequence, or a length is not a positive integer.
 */
export function packSequences(scope: Scope, lengths: readonly number[]): PackedSequences {
  assertLengths(lengths);
  const firsts = startsOf(lengths);
  const starts = scope.allocate([firsts.length], "u32", "activation", "starts of sequences");
  scope.device.write(starts, Uint32Array.from(firsts));
  return { starts, lengths };
}

/** The first row of each of several sequences, and the end of the last. */
export function startsOf(lengths: readonly number[]): number[] {
  const starts = [0];
  for (const length of lengths) starts.push(starts.at(-1)! + length);
  return starts;
}

/** Rows of all sequences together. */
export const packedRows = ({ lengths }: PackedSequences): number => startsOf(lengths).at(-1)!;

/**
 * Throws unless there are as many starts as lengths, and the end. What the starts are is not read.
 *
 * @throws {RangeError} when there is no sequence, or a length is not a positive integer.
 * @throws {ShapeError} when the starts have another shape.
 */
export function assertPacked({ starts, lengths }: PackedSequences): void {
  assertLengths(lengths);
  assertShape("the starts of packed sequences", starts.shape, [lengths.length + 1]);
}

/**
 * Throws unless there are lengths of sequences.
 *
 * @throws {RangeError} when there is none, or one is not a positive integer.
 */
export function assertLengths(lengths: readonly number[]): void {
  if (lengths.length === 0) {
    throw new RangeError("packed sequences must be at least one, found none");
  }
  const wrong = lengths.findIndex((length) => !(Number.isInteger(length) && length > 0));
  if (wrong < 0) return;
  throw new RangeError(
    `the length of a packed sequence must be a positive integer, found ${
      lengths[wrong]
    } at ${wrong}`,
  );
}
