/** Multi-head attention over column windows of q, k and v. @module */

import { attentionBackward } from "../../../kernels/attention/backward_kernel.ts";
import { attentionForward } from "../../../kernels/attention/kernel.ts";
import { ShapeError } from "../../core/errors.ts";
import { mostHeadColumns } from "../../core/limits.ts";
import { assertShape, formatShape } from "../../core/shape.ts";
import type { Tensor } from "../../device/device.ts";
import type { Tape } from "../tape.ts";
import { assertWindow } from "./columns.ts";
import { type AttentionInputs, backwardOfCopy, fusedTensor } from "./fused_inputs.ts";
import { assertPacked, packedRows, type PackedSequences } from "./packed_sequences.ts";

/** Extents and masks of attention within sequences of one length. */
export interface AttentionOptions {
  /** Number of sequences. */
  readonly batch: number;
  /** Tokens of each: as many queries as keys. */
  readonly time: number;
  /** Number of heads of q. */
  readonly heads: number;
  /** Query i sees keys 0 … i only. */
  readonly causal: boolean;
  /** u32 (batch, time): 0 hides a key from every query. */
  readonly mask?: Tensor;
}

/** Extents of attention within packed sequences, none of whose tokens is hidden. */
export interface PackedAttentionOptions extends Omit<AttentionOptions, "batch" | "time" | "mask"> {
  /** The sequences. */
  readonly sequences: PackedSequences;
}

/**
 * Extents of attention from the last tokens of each sequence to all its tokens; the mask is (batch,
 * keys).
 */
export interface AttendOptions extends Omit<AttentionOptions, "time"> {
  /** Queries of each sequence. */
  readonly queries: number;
  /** Keys of each sequence. */
  readonly keys: number;
  /** Rows from one sequence's keys to the next's. */
  readonly kvRows: number;
  /** The sequences if they are packed. Queries and keys are then those of the longest. */
  readonly sequences?: PackedSequences;
}

/** Extents of attention within sequences, packed or not. */
type SelfExtents = AttentionOptions & Partial<Pick<PackedAttentionOptions, "sequences">>;

/**
 * out_i = Σ_j softmax_j(q_i · k_j / √d) v_j in every head (Vaswani et al. 2017, equation 1).
 *
 * q, k and v are (batch · time, width) windows, such as {@link fusedInputs} of one projection, or three
 * whole tensors; out is (batch · time, width), d = width / heads. k and v may have fewer heads of d columns,
 * each of which then serves as many heads of q in a row (Ainslie et al. 2023). Probabilities are never
 * stored: the backward pass recomputes them from one number per query. Unless q, k and v are one fused
 * tensor, it copies them into one, which takes 6 · width values of scratch per token.
 *
 * With {@link packSequences}, the rows are the tokens of all sequences one after another, and each sees those
 * of its own sequence.
 *
 * @throws {ShapeError} when a window or the mask has other extents, or the heads do not divide the width, or
 * those of k and v do not divide them, or a head has more than 2,048 columns, or the starts of packed sequences
 * have not one element more than there are lengths.
 * @throws {RangeError} when packed sequences come with a mask, or a length is not a positive integer.
 */
export function attention(
  tape: Tape,
  inputs: AttentionInputs,
  options: AttentionOptions | PackedAttentionOptions,
): Tensor {
  const extents = extentsOf(options), { time, mask, sequences } = extents, { q, k, v } = inputs;
  assertTokens(inputs, extents);
  const forward = attend(tape, inputs, { ...extents, queries: time, keys: time, kvRows: time });
  const { out, logSumExp } = forward, operands = [q.tensor, k.tensor, v.tensor];
  const given = [mask, sequences?.starts].filter((tensor) => tensor !== undefined);
  tape.record(out, operands, (dOut) => {
    const backward = (qkv: Tensor, dQkv: Tensor) =>
      launchBackward({ ...forward, qkv, dOut, dQkv }, extents);
    const fused = fusedTensor(inputs);
    if (fused && !tape.gradientOf(fused)) backward(fused, tape.contribute(fused)!.tensor);
    else backwardOfCopy(tape, inputs, extents.heads, backward);
  }, [...operands, out, logSumExp, ...given]);
  tape.release(logSumExp);
  return out;
}

/** Those of packed sequences as of ones that have the longest's length. */
function extentsOf(options: AttentionOptions | PackedAttentionOptions): SelfExtents {
  const { sequences, mask, heads, causal } = options as SelfExtents;
  if (!sequences) return options as AttentionOptions;
  if (mask) {
    throw new RangeError(
      `packed sequences have no padding to hide, found a mask of ${formatShape(mask.shape)}`,
    );
  }
  assertPacked(sequences);
  const { lengths } = sequences;
  return { batch: lengths.length, time: Math.max(...lengths), heads, causal, sequences };
}

function assertTokens(inputs: AttentionInputs, { batch, time, sequences }: SelfExtents): void {
  const rows = sequences ? packedRows(sequences) : batch * time;
  const tokens = sequences ? `${rows} packed tokens` : `${batch} x ${time} tokens`;
  for (const name of ["q", "k", "v"] as const) {
    assertWindow(`${name} of ${tokens}`, inputs[name], rows);
  }
}

/**
 * Attention without a gradient, from the last `queries` tokens of each sequence to all its `keys`;
 * returns (batch · queries, width) and what the backward pass needs.
 *
 * @throws {ShapeError} when widths or the mask do not fit, or the heads do not divide the width, or those of
 * k and v do not divide them, or a head has more than 2,048 columns.
 */
export function attend(
  tape: Tape,
  { q, k, v }: AttentionInputs,
  { batch, heads, queries, keys, kvRows, causal, mask, sequences }: AttendOptions,
): { readonly out: Tensor; readonly logSumExp: Tensor } {
  const { width } = q, headWidth = width / heads, kvHeads = k.width / headWidth;
  const divides = [headWidth, kvHeads, heads / kvHeads].every(Number.isInteger);
  if (v.width !== k.width || !divides) {
    throw new ShapeError(
      `attention with ${heads} heads needs as many in q, and in k and v a number that divides it, ` +
        `found ${width}, ${k.width} and ${v.width} columns`,
    );
  }
  if (headWidth > mostHeadColumns) {
    throw new ShapeError(
      `attention needs heads of at most ${mostHeadColumns} columns, found ${headWidth}`,
    );
  }
  if (mask) assertShape("the attention mask", mask.shape, [batch, keys]);
  const rows = sequences ? packedRows(sequences) : batch * queries;
  const out = tape.activation([rows, width], "attention");
  const logSumExp = tape.activation([heads * rows], "attention log sum exp");
  tape.device.launch(
    attentionForward,
    {
      ...{ q: q.tensor, k: k.tensor, v: v.tensor, out, logSumExp },
      mask: mask ?? q.tensor,
      starts: sequences?.starts ?? q.tensor,
    },
    {
      batch,
      heads,
      kvHeads,
      headWidth,
      queries,
      keys,
      past: keys - queries,
      qStride: q.tensor.shape[1],
      qOffset: q.offset ?? 0,
      kStride: k.tensor.shape[1],
      kOffset: k.offset ?? 0,
      vStride: v.tensor.shape[1],
      vOffset: v.offset ?? 0,
      kvRows,
      scale: 1 / Math.sqrt(headWidth),
      causal: Number(causal),
      hasMask: mask ? 1 : 0,
      packedRows: sequences ? rows : 0,
    },
  );
  return { out, logSumExp };
}

/** The tensors of a backward launch. */
interface BackwardTensors {
  readonly qkv: Tensor;
  readonly out: Tensor;
  readonly logSumExp: Tensor;
  readonly dOut: Tensor;
  readonly dQkv: Tensor;
}

function launchBackward(
  { qkv, logSumExp, ...tensors }: BackwardTensors,
  { batch, time, heads, causal, mask, sequences }: SelfExtents,
): void {
  const headWidth = qkv.shape[1] / 3 / heads;
  using delta = qkv.device.allocate(logSumExp.shape, "f32", "scratch", "attention delta");
  const given = { mask: mask ?? qkv, starts: sequences?.starts ?? qkv };
  qkv.device.launch(attentionBackward, { qkv, logSumExp, ...tensors, ...given, delta }, {
    batch,
    heads,
    headWidth,
    time,
    scale: 1 / Math.sqrt(headWidth),
    causal: Number(causal),
    hasMask: mask ? 1 : 0,
    packedRows: sequences ? packedRows(sequences) : 0,
  });
}
