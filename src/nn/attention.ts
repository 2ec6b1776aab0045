/**
 * Self-attention between an input and an output projection: multi-head attention, and disentangled
 * attention, whose scores have terms of their own for contents and for distances.
 *
 * @module
 */

import {
  attention,
  type AttentionInputs,
  fusedInputs,
  headPart,
  type PackedSequences,
} from "../autograd/ops/attention.ts";
import { dropoutWithGradient as dropout } from "../autograd/ops/dropout.ts";
import { embedding } from "../autograd/ops/embedding.ts";
import {
  type DistanceBuckets,
  distanceTerms,
  headProduct,
  type PaddedSequences,
  padRows,
  softmax,
  unpadRows,
} from "../autograd/ops/head_product.ts";
import type { ColumnWindow } from "../autograd/ops/product.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../device/device.ts";
import { computedRows, type PlacedTokens } from "./embedding.ts";
import type { KeyValueCache } from "./key_value_cache.ts";
import type { Linear } from "./linear.ts";
import type { RmsNorm } from "./norms.ts";
import type { RotaryPositions } from "./rotary.ts";

// Attention.

/**
 * Tokens that packed sequences have in common: where several begin alike, x has these tokens once;
 * on the device, u32.
 */
export interface SharedTokens {
  /** For each token of all sequences, its row of x. */
  readonly places: Tensor;
  /** For each row of x, a token of all sequences. */
  readonly firsts: Tensor;
}

/** Facts about a batch that a block needs. */
export interface SequenceContext {
  /** Number of sequences. */
  readonly batch: number;
  /** New tokens per sequence; of the longest where they are packed. */
  readonly time: number;
  /** The sequences, where they are packed. */
  readonly sequences?: PackedSequences;
  /** The computed tokens, if not all tokens of the sequences are computed. */
  readonly shared?: SharedTokens;
  /** u32 (batch, keys): 0 hides a key. */
  readonly mask?: Tensor;
  /** Keys and values of earlier tokens, for generation. */
  readonly cache?: KeyValueCache;
  /** The positions by which queries and keys are turned, where they are. */
  readonly rotary?: RotaryPositions;
  /** The virtual tokens at the beginning of the sequences, if this pass begins them. */
  readonly virtual?: PlacedTokens;
}

/** Computes queries, keys and values from a block's input (batch · time, width). */
export type QkvProjection = (tape: Tape, x: Tensor, context: SequenceContext) => AttentionInputs;

/** One projection that has q, k and v one after another, as in GPT-2. */
export const fusedProjection = (qkv: Linear): QkvProjection => (tape, x) =>
  fusedInputs(qkv.forward(tape, x));

/** A projection each for q, k and v; norms, where there are any, are of q and of k. */
export const separateProjections = (
  [q, k, v]: readonly Linear[],
  [qNorm, kNorm]: readonly ((tape: Tape, y: Tensor) => Tensor)[] = [],
): QkvProjection =>
(tape, x) => {
  const window = (linear: Linear, norm = (_: Tape, y: Tensor) => y) => {
    const tensor = tape.pipe(linear.forward(tape, x), (y) => norm(tape, y));
    return { tensor, width: tensor.shape[1] };
  };
  return { q: window(q, qNorm), k: window(k, kNorm), v: window(v) };
};

/** Separate projections, with queries and keys turned by their positions. */
export const rotaryProjections = (
  inputs: readonly Linear[],
  heads: number,
  kvHeads: number,
  norms: readonly RmsNorm[] = [],
): QkvProjection => {
  const counts = [heads, kvHeads];
  const ofHeads = (norm: RmsNorm, i: number) => (tape: Tape, y: Tensor) =>
    norm.forward(tape, y, counts[i]);
  const projected = separateProjections(inputs, norms.map(ofHeads));
  return (tape, x, context) => {
    const plain = projected(tape, x, context), { rotary } = context;
    const turned = {
      q: rotary!.turn(tape, plain.q, heads),
      k: rotary!.turn(tape, plain.k, kvHeads),
      v: plain.v,
    };
    tape.release(plain.q.tensor, plain.k.tensor);
    return turned;
  };
};

/** One projection that has q, k and v of each head side by side, with queries and keys turned by their positions. */
export const rotaryProjectionByHead =
  (qkv: Linear, heads: number): QkvProjection => (tape, x, { rotary }) => {
    const fused = qkv.forward(tape, x);
    const [q, k] = [0, 1].map((part) => rotary!.turnPart(tape, fused, heads, part));
    const v = headPart(tape, fused, { heads, parts: 3, part: 2 });
    tape.release(fused);
    const [width] = qkv.extents.map((rows) => rows / 3);
    return { q: { tensor: q, width }, k: { tensor: k, width }, v: { tensor: v, width } };
  };

/** Parts of attention. */
export interface AttentionParts {
  /** Heads of queries. */
  readonly heads: number;
  /** Gives queries, keys and values. */
  readonly input: QkvProjection;
  /** Maps the attended values back to the block's width. */
  readonly output: Linear;
  /** True if a token sees only those before it. */
  readonly causal: boolean;
  /** Rate of dropout on the result. */
  readonly dropout: number;
}

/** Self-attention: q, k and v of the input, attention in each head, an output projection. */
export class SelfAttention {
  readonly #parts: AttentionParts;

  /** Takes the projections. */
  constructor(parts: AttentionParts) {
    this.#parts = parts;
  }

  /** Maps x (batch · time, width) to the same shape; `layer` is the block's index. */
  forward(tape: Tape, x: Tensor, context: SequenceContext, layer: number): Tensor {
    const { input, output, dropout: rate } = this.#parts, { virtual } = context;
    const computed = input(tape, x, context);
    const inputs = virtual?.tokens.keysAndValues?.(tape, computed, virtual.rows, layer) ??
      computed;
    const attended = this.#attend(tape, inputs, context, layer);
    tape.release(...new Set([inputs.q.tensor, inputs.k.tensor, inputs.v.tensor]));
    return tape.pipe(
      attended,
      (attended) => virtual ? computedRows(tape, attended, virtual) : attended,
      (attended) => output.forward(tape, attended),
      (y) => dropout(tape, y, rate),
    );
  }

  #attend(tape: Tape, inputs: AttentionInputs, context: SequenceContext, layer: number): Tensor {
    const { heads, causal } = this.#parts, { cache, mask, sequences, shared } = context;
    if (cache) return cache.attend(tape, layer, inputs, heads, mask);
    if (shared) {
      return attendShared(
        tape,
        inputs,
        shared,
        (all) => attention(tape, all, { sequences: sequences!, heads, causal }),
      );
    }
    return attention(tape, inputs, { ...sequences ? { sequences } : context, heads, causal });
  }
}

/** Attention of all tokens, of copies of the rows of those that are computed, and of its result the rows of these. */
function attendShared(
  tape: Tape,
  { q, k, v }: AttentionInputs,
  { places, firsts }: SharedTokens,
  attend: (inputs: AttentionInputs) => Tensor,
): Tensor {
  const copies = new Map<Tensor, Tensor>();
  const ofAll = ({ tensor, ...window }: ColumnWindow): ColumnWindow => ({
    ...window,
    tensor: copies.getOrInsertComputed(tensor, () => embedding(tape, tensor, places)),
  });
  const attended = attend({ q: ofAll(q), k: ofAll(k), v: ofAll(v) });
  tape.release(...copies.values());
  return tape.pipe(attended, (all) => embedding(tape, all, firsts));
}

// Disentangled attention.

/** Parts of disentangled attention. */
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
  /** Maps the attended values back to the block's width. */
  readonly output: Linear;
  /** Rate of dropout on the embeddings of distances and on the result. */
  readonly dropout: number;
}

/** A batch and, where scores depend on them, its distances. */
export interface RelativeContext extends SequenceContext {
  /** Distances. */
  readonly relative?: RelativePositions;
  /** Rows of packed sequences among padded ones; `mask` is of the padded ones. */
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

  #attend(tape: Tape, x: Tensor, context: RelativeContext): Tensor {
    const { heads, scale, input, positionKeys, positionQueries, dropout: rate } = this.#parts;
    const { batch, relative } = context, given = input(tape, x);
    const distances = relative && dropout(tape, relative.states, rate);
    const addTerm = (ofKey: boolean, projection?: Linear) => (scores: Tensor): Tensor => {
      if (!projection || !distances) return scores;
      const positions = projection.forward(tape, distances);
      const extents = { groups: 1, heads, transposeB: true, alpha: scale };
      const terms = tape.pipe(
        headProduct(tape, given[ofKey ? 1 : 0], positions, extents),
        (rows) => inPlace(tape, rows, context),
      );
      const sum = distanceTerms(tape, scores, terms, relative!.buckets, { batch, heads, ofKey });
      tape.release(positions, terms);
      return sum;
    };
    const terms = [addTerm(false, positionKeys), addTerm(true, positionQueries)];
    const attended = attendByScores(tape, given, context, this.#parts, terms);
    if (distances && distances !== relative!.states) tape.release(distances);
    return attended;
  }
}

/** Rows in the places that they have among padded ones. */
const inPlace = (tape: Tape, rows: Tensor, { padded }: RelativeContext): Tensor =>
  padded ? padRows(tape, rows, padded) : rows;

/** softmax(scale · q kᵀ + terms) v by head, in padded sequences, with terms that are added to the scores; releases q, k and v. */
function attendByScores(
  tape: Tape,
  given: readonly Tensor[],
  context: RelativeContext,
  { heads, scale }: Pick<DisentangledParts, "heads" | "scale">,
  terms: readonly ((scores: Tensor) => Tensor)[],
): Tensor {
  const { batch, mask, padded } = context;
  const [q, k, v] = given.map((rows) => inPlace(tape, rows, context));
  const attended = tape.pipe(
    headProduct(tape, q, k, { groups: batch, heads, transposeB: true, alpha: scale }),
    ...terms,
    (scores) => softmax(tape, scores, { batch, heads, mask }),
    (probabilities) => headProduct(tape, probabilities, v, { groups: batch, heads }),
    (y) => padded ? unpadRows(tape, y, padded) : y,
  );
  tape.release(...new Set([...given, q, k, v]));
  return attended;
}

/** Parts of attention with a bias for each distance. */
export interface BiasedParts extends Pick<DisentangledParts, "heads" | "input" | "output"> {
  /** Rate of dropout on the result. */
  readonly dropout: number;
}

/**
 * In every head h, the score of query i and key j is q_i · k_j / √d + b_δ,h, where b is the table's row of
 * δ = i - j (Raffel et al. 2020, section 2.1), which `relative` of the context has for each head.
 *
 * Probabilities are stored for the backward pass, as by {@link DisentangledAttention}.
 */
export class BiasedAttention {
  readonly #parts: BiasedParts;

  /** Takes the projections. */
  constructor(parts: BiasedParts) {
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

  #attend(tape: Tape, x: Tensor, context: RelativeContext): Tensor {
    const { heads, input } = this.#parts, { batch, relative } = context;
    const { states, buckets } = relative!, given = input(tape, x);
    const scale = 1 / Math.sqrt(given[0].shape[1] / heads);
    const addBiases = (scores: Tensor): Tensor => {
      const terms = eachQuery(tape, states, scores.shape[0]);
      const sum = distanceTerms(tape, scores, terms, buckets, { batch, heads, ofKey: false });
      tape.release(terms);
      return sum;
    };
    return attendByScores(tape, given, context, { heads, scale }, [addBiases]);
  }
}

/** The biases (buckets, heads) once for each query, (rows, heads · buckets): a product with ones. */
function eachQuery(tape: Tape, biases: Tensor, rows: number): Tensor {
  const heads = biases.shape[1], ones = tape.activation([rows, heads], "ones");
  tape.device.write(ones, new Float32Array(rows * heads).fill(1));
  const terms = headProduct(tape, ones, biases, { groups: 1, heads, transposeB: true });
  tape.release(ones);
  return terms;
}

/** The distances that occur in sequences of a length, and the states of those that are told apart. */
export class RelativePositions {
  /** (buckets, width): a row for each of the table's rows that occurs. */
  readonly states: Tensor;
  /** The bucket of each distance, which is a row of `states`. */
  readonly buckets: DistanceBuckets;

  /**
   * Looks up the rows of a table that distances need, each once.
   *
   * @param rowOf The table's row of each distance from 1 - time to time - 1; equal rows are neighbors.
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

  /** The tensors that the blocks of a pass read. */
  get tensors(): readonly Tensor[] {
    return [this.states, this.buckets.bucketOf, this.buckets.starts];
  }

  /** Frees the tensors that no backward function needs. */
  release(tape: Tape): void {
    tape.release(...this.tensors);
  }
}

function written(tape: Tape, values: readonly number[], label: string): Tensor {
  const tensor = tape.allocate([values.length], "u32", "activation", label);
  tape.device.write(tensor, Uint32Array.from(values));
  return tensor;
}
