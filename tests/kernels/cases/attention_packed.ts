/** Cases of attention on packed sequences, whose lengths differ. @module */

import { attentionBackward, attentionForward } from "../../../kernels/mod.ts";
import type { HostData } from "../../../src/core/tensor.ts";
import type { Bound, Buffers, KernelCase, Values } from "../kernel_case.ts";
import { backwardBound, forwardBound } from "./attention_bound.ts";
import { normals } from "./values.ts";

/** Packed sequences and their heads. */
export interface PackedExtents {
  /** Tokens of each sequence. */
  readonly lengths: readonly number[];
  /** Heads of queries. */
  readonly heads: number;
  /** Heads of keys and values. Default: as many. */
  readonly kvHeads?: number;
  /** Columns of a head. */
  readonly headWidth: number;
}

/** The first row of each sequence, and the end of the last. */
export function startsOf(lengths: readonly number[]): Uint32Array {
  const starts = new Uint32Array(lengths.length + 1);
  lengths.forEach((length, b) => starts[b + 1] = starts[b] + length);
  return starts;
}

const rowsOf = ({ lengths }: PackedExtents): number => lengths.reduce((sum, n) => sum + n, 0);

const common = (extents: PackedExtents, causal: number) => ({
  batch: extents.lengths.length,
  heads: extents.heads,
  headWidth: extents.headWidth,
  scale: Math.fround(1 / Math.sqrt(extents.headWidth)),
  causal,
  hasMask: 0,
  packedRows: rowsOf(extents),
});

/** Queries, keys and values in one buffer of rows [q | k | v]. */
export function packedCase(extents: PackedExtents, causal: number): KernelCase {
  const { lengths, heads, kvHeads = heads, headWidth } = extents, rows = rowsOf(extents);
  const width = heads * headWidth, kvWidth = kvHeads * headWidth, stride = width + 2 * kvWidth;
  const longest = Math.max(...lengths);
  return {
    name: `packed ${JSON.stringify({ ...extents, causal })}`,
    kernel: attentionForward,
    buffers: {
      q: normals(2, rows * stride),
      ...{ k: "q", v: "q" },
      mask: new Uint32Array(1),
      starts: startsOf(lengths),
      out: rows * width,
      logSumExp: rows * heads,
    },
    scalars: {
      ...common(extents, causal),
      kvHeads,
      ...{ queries: longest, keys: longest, past: 0, kvRows: 0, qStride: stride, qOffset: 0 },
      ...{ kStride: stride, kOffset: width, vStride: stride, vOffset: width + kvWidth },
    },
    bound: packedForwardBound,
  };
}

/** The same in buffers of other rows each. */
export function separatePackedCase(extents: PackedExtents, causal: number): KernelCase {
  const packed = packedCase(extents, causal), rows = rowsOf(extents);
  const { heads, kvHeads = heads, headWidth } = extents;
  const width = heads * headWidth, kvWidth = kvHeads * headWidth;
  const qStride = width + 2, kStride = kvWidth + 3, vStride = 2 * kvWidth + 1;
  return {
    ...packed,
    name: `separate ${packed.name}`,
    buffers: {
      ...packed.buffers,
      q: normals(6, rows * qStride),
      k: normals(7, rows * kStride),
      v: normals(8, rows * vStride),
    },
    scalars: {
      ...packed.scalars,
      ...{ qStride, kStride, vStride, qOffset: 1, kOffset: 2, vOffset: kvWidth },
    },
  };
}

/** The gradient. */
export function packedBackwardCase(extents: PackedExtents, causal: number): KernelCase {
  const forward = packedCase({ ...extents, kvHeads: extents.heads }, causal);
  const { buffers: { q, mask, starts }, scalars } = forward, rows = rowsOf(extents);
  const qkv = q as Float32Array, out = new Float32Array(qkv.length / 3);
  const logSumExp = new Float32Array(rows * extents.heads);
  const known = { mask, starts, out, logSumExp } as Record<string, HostData>;
  attentionForward.reference({ q: qkv, k: qkv, v: qkv, ...known } as never, scalars as never);
  return {
    name: forward.name,
    kernel: attentionBackward,
    buffers: {
      ...{ qkv, ...known, dOut: normals(5, out.length) },
      ...{ delta: logSumExp.length, dQkv: qkv.length },
    },
    scalars: { ...common(extents, causal), time: scalars.queries },
    bound: packedBackwardBound,
  };
}

/** Numbers of a buffer that each token has. */
type PerToken = Readonly<Record<string, number>>;

/** Calls `use` with the part of some buffers that one sequence has, for each, and the sequence's first token. */
function eachSequence(
  starts: ArrayLike<number>,
  perToken: PerToken,
  use: (part: (buffers: Buffers) => Buffers, first: number, length: number) => void,
): void {
  for (let b = 0; b + 1 < starts.length; b++) {
    const first = starts[b], end = starts[b + 1];
    const part = (buffers: Buffers) =>
      Object.fromEntries(
        Object.entries(perToken).filter(([name]) => name in buffers).map(([name, count]) => [
          name,
          (buffers[name] as Float64Array).slice(first * count, end * count),
        ]),
      );
    if (end > first) use(part, first, end - first);
  }
}

/** The bounds of every sequence alone, one after another. */
function boundsOf(
  bound: Bound,
  before: Buffers,
  after: Buffers,
  perToken: PerToken,
  outputs: readonly string[],
  alone: (length: number) => Values,
): Record<string, Float64Array> {
  const bounds = Object.fromEntries(
    outputs.map((name) => [name, new Float64Array(after[name].length)]),
  );
  eachSequence(before.starts, perToken, (part, first, length) => {
    const own = bound(
      { ...part(before), mask: before.mask },
      part(after),
      { ...alone(length), batch: 1, packedRows: 0 },
    );
    for (const name of outputs) {
      bounds[name].set(own[name] as Float64Array, first * perToken[name]);
    }
  });
  return bounds;
}

const packedForwardBound: Bound = (before, after, s) => {
  const { qStride: q, kStride: k, vStride: v, heads } = s, out = heads * s.headWidth;
  return boundsOf(
    forwardBound,
    { k: before.q, v: before.q, ...before },
    after,
    { q, k, v, out, logSumExp: heads },
    ["out", "logSumExp"],
    (length) => ({ ...s, queries: length, keys: length, kvRows: length }),
  );
};

const packedBackwardBound: Bound = (before, after, s) => {
  const out = s.heads * s.headWidth, statistics = { logSumExp: s.heads, delta: s.heads };
  return boundsOf(
    backwardBound,
    before,
    after,
    { qkv: 3 * out, out, dOut: out, dQkv: 3 * out, ...statistics },
    ["delta", "dQkv"],
    (length) => ({ ...s, time: length }),
  );
};

const extents: readonly PackedExtents[] = [
  { lengths: [1], heads: 1, headWidth: 1 },
  { lengths: [1, 1, 1], heads: 2, headWidth: 3 },
  { lengths: [65], heads: 2, headWidth: 8 },
  { lengths: [1, 2, 7, 33, 65], heads: 2, headWidth: 16 },
  { lengths: [65, 1], heads: 1, headWidth: 33 },
  { lengths: [1, 130], heads: 1, headWidth: 20 },
  { lengths: [3, 0, 4], heads: 3, headWidth: 5 },
  { lengths: [9, 8, 7, 1, 2, 31, 32, 33, 16, 17, 5], heads: 3, headWidth: 4 },
  { lengths: [7, 2], heads: 2, headWidth: 64 },
  { lengths: [2, 9], heads: 1, headWidth: 97 },
];

const grouped: readonly PackedExtents[] = [
  { lengths: [7, 33, 1], heads: 4, kvHeads: 2, headWidth: 8 },
  { lengths: [2, 17], heads: 6, kvHeads: 2, headWidth: 5 },
  { lengths: [34, 3, 65], heads: 3, kvHeads: 1, headWidth: 33 },
];

/** All of them. */
export const packedCases: readonly KernelCase[] = [0, 1].flatMap((causal) => [
  ...[...extents, ...grouped].flatMap((packed) => [
    packedCase(packed, causal),
    separatePackedCase(packed, causal),
  ]),
  ...extents.map((packed) => packedBackwardCase(packed, causal)),
]);
