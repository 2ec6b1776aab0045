/** Cases of attention. @module */

import { attentionBackward, attentionForward } from "../../../kernels/mod.ts";
import type { KernelCase } from "../kernel_case.ts";
import { backwardBound, forwardBound } from "./attention_bound.ts";
import { integers, normals } from "./values.ts";

interface Extents {
  readonly batch: number;
  readonly heads: number;
  /** Heads of keys and values. Default: as many. */
  readonly kvHeads?: number;
  readonly headWidth: number;
  readonly time: number;
}

interface Sight {
  readonly causal: number;
  readonly hasMask: number;
}

/** With and without a causal and a given mask. */
export const sights: readonly Sight[] = [
  { causal: 0, hasMask: 0 },
  { causal: 1, hasMask: 0 },
  { causal: 0, hasMask: 1 },
  { causal: 1, hasMask: 1 },
];

/** About a third hidden; the first sequence's keys all hidden, so that some queries see none. */
function maskFor(batch: number, keys: number): Uint32Array {
  return integers(1, batch * keys, 3).map((value, at) => batch > 1 && at < keys ? 0 : value);
}

/** Bound where sequences are not packed: nothing is read. */
const noStarts = new Uint32Array(1);

const common = ({ batch, heads, headWidth }: Extents, { causal, hasMask }: Sight) => ({
  ...{ batch, heads, headWidth, causal, hasMask, packedRows: 0 },
  scale: Math.fround(1 / Math.sqrt(headWidth)),
});

const titleOf = (extents: Extents, sight: Sight) => JSON.stringify({ ...extents, ...sight });

/** Self-attention on one fused buffer. */
export function fusedCase(extents: Extents, sight: Sight): KernelCase {
  const { batch, heads, kvHeads = heads, headWidth, time } = extents, width = heads * headWidth;
  const kvWidth = kvHeads * headWidth, stride = width + 2 * kvWidth;
  return {
    name: `fused ${titleOf(extents, sight)}`,
    kernel: attentionForward,
    buffers: {
      q: normals(2, batch * time * stride),
      ...{ k: "q", v: "q" },
      mask: sight.hasMask ? maskFor(batch, time) : new Uint32Array(batch * time),
      starts: noStarts,
      out: batch * time * width,
      logSumExp: batch * heads * time,
    },
    scalars: {
      ...common(extents, sight),
      kvHeads,
      ...{ queries: time, keys: time, past: 0, qStride: stride, qOffset: 0, kvRows: time },
      ...{ kStride: stride, kOffset: width, vStride: stride, vOffset: width + kvWidth },
    },
    bound: (before, after, s) => forwardBound({ k: before.q, v: before.q, ...before }, after, s),
  };
}

/** Some new queries against a cache with room to spare. */
export function cacheCase(
  extents: Extents,
  sight: Sight,
  queries: number,
  past: number,
): KernelCase {
  const { batch, heads, kvHeads = heads, headWidth } = extents, width = heads * headWidth;
  const keys = past + queries, kvRows = keys + 3, kvStride = 2 * kvHeads * headWidth + 5;
  const qStride = width + 7;
  return {
    name: `cache ${titleOf(extents, sight)} queries ${queries} past ${past}`,
    kernel: attentionForward,
    buffers: {
      q: normals(3, batch * queries * qStride + 2),
      k: normals(4, batch * kvRows * kvStride),
      v: "k",
      mask: sight.hasMask ? maskFor(batch, keys) : new Uint32Array(batch * keys),
      starts: noStarts,
      out: batch * queries * width,
      logSumExp: batch * heads * queries,
    },
    scalars: {
      ...common(extents, sight),
      kvHeads,
      ...{
        queries,
        keys,
        past,
        qStride,
        qOffset: 2,
        kStride: kvStride,
        kOffset: 1,
        vStride: kvStride,
        vOffset: kvHeads * headWidth + 3,
        kvRows,
      },
    },
    bound: (before, after, s) => forwardBound({ v: before.k, ...before }, after, s),
  };
}

/** Projections of their own, each in a buffer of other rows. */
function separateCase(extents: Extents, sight: Sight): KernelCase {
  const { batch, heads, headWidth, time } = extents, width = heads * headWidth;
  const fused = fusedCase(extents, sight), rows = batch * time;
  const strides = { qStride: width, kStride: width + 3, vStride: 2 * width + 1 };
  return {
    ...fused,
    name: `separate ${titleOf(extents, sight)}`,
    buffers: {
      ...fused.buffers,
      q: normals(6, rows * strides.qStride),
      k: normals(7, rows * strides.kStride),
      v: normals(8, rows * strides.vStride),
    },
    scalars: { ...fused.scalars, ...strides, kOffset: 2, vOffset: width + 1 },
    bound: forwardBound,
  };
}

/** The gradient of self-attention. */
export function backwardCase(extents: Extents, sight: Sight): KernelCase {
  const { batch, heads, headWidth, time } = extents, width = heads * headWidth;
  const forward = fusedCase(extents, sight), qkv = forward.buffers.q as Float32Array;
  const mask = forward.buffers.mask as Uint32Array;
  const out = new Float32Array(batch * time * width);
  const logSumExp = new Float32Array(batch * heads * time);
  const buffers = { q: qkv, k: qkv, v: qkv, mask, starts: noStarts, out, logSumExp };
  attentionForward.reference(buffers, forward.scalars as never);
  return {
    name: titleOf(extents, sight),
    kernel: attentionBackward,
    buffers: {
      ...{ qkv, mask, starts: noStarts, out, logSumExp },
      dOut: normals(5, out.length),
      delta: logSumExp.length,
      dQkv: qkv.length,
    },
    scalars: { ...common(extents, sight), time },
    bound: backwardBound,
  };
}

const fused: readonly Extents[] = [
  { batch: 1, heads: 1, headWidth: 1, time: 1 },
  { batch: 1, heads: 2, headWidth: 3, time: 15 },
  { batch: 2, heads: 3, headWidth: 8, time: 16 },
  { batch: 2, heads: 1, headWidth: 16, time: 17 },
  { batch: 2, heads: 2, headWidth: 33, time: 33 },
  { batch: 1, heads: 2, headWidth: 64, time: 64 },
  { batch: 1, heads: 1, headWidth: 20, time: 130 },
  { batch: 1, heads: 2, headWidth: 97, time: 9 },
  { batch: 1, heads: 1, headWidth: 128, time: 10 },
];

const grouped: readonly Extents[] = [
  { batch: 2, heads: 4, kvHeads: 2, headWidth: 8, time: 16 },
  { batch: 1, heads: 6, kvHeads: 2, headWidth: 5, time: 17 },
  { batch: 2, heads: 3, kvHeads: 1, headWidth: 33, time: 33 },
];

const separate: readonly Extents[] = [
  { batch: 2, heads: 3, headWidth: 5, time: 7 },
  { batch: 2, heads: 2, headWidth: 16, time: 33 },
  { batch: 2, heads: 4, kvHeads: 2, headWidth: 5, time: 7 },
];

const cached: readonly (readonly [Extents, number, number])[] = [
  [{ batch: 1, heads: 2, headWidth: 16, time: 0 }, 1, 0],
  [{ batch: 2, heads: 3, headWidth: 8, time: 0 }, 1, 17],
  [{ batch: 2, heads: 2, headWidth: 33, time: 0 }, 5, 30],
  [{ batch: 1, heads: 1, headWidth: 64, time: 0 }, 3, 600],
  [{ batch: 1, heads: 1, headWidth: 128, time: 0 }, 1, 12],
  [{ batch: 2, heads: 4, kvHeads: 2, headWidth: 16, time: 0 }, 1, 33],
];

/** All of them. */
export const attentionCases: readonly KernelCase[] = sights.flatMap((sight) => [
  ...[...fused, ...grouped].map((extents) => fusedCase(extents, sight)),
  ...separate.map((extents) => separateCase(extents, sight)),
  ...cached.map(([extents, queries, past]) => cacheCase(extents, sight, queries, past)),
  ...fused.map((extents) => backwardCase(extents, sight)),
]);
