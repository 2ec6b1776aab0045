/**
 * The products of attention for each head of each sequence as separate operations: matrix products,
 * terms of distances, softmax, and the padding of packed sequences that they need.
 *
 * @module
 */

import {
  distanceTermsBackward,
  distanceTermsForward,
} from "../../../kernels/distance_terms/kernel.ts";
import { embeddingBackward } from "../../../kernels/embedding/kernel.ts";
import { headProductKernel } from "../../../kernels/head_product/kernel.ts";
import { softmaxBackward, softmaxForward } from "../../../kernels/softmax/kernel.ts";
import { ShapeError } from "../../core/errors.ts";
import { assertShape, formatShape, type Shape } from "../../core/tensor.ts";
import type { Scope } from "../../device/arena.ts";
import type { Tensor } from "../../device/device.ts";
import type { Tape } from "../tape.ts";
import { assertLengths, startsOf } from "./attention.ts";
import { savedFor } from "./linear.ts";
import { lookUpRows } from "./look_up.ts";

/** Layout of the matrices in their tensors, and the parts that are multiplied. */
export interface HeadProductOptions {
  /** Number of equal groups of rows, each with products of its own: sequences. */
  readonly groups: number;
  /** Number of heads, which share the columns of each tensor evenly. */
  readonly heads: number;
  /** Multiplies by the transpose of b's matrices. Default false. */
  readonly transposeB?: boolean;
  /** Factor of the products. Default 1. */
  readonly alpha?: number;
}

/**
 * For each head h of each group of rows g, out[g, h] = alpha · a[g, h] b[g, h], or alpha · a[g, h] b[g, h]ᵀ.
 *
 * With q, k and v of (batch · time, heads · d), the transposed product of q and k in `batch` groups are
 * attention's scores, (batch · time, heads · time), and that of their softmax and v is what attention returns.
 * Gradients: da = alpha · dout bᵀ, db = alpha · aᵀ dout, transposed where b is.
 *
 * @throws {ShapeError} when rows or columns are not divisible, or inner extents differ.
 */
export function headProduct(
  tape: Tape,
  a: Tensor,
  b: Tensor,
  { groups, heads, transposeB = false, alpha = 1 }: HeadProductOptions,
): Tensor {
  const [m, k] = matrixOf(a, groups, heads), [rows, columns] = matrixOf(b, groups, heads);
  const n = transposeB ? rows : columns;
  if (k !== (transposeB ? columns : rows)) {
    throw new ShapeError(
      `a product by head needs equal inner extents, found ${m} x ${k} and ${rows} x ${columns}` +
        (transposeB ? ", transposed" : ""),
    );
  }
  const out = tape.activation([groups * m, heads * n], "product by head");
  const shared = { groups, heads, alpha };
  const scalars = { ...shared, m, n, k, transposeA: 0, transposeB: Number(transposeB) };
  tape.device.launch(headProductKernel, { a, b, c: out }, { ...scalars, accumulate: 0 });
  return tape.record(out, [a, b], (dOut) => {
    const intoA = tape.contribute(a);
    if (intoA) {
      const { tensor: c, accumulate } = intoA, extents = { m, n: k, k: n, transposeA: 0 };
      const scalars = { ...shared, ...extents, transposeB: Number(!transposeB), accumulate };
      tape.device.launch(headProductKernel, { a: dOut, b, c }, scalars);
    }
    const intoB = tape.contribute(b);
    if (!intoB) return;
    const { tensor: c, accumulate } = intoB, given = { transposeA: 1, transposeB: 0, accumulate };
    const [left, right] = transposeB ? [dOut, a] : [a, dOut];
    const scalars = { ...shared, m: rows, n: columns, k: m, ...given };
    tape.device.launch(headProductKernel, { a: left, b: right, c }, scalars);
  }, [...savedFor(tape, a, b), ...savedFor(tape, b, a)]);
}

/** Rows of a group and columns of a head. */
function matrixOf({ shape }: Tensor, groups: number, heads: number): [number, number] {
  const [rows, columns] = [shape[0] / groups, shape[1] / heads];
  if (shape.length === 2 && Number.isInteger(rows) && Number.isInteger(columns)) {
    return [rows, columns];
  }
  throw new ShapeError(
    `a product by head needs rows of ${groups} groups and columns of ${heads} heads, found ${
      formatShape(shape)
    }`,
  );
}

/** The distances i - j of queries i and keys j, in buckets, whose numbers never fall as distances grow. */
export interface DistanceBuckets {
  /** u32 (2 · time - 1): the bucket of each distance from 1 - time to time - 1. */
  readonly bucketOf: Tensor;
  /** u32 (buckets + 1): where each bucket begins in `bucketOf`, and its end. */
  readonly starts: Tensor;
}

/** Layout of the rows of scores, and the side whose terms are added. */
export interface DistanceTermsOptions {
  /** Number of sequences. */
  readonly batch: number;
  /** Number of heads. */
  readonly heads: number;
  /** The terms are those of keys rather than of queries. */
  readonly ofKey: boolean;
}

/**
 * x_ij + terms of query i, or of key j, for the bucket of their distance, in every head (He et al. 2020,
 * equation 4). x is (batch · time, heads · time), `terms` (batch · time, heads · buckets). The gradient of a
 * term is the sum over the pairs that it was added to.
 *
 * @throws {ShapeError} when the scores, the terms and the distances do not fit each other.
 */
export function distanceTerms(
  tape: Tape,
  x: Tensor,
  terms: Tensor,
  { bucketOf, starts }: DistanceBuckets,
  { batch, heads, ofKey }: DistanceTermsOptions,
): Tensor {
  const time = (bucketOf.size + 1) / 2, buckets = starts.size - 1;
  assertShape("the scores", x.shape, [batch * time, heads * time]);
  assertShape("terms by distance", terms.shape, [batch * time, heads * buckets]);
  const y = tape.activation(x.shape, "scores with terms"), { device } = tape;
  const scalars = { batch, heads, time, buckets, ofKey: Number(ofKey) };
  device.launch(distanceTermsForward, { x, terms, bucketOf, y }, scalars);
  return tape.record(y, [x, terms], (dy) => {
    const into = tape.contribute(terms);
    if (into) {
      const { tensor: dTerms, accumulate } = into;
      device.launch(distanceTermsBackward, { dy, starts, dTerms }, { ...scalars, accumulate });
    }
    tape.give(x, dy);
  }, [starts]);
}

/** Layout of the rows of scores. */
export interface SoftmaxOptions {
  /** Number of sequences. */
  readonly batch: number;
  /** Number of heads, side by side in the columns. */
  readonly heads: number;
  /** u32 (batch, keys): 0 hides a key. */
  readonly mask?: Tensor;
}

/**
 * p_j = e^(x_j) / Σ_i e^(x_i) over the keys that the mask shows, and 0 for the others, in every head of scores
 * (batch · queries, heads · keys). The gradient is p_j (dp_j - Σ_i p_i dp_i).
 *
 * @throws {ShapeError} when sequences, heads or the mask do not fit the scores.
 */
export function softmax(
  tape: Tape,
  x: Tensor,
  { batch, heads, mask }: SoftmaxOptions,
): Tensor {
  const [queries, columns] = x.shape, keys = columns / heads, rows = queries * heads;
  if (x.shape.length !== 2 || !Number.isInteger(keys) || queries % batch !== 0) {
    throw new ShapeError(
      `a softmax needs scores of ${batch} sequences and ${heads} heads, found ${
        formatShape(x.shape)
      }`,
    );
  }
  if (mask) assertShape("the attention mask", mask.shape, [batch, keys]);
  const p = tape.activation(x.shape, "softmax");
  const scalars = { batch, rows: rows / batch, keys, hasMask: mask ? 1 : 0 };
  tape.device.launch(softmaxForward, { x, mask: mask ?? x, p }, scalars);
  return tape.record(p, [x], (dp) => {
    const { tensor: dx, accumulate } = tape.contribute(x)!;
    tape.device.launch(softmaxBackward, { p, dp, dx }, { rows, keys, accumulate });
  }, [p]);
}

/** Padded sequences, and the rows in them that packed sequences have. */
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
