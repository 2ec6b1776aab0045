/**
 * Multi-head attention over column windows of q, k and v, of sequences of one length or of packed
 * sequences of different lengths, in which no row is padding.
 *
 * @module
 */

import { attentionBackward } from "../../../kernels/attention/backward_kernel.ts";
import { attentionForward } from "../../../kernels/attention/kernel.ts";
import { repeatHeads, sumHeads } from "../../../kernels/repeat_heads/kernel.ts";
import { ShapeError } from "../../core/errors.ts";
import { mostHeadColumns } from "../../core/limits.ts";
import { assertShape, formatShape } from "../../core/tensor.ts";
import { Scope } from "../../device/arena.ts";
import { zero } from "../../device/base.ts";
import type { Tensor } from "../../device/device.ts";
import type { Parameter } from "../parameter.ts";
import type { Tape } from "../tape.ts";
import { biasGradient } from "./linear.ts";
import {
  assertWindow,
  type ColumnWindow,
  contributeColumns,
  copyColumns,
  matrix,
  multiply,
  passColumns,
} from "./product.ts";

// Attention.

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

/** The extents of the sequences; packed ones count as sequences of the longest's length. */
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

function assertHeads({ q, k, v }: AttentionInputs, heads: number): void {
  const headWidth = q.width / heads, kvHeads = k.width / headWidth;
  const divides = [headWidth, kvHeads, heads / kvHeads].every(Number.isInteger);
  if (v.width !== k.width || !divides) {
    throw new ShapeError(
      `attention with ${heads} heads needs as many in q, and in k and v a number that divides it, ` +
        `found ${q.width}, ${k.width} and ${v.width} columns`,
    );
  }
  if (headWidth > mostHeadColumns) {
    throw new ShapeError(
      `attention needs heads of at most ${mostHeadColumns} columns, found ${headWidth}`,
    );
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
  assertHeads({ q, k, v }, heads);
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

// Inputs.

/** Queries, keys and values: columns of one fused tensor, or of several. */
export interface AttentionInputs {
  /** Queries. */
  readonly q: ColumnWindow;
  /** Keys. */
  readonly k: ColumnWindow;
  /** Values. */
  readonly v: ColumnWindow;
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

/** The tensor whose three thirds are q, k and v, if there is one. */
function fusedTensor({ q, k, v }: AttentionInputs): Tensor | undefined {
  const { tensor, width } = q, offsets = [q, k, v].map(({ offset = 0 }) => offset);
  const isFused = [k, v].every((window) => window.tensor === tensor && window.width === width) &&
    tensor.shape[1] === 3 * width && offsets.every((offset, part) => offset === part * width);
  return isFused ? tensor : undefined;
}

/** Runs the backward pass on a fused copy and adds its gradient to those of the windows. */
function backwardOfCopy(
  tape: Tape,
  inputs: AttentionInputs,
  heads: number,
  backward: (qkv: Tensor, dQkv: Tensor) => void,
): void {
  using scratch = new Scope(tape.device);
  const { q: { tensor, width } } = inputs, shape = [tensor.shape[0], 3 * width];
  const qkv = scratch.allocate(shape, "f32", "scratch", "fused copy of q, k, v");
  const dQkv = scratch.allocate(shape, "f32", "scratch", "gradient of fused q, k, v");
  const copies = fusedInputs(qkv), gradients = fusedInputs(dQkv), headWidth = width / heads;
  for (const name of names) repeatColumns(inputs[name], copies[name], headWidth);
  backward(qkv, dQkv);
  for (const name of names) passSums(tape, inputs[name], gradients[name], headWidth);
}

const names = ["q", "k", "v"] as const;

/** Copies a window's heads, each as often as heads of the other window share it. */
function repeatColumns(from: ColumnWindow, to: ColumnWindow, headWidth: number): void {
  if (from.width === to.width) return copyColumns(from, to);
  const { tensor } = from, scalars = headScalars(from, to, headWidth, from);
  tensor.device.launch(repeatHeads, { x: tensor, y: to.tensor }, scalars);
}

/** Adds the gradients of a window's copied heads to its own. */
function passSums(
  tape: Tape,
  window: ColumnWindow,
  gradient: ColumnWindow,
  headWidth: number,
): void {
  if (window.width === gradient.width) return passColumns(tape, window, gradient);
  const into = contributeColumns(tape, window);
  if (!into) return;
  const { window: { tensor }, accumulate } = into;
  const scalars = headScalars(gradient, into.window, headWidth, window);
  tape.device.launch(sumHeads, { x: gradient.tensor, y: tensor }, { ...scalars, accumulate });
}

/**
 * The scalars for copying the columns x to the columns y, of which one has the heads of `shared`
 * and the other repeats them.
 */
function headScalars(x: ColumnWindow, y: ColumnWindow, headWidth: number, shared: ColumnWindow) {
  const heads = shared.width / headWidth;
  return {
    rows: x.tensor.shape[0],
    heads,
    group: Math.max(x.width, y.width) / shared.width,
    headWidth,
    xOffset: x.offset ?? 0,
    xStride: x.tensor.shape[1],
    yOffset: y.offset ?? 0,
    yStride: y.tensor.shape[1],
  };
}

// Packed sequences.

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
const packedRows = ({ lengths }: PackedSequences): number => startsOf(lengths).at(-1)!;

/**
 * Throws unless there are as many starts as lengths, and the end. What the starts are is not read.
 *
 * @throws {RangeError} when there is no sequence, or a length is not a positive integer.
 * @throws {ShapeError} when the starts have another shape.
 */
function assertPacked({ starts, lengths }: PackedSequences): void {
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

// Parts of heads.

/** One part of a fused projection. */
export interface HeadPartOptions {
  /** Number of heads. */
  readonly heads: number;
  /** Number of parts of each head, of equal widths. */
  readonly parts: number;
  /** Index of the part, from 0. */
  readonly part: number;
  /** Vector that is added to it, (heads · width of a part), if there is one. */
  readonly bias?: Parameter;
}

/**
 * The columns of one part of every head, (tokens, heads · d), of x with columns [q | k | v] of d each for one
 * head after the other, as DeBERTa's `in_proj` returns; plus a bias.
 *
 * @throws {ShapeError} when x has no such columns, or the bias does not fit.
 */
export function headPart(
  tape: Tape,
  x: Tensor,
  { heads, parts, part, bias }: HeadPartOptions,
): Tensor {
  const [tokens, columns] = x.shape, width = columns / heads / parts;
  if (x.shape.length !== 2 || !Number.isInteger(width)) {
    throw new ShapeError(
      `parts of heads need columns of ${heads} heads of ${parts}, found ${formatShape(x.shape)}`,
    );
  }
  const y = tape.activation([tokens, heads * width], "part of heads");
  if (bias) {
    assertShape(bias.name, bias.shape, [heads * width]);
    // A product without terms is its bias.
    const extents = { m: tokens, n: heads * width, k: 0, bias: bias.tensor };
    multiply(matrix(x), matrix(x), matrix(y), extents);
  }
  const windowOf = (of: Tensor, from: number): ColumnWindow => ({
    tensor: of.view([tokens * heads, of.size / tokens / heads]),
    offset: from * width,
    width,
  });
  copyColumns(windowOf(x, part), windowOf(y, 0), { accumulate: bias ? 1 : 0 });
  return tape.record(y, [x, ...(bias ? [bias] : [])], (dy) => {
    if (bias) biasGradient(tape, bias, dy);
    const into = tape.contribute(x);
    if (!into) return;
    if (!into.accumulate) zero(into.tensor);
    copyColumns(windowOf(dy, 0), windowOf(into.tensor, part), { accumulate: 1 });
  }, []);
}
