/** The embeddings of distances between tokens, for one pass. @module */

import type { DistanceBuckets } from "../autograd/mod.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../device/device.ts";

/** The distances that occur in sequences of a length, and the states of those that are told apart. */
export class RelativePositions {
  /** (buckets, width): a row for each of the table's rows that occurs. */
  readonly states: Tensor;
  /** Which of them each distance has. */
  readonly buckets: DistanceBuckets;

  /**
   * Looks up the rows of a table that distances need, each once.
   *
   * @param rowOf The table's row of each distance from 1 - time to time - 1, which never falls.
   * @param lookUp Returns the states of rows of the table.
   */
  constructor(tape: Tape, rowOf: readonly number[], lookUp: (rows: readonly number[]) => Tensor) {
    const rows = [...new Set(rowOf)], bucketOf: number[] = [], starts: number[] = [];
    for (const [place, row] of rowOf.entries()) {
      if (row !== rowOf[place - 1]) starts.push(place);
      bucketOf.push(starts.length - 1);
    }
    this.states = lookUp(rows);
    this.buckets = {
      bucketOf: written(tape, bucketOf, "buckets of distances"),
      starts: written(tape, [...starts, rowOf.length], "starts of buckets"),
    };
  }

  /** What the blocks of a pass read of it. */
  get tensors(): readonly Tensor[] {
    return [this.states, this.buckets.bucketOf, this.buckets.starts];
  }

  /** Frees what no backward function needs. */
  release(tape: Tape): void {
    tape.release(...this.tensors);
  }
}

function written(tape: Tape, values: readonly number[], label: string): Tensor {
  const tensor = tape.allocate([values.length], "u32", "activation", label);
  tape.device.write(tensor, Uint32Array.from(values));
  return tensor;
}
