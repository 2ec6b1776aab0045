/** Multi-head attention over column windows of q, k and v. @module */

import { attentionBackward } from "../../../kernels/attention/backward_kernel.ts";
import { attentionForward } from "../../../kernels/attention/kernel.ts";
import { ShapeError } from "../../core/errors.ts";
import { mostHeadColumns } from "../../core/limits.ts";
import { assertShape } from "../../core/shape.ts";
import { Scope } from "../../device/scope.ts";
import type { Tensor } from "../../device/device.ts";
import type { Tape } from "../tape.ts";
import { assertWindow, type ColumnWindow, copyColumns, passColumns } from "./columns.ts";

/** Queries, keys and values: columns of one fused tensor, or of several. */
export interface AttentionInputs {
  /** Queries. */
  readonly q: ColumnWindow;
  /** Keys. */
  readonly k: ColumnWindow;
  /** Values. */
  readonly v: ColumnWindow;
}

/** Extents and masks of attention within sequences. */
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
}

/**
 * out_i = Σ_j softmax_j(q_i · k_j / √d) v_j in every head (Vaswani et al. 2017, equation 1).
 *
 * q, k and v are (batch · time, width) windows, such as {@link fusedInputs} of one projection, or three
 * whole tensors; out is (batch · time, width), d = width / heads. k and v may have fewer heads of d columns,
 * each of which then serves as many heads of q in a row (Ainslie et al. 2023). Probabilities are never
 * stored: the backward pass recomputes them from one number per query. Unless q, k and v are one fused
 * tensor, it packs them into one, which takes 6 · width values of scratch per token.
 *
 * @throws {ShapeError} when a window or the mask has other extents, or the heads do not divide the width, or
 * those of k and v do not divide them, or a head has more than 2,048 columns.
 */
export function attention(tape: Tape, inputs: AttentionInputs, options: AttentionOptions): Tensor {
  const { batch, time } = options, { q, k, v } = inputs;
  for (const name of ["q", "k", "v"] as const) {
    assertWindow(`${name} of ${batch} x ${time} tokens`, inputs[name], batch * time);
  }
  const forward = attend(tape, inputs, { ...options, queries: time, keys: time, kvRows: time });
  const { out, logSumExp } = forward, operands = [q.tensor, k.tensor, v.tensor];
  tape.record(out, operands, (dOut) => {
    const backward = (qkv: Tensor, dQkv: Tensor) =>
      launchBackward({ ...forward, qkv, dOut, dQkv }, options);
    const fused = fusedTensor(inputs);
    if (fused && !tape.gradientOf(fused)) backward(fused, tape.contribute(fused)!.tensor);
    else backwardPacked(tape, inputs, options.heads, backward);
  }, [...operands, out, logSumExp, ...(options.mask ? [options.mask] : [])]);
  tape.release(logSumExp);
  return out;
}

/** q, k and v as the thirds of a fused projection's columns, (tokens, 3 · width) with rows [q | k | v]. */
export function fusedInputs(qkv: Tensor): AttentionInputs {
  const tensor = qkv, width = qkv.shape[1] / 3;
  return {
    q: { tensor, width },
    k: { tensor, offset: width, width },
    v: { tensor, offset: 2 * width, width },
  };
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
  { batch, heads, queries, keys, kvRows, causal, mask }: AttendOptions,
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
  const out = tape.activation([batch * queries, width], "attention");
  const logSumExp = tape.activation([batch * heads * queries], "attention log sum exp");
  tape.device.launch(
    attentionForward,
    {
      ...{ q: q.tensor, k: k.tensor, v: v.tensor, out, logSumExp },
      mask: mask ?? q.tensor,
      starts: q.tensor,
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
      packedRows: 0,
    },
  );
  return { out, logSumExp };
}

/** The tensor whose three thirds are q, k and v, if there is one. */
function fusedTensor({ q, k, v }: AttentionInputs): Tensor | undefined {
  const { tensor, width } = q, offsets = [q, k, v].map(({ offset = 0 }) => offset);
  const isFused = [k, v].every((window) => window.tensor === tensor && window.width === width) &&
    tensor.shape[1] === 3 * width && offsets.every((offset, part) => offset === part * width);
  return isFused ? tensor : undefined;
}

/** Runs the backward pass on a packed copy and adds its gradient to those of the windows. */
function backwardPacked(
  tape: Tape,
  inputs: AttentionInputs,
  heads: number,
  backward: (qkv: Tensor, dQkv: Tensor) => void,
): void {
  using scratch = new Scope(tape.device);
  const { q: { tensor, width } } = inputs, shape = [tensor.shape[0], 3 * width];
  const qkv = scratch.allocate(shape, "f32", "scratch", "packed q, k, v");
  const dQkv = scratch.allocate(shape, "f32", "scratch", "gradient of packed q, k, v");
  const packed = fusedInputs(qkv), gradients = fusedInputs(dQkv);
  const pairsWith = (other: AttentionInputs) =>
    (["q", "k", "v"] as const).flatMap((name) =>
      headPairs(inputs[name], other[name], width / heads)
    );
  for (const [window, copy] of pairsWith(packed)) copyColumns(window, copy);
  backward(qkv, dQkv);
  for (const [window, gradient] of pairsWith(gradients)) passColumns(tape, window, gradient);
}

/** Each head of a packed window, and the columns that serve it; all at once if every head has its own. */
function headPairs(
  window: ColumnWindow,
  packed: ColumnWindow,
  width: number,
): readonly (readonly [ColumnWindow, ColumnWindow])[] {
  if (window.width === packed.width) return [[window, packed]];
  const headOf = ({ tensor, offset = 0 }: ColumnWindow, head: number) => ({
    tensor,
    offset: offset + head * width,
    width,
  });
  const group = packed.width / window.width;
  return Array.from({ length: packed.width / width }, (_, head) => [
    headOf(window, Math.floor(head / group)),
    headOf(packed, head),
  ]);
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
  { batch, time, heads, causal, mask }: AttentionOptions,
): void {
  const headWidth = qkv.shape[1] / 3 / heads;
  using delta = qkv.device.allocate(logSumExp.shape, "f32", "scratch", "attention delta");
  const given = { mask: mask ?? qkv, starts: qkv };
  qkv.device.launch(attentionBackward, { qkv, logSumExp, ...tensors, ...given, delta }, {
    batch,
    heads,
    headWidth,
    time,
    scale: 1 / Math.sqrt(headWidth),
    causal: Number(causal),
    hasMask: mask ? 1 : 0,
    packedRows: 0,
  });
}
