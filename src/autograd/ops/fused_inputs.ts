/** Queries, keys and values as columns of one tensor, which attention's backward pass works on. @module */

import { Scope } from "../../device/scope.ts";
import type { Tensor } from "../../device/device.ts";
import type { Tape } from "../tape.ts";
import { type ColumnWindow, copyColumns, passColumns } from "./columns.ts";

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
  const copies = fusedInputs(qkv), gradients = fusedInputs(dQkv);
  const pairsWith = (other: AttentionInputs) =>
    (["q", "k", "v"] as const).flatMap((name) =>
      headPairs(inputs[name], other[name], width / heads)
    );
  for (const [window, copy] of pairsWith(copies)) copyColumns(window, copy);
  backward(qkv, dQkv);
  for (const [window, gradient] of pairsWith(gradients)) passColumns(tape, window, gradient);
}

/** Each head of a fused copy's window, and the columns that serve it; all at once if every head has its own. */
function headPairs(
  window: ColumnWindow,
  fused: ColumnWindow,
  width: number,
): readonly (readonly [ColumnWindow, ColumnWindow])[] {
  if (window.width === fused.width) return [[window, fused]];
  const headOf = ({ tensor, offset = 0 }: ColumnWindow, head: number) => ({
    tensor,
    offset: offset + head * width,
    width,
  });
  const group = fused.width / window.width;
  return Array.from({ length: fused.width / width }, (_, head) => [
    headOf(window, Math.floor(head / group)),
    headOf(fused, head),
  ]);
}
