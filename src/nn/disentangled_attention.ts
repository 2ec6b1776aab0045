/** Self-attention whose scores depend on contents and on distances, as terms of their own. @module */

import {
  distanceTerms,
  dropout,
  headProduct,
  type PaddedSequences,
  padRows,
  softmax,
  unpadRows,
} from "../autograd/mod.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../device/device.ts";
import type { SequenceContext } from "./attention.ts";
import type { Linear } from "./linear.ts";
import type { RelativePositions } from "./relative_positions.ts";

/** What disentangled attention is made of. */
export interface DisentangledParts {
  /** Number of heads. */
  readonly heads: number;
  /** The factor of all scores: 1 / √(d · terms). */
  readonly scale: number;
  /** Gives queries, keys and values, (batch · time, width) each. */
  readonly input: (tape: Tape, x: Tensor) => readonly [q: Tensor, k: Tensor, v: Tensor];
  /** Maps the embeddings of distances to keys, which queries meet (c2p), if there is such a term. */
  readonly positionKeys?: Linear;
  /** Maps the embeddings of distances to queries, which keys meet (p2c), if there is such a term. */
  readonly positionQueries?: Linear;
  /** Maps what was attended to back to the block's width. */
  readonly output: Linear;
  /** Rate of dropout on the embeddings of distances and on the result. */
  readonly dropout: number;
}

/** A batch and, where scores depend on them, its distances. */
export interface RelativeContext extends SequenceContext {
  /** Distances. */
  readonly relative?: RelativePositions;
  /** Where the rows of packed sequences are among padded ones, which `mask` is of. */
  readonly padded?: PaddedSequences;
}

/**
 * In every head, the score of query i and key j is scale · (q_i · k_j + q_i · K_δ + k_j · Q_δ), where K and Q are
 * keys and queries of the embedding of δ = i - j (He et al. 2020, equation 4).
 *
 * Probabilities are stored for the backward pass, time · heads values for each token: the terms by distance
 * have as many. Of packed sequences, queries, keys, values and these terms are padded, and what was attended to is
 * packed again.
 */
export class DisentangledAttention {
  readonly #parts: DisentangledParts;

  /** Takes the projections. */
  constructor(parts: DisentangledParts) {
    this.#parts = parts;
  }

  /** Maps x (batch · time, width) to the same shape. */
  forward(tape: Tape, x: Tensor, context: RelativeContext): Tensor {
    const { output, dropout: rate } = this.#parts;
    return tape.pipe(
      this.#attend(tape, x, context),
      (attended) => output.forward(tape, attended),
      (y) => dropout(tape, y, rate),
    );
  }

  #attend(tape: Tape, x: Tensor, { batch, mask, relative, padded }: RelativeContext): Tensor {
    const { heads, scale, input, positionKeys, positionQueries, dropout: rate } = this.#parts;
    const inPlace = (rows: Tensor) => padded ? padRows(tape, rows, padded) : rows;
    const given = input(tape, x), [q, k, v] = given.map(inPlace);
    const distances = relative && dropout(tape, relative.states, rate);
    const addTerm = (scores: Tensor, ofKey: boolean, projection?: Linear): Tensor => {
      if (!projection || !distances) return scores;
      const positions = projection.forward(tape, distances);
      const extents = { groups: 1, heads, transposeB: true, alpha: scale };
      const terms = tape.pipe(headProduct(tape, given[ofKey ? 1 : 0], positions, extents), inPlace);
      const sum = distanceTerms(tape, scores, terms, relative!.buckets, { batch, heads, ofKey });
      tape.release(positions, terms);
      return sum;
    };
    const attended = tape.pipe(
      headProduct(tape, q, k, { groups: batch, heads, transposeB: true, alpha: scale }),
      (scores) => addTerm(scores, false, positionKeys),
      (scores) => addTerm(scores, true, positionQueries),
      (scores) => softmax(tape, scores, { batch, heads, mask }),
      (probabilities) => headProduct(tape, probabilities, v, { groups: batch, heads }),
      (y) => padded ? unpadRows(tape, y, padded) : y,
    );
    const dropped = distances && distances !== relative!.states ? [distances] : [];
    tape.release(...new Set([...given, q, k, v]), ...dropped);
    return attended;
  }
}
