/** Looking up rows of a table, forward and backward. @module */

import { bindingsIn, storedAs, type StoredType, valueOf } from "../float16/kernel.ts";
import { ceilDivide, defineKernel, f32, type Kernel, u32 } from "../kernel.ts";
import forwardCode from "./forward.wgsl" with { type: "text" };
import backwardCode from "./backward.wgsl" with { type: "text" };

/**
 * out[i, :] = table[ids[i] - first, :] for i < count where first <= ids[i] < first + rows; other rows are
 * left alone. So a table that is bound piece by piece takes a launch for each, and no id reaches beyond.
 */
export const embeddingForward: EmbeddingForward = lookUpIn("f32");

/** The same for a table in F16. */
export const embeddingForwardF16: EmbeddingForward = lookUpIn("f16");

/** The same for a table in BF16. */
export const embeddingForwardBf16: EmbeddingForward = lookUpIn("bf16");

/** Signature of the lookup of a table's rows. */
export type EmbeddingForward = Kernel<
  "table" | "ids" | "out",
  "count" | "width" | "first" | "rows"
>;

function lookUpIn(type: StoredType): EmbeddingForward {
  return defineKernel({
    name: type === "f32" ? "embedding_forward" : `embedding_forward_${type}`,
    bindings: { table: bindingsIn(type).read, ids: u32.read, out: f32.update },
    scalars: { count: "u32", width: "u32", first: "u32", rows: "u32" },
    elements: ({ count, width, rows }) => ({ table: rows * width, ids: count, out: count * width }),
    touches: ({ count, width, rows }) => ({ table: Math.min(count, rows) * width }),
    wgsl: {
      code: forwardCode,
      constants: () => ({ stored: storedAs(type) }),
      workgroups: ({ count, width }) => ceilDivide(count * width, 1024),
    },
    cpu: { units: ({ count }) => count, grain: ({ width }) => ceilDivide(16384, width) },
    reference({ table, ids, out }, { count, width, first, rows }) {
      for (let i = 0; i < count; i++) {
        const row = ids[i] - first;
        if (row < 0 || row >= rows) continue;
        for (let j = 0; j < width; j++) out[i * width + j] = valueOf(type, table[row * width + j]);
      }
    },
  });
}

/**
 * dTable[v, :] = (accumulate ? dTable[v, :] : 0) + Σ dOut[order[p], :] over starts[v] <= p < starts[v + 1].
 *
 * `order` lists the positions sorted by id and `starts` (vocabulary + 1) where each id's run begins, so
 * that every row is summed by one thread in a fixed order: without atomics, the bits are the same every
 * time.
 */
export const embeddingBackward: Kernel<
  "dOut" | "order" | "starts" | "dTable",
  "vocabulary" | "width" | "accumulate"
> = defineKernel({
  name: "embedding_backward",
  bindings: { dOut: f32.read, order: u32.read, starts: u32.read, dTable: f32.update },
  scalars: { vocabulary: "u32", width: "u32", accumulate: "u32" },
  elements: ({ vocabulary, width }) => ({ starts: vocabulary + 1, dTable: vocabulary * width }),
  wgsl: {
    code: backwardCode,
    workgroups: ({ vocabulary, width }) => ceilDivide(vocabulary * width, 256),
  },
  cpu: { units: ({ vocabulary }) => vocabulary, grain: ({ width }) => ceilDivide(16384, width) },
  reference({ dOut, order, starts, dTable }, { vocabulary, width, accumulate }) {
    for (let row = 0; row < vocabulary; row++) {
      for (let j = 0; j < width; j++) {
        let sum = accumulate ? dTable[row * width + j] : 0;
        for (let p = starts[row]; p < starts[row + 1]; p++) sum += dOut[order[p] * width + j];
        dTable[row * width + j] = sum;
      }
    }
  },
});
