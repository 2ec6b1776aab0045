/** Queries, keys and values as columns of one tensor, which attention's backward pass works on. @module */

import { repeatHeads, sumHeads } from "../../../kernels/repeat_heads/kernel.ts";
import { Scope } from "../../device/scope.ts";
import type { Tensor } from "../../device/device.ts";
import type { Tape } from "../tape.ts";
import { type ColumnWindow, contributeColumns, copyColumns, passColumns } from "./columns.ts";

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
export function fusedTensor({ q, k, v }: AttentionInputs): Tensor | undefined {
  const { tensor, width } = q, offsets = [q, k, v].map(({ offset = 0 }) => offset);
  const isFused = [k, v].every((window) => window.tensor === tensor && window.width === width) &&
    tensor.shape[1] === 3 * width && offsets.every((offset, part) => offset === part * width);
  return isFused ? tensor : undefined;
}

/** Runs the backward pass on a fused copy and adds its gradient to those of the windows. */
export function backwardOfCopy(
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

/** From the columns x to the columns y, of which one has the heads of `shared` and the other repeats them. */
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
