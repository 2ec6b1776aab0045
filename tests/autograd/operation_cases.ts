/** Single operations and what they are tried on. @module */

import {
  add,
  attention,
  type ColumnWindow,
  convolution,
  type DistanceBuckets,
  distanceTerms,
  firstRows,
  gelu,
  headPart,
  headProduct,
  packSequences,
  padRows,
  padSequences,
  type Parameter,
  relu,
  replaceRows,
  rmsNorm,
  rotary,
  rotaryPart,
  silu,
  softmax,
  swiglu,
  tanh,
  type Tape,
  unpadRows,
} from "../../src/autograd/mod.ts";
import { rowBlock } from "../../src/autograd/ops/product.ts";
import type { Tensor } from "../../src/device/device.ts";

/** An operation and what it is tried on. */
export interface OperationCase {
  readonly name: string;
  /** Shapes of the leaves. */
  readonly shapes: readonly (readonly number[])[];
  /** Computes a result from activations that equal the leaves; an operation may take a leaf itself. */
  readonly run: (
    tape: Tape,
    activations: readonly Tensor[],
    leaves: readonly Parameter[],
  ) => Tensor;
}

/** All of them. */
export const operations: readonly OperationCase[] = [
  { name: "gelu", shapes: [[3, 5]], run: (tape, [x]) => gelu(tape, x) },
  { name: "exact gelu", shapes: [[3, 5]], run: (tape, [x]) => gelu(tape, x, { exact: true }) },
  { name: "relu", shapes: [[3, 5]], run: (tape, [x]) => relu(tape, x) },
  { name: "silu", shapes: [[3, 5]], run: (tape, [x]) => silu(tape, x) },
  { name: "tanh", shapes: [[3, 5]], run: (tape, [x]) => tanh(tape, x) },
  {
    name: "rmsNorm",
    shapes: [[3, 5], [5]],
    run: (tape, [x], [, weight]) => rmsNorm(tape, x, weight, 1e-3),
  },
  {
    name: "rmsNorm of each head",
    shapes: [[3, 10], [5]],
    run: (tape, [x], [, weight]) => rmsNorm(tape, x, weight, 1e-3, 2),
  },
  {
    name: "rotary of a whole tensor",
    shapes: [[4, 12]],
    run: (tape, [tensor]) => rotate(tape, { tensor, width: 12 }, 2),
  },
  {
    name: "rotary of two windows",
    shapes: [[4, 15]],
    run: (tape, [tensor]) => {
      const q = rotate(tape, { tensor, offset: 1, width: 8 }, 2);
      return add(tape, q, rotate(tape, { tensor, offset: 7, width: 8 }, 1));
    },
  },
  {
    name: "rotary of the first columns of two parts of heads, and of all columns of one",
    shapes: [[4, 12]],
    run: (tape, [x]) => {
      const part = (part: number, columns: number) => rotatePart(tape, x, { columns, part });
      return [part(2, 4), part(1, 2)].reduce((sum, one) => add(tape, sum, one), part(1, 2));
    },
  },
  {
    name: "attention of grouped heads",
    shapes: [[6, 12], [6, 6], [6, 6]],
    run: (tape, tensors) => {
      const [q, k, v] = tensors.map((tensor) => ({ tensor, width: tensor.shape[1] }));
      return attention(tape, { q, k, v }, { batch: 2, time: 3, heads: 4, causal: true });
    },
  },
  {
    name: "attention of packed sequences",
    shapes: [[6, 12], [6, 12], [6, 12]],
    run: (tape, tensors) => {
      const [q, k, v] = tensors.map((tensor) => ({ tensor, width: 12 }));
      const sequences = packSequences(tape, [1, 3, 2]);
      return attention(tape, { q, k, v }, { sequences, heads: 3, causal: true });
    },
  },
  {
    name: "attention of packed sequences, grouped heads",
    shapes: [[7, 18]],
    run: (tape, [tensor]) => {
      const k = { tensor, offset: 8, width: 4 }, v = { tensor, offset: 13, width: 4 };
      const inputs = { q: { tensor, width: 8 }, k, v };
      const sequences = packSequences(tape, [2, 5]);
      return attention(tape, inputs, { sequences, heads: 4, causal: false });
    },
  },
  {
    name: "scores by head",
    shapes: [[6, 8], [10, 8]],
    run: (tape, [q, k]) =>
      headProduct(tape, q, k, { groups: 2, heads: 4, transposeB: true, alpha: 0.5 }),
  },
  {
    name: "values by head",
    shapes: [[6, 20], [10, 12]],
    run: (tape, [p, v]) => headProduct(tape, p, v, { groups: 2, heads: 4 }),
  },
  {
    name: "scores by head of one tensor with itself",
    shapes: [[6, 8]],
    run: (tape, [x]) => headProduct(tape, x, x, { groups: 2, heads: 2, transposeB: true }),
  },
  {
    name: "softmax with hidden keys",
    shapes: [[6, 10]],
    run: (tape, [x]) => softmax(tape, x, { batch: 2, heads: 2, mask: maskOf(tape, [2, 5]) }),
  },
  ...[false, true].map((ofKey) => ({
    name: `terms by distance of ${ofKey ? "keys" : "queries"}`,
    shapes: [[6, 6], [6, 8]],
    run: (tape: Tape, [x, terms]: readonly Tensor[]) =>
      distanceTerms(tape, x, terms, distances(tape), { batch: 2, heads: 2, ofKey }),
  })),
  {
    name: "packed rows among padded ones, read twice",
    shapes: [[6, 5]],
    run: (tape, [x]) => {
      const sequences = padSequences(tape, [3, 1, 2]);
      return add(tape, padRows(tape, x, sequences), padRows(tape, x, sequences));
    },
  },
  {
    name: "padded rows without others, read twice",
    shapes: [[9, 5]],
    run: (tape, [x]) => {
      const sequences = padSequences(tape, [3, 1, 2]);
      return add(tape, unpadRows(tape, x, sequences), unpadRows(tape, x, sequences));
    },
  },
  {
    name: "convolution",
    shapes: [[10, 3], [4, 3, 3], [4]],
    run: (tape, [x], [, weight, bias]) =>
      convolution(tape, x, weight, bias, { batch: 2, time: 5, mask: maskOf(tape, [2, 5]) }),
  },
  {
    name: "two parts of heads",
    shapes: [[4, 12], [4]],
    run: (tape, [x], [, bias]) =>
      add(
        tape,
        headPart(tape, x, { heads: 2, parts: 3, part: 0, bias }),
        headPart(tape, x, { heads: 2, parts: 3, part: 2 }),
      ),
  },
  {
    name: "rows of a whole parameter before others",
    shapes: [[6, 5], [2, 5]],
    run: (tape, [x], [, values]) =>
      replaceRows(tape, x, [{ values, width: 5 }], firstRows(tape, 2, [0, 3, 6])),
  },
  {
    name: "two windows of a parameter, in sequences of which one has no other row",
    shapes: [[9, 7], [2, 9]],
    run: (tape, [x], [, values]) =>
      replaceRows(tape, x, [
        { values, from: 1, width: 3, offset: 4 },
        { values, from: 6, width: 2, offset: 1 },
      ], firstRows(tape, 2, [0, 3, 5, 9])),
  },
  {
    name: "blocks of rows, which overlap",
    shapes: [[7, 5]],
    run: (tape, [x]) => {
      const [first, last] = [0, 2].map((start) => rowBlock(tape, x, { start, count: 4 }));
      return add(tape, first, last);
    },
  },
  { name: "swiglu", shapes: [[3, 5], [3, 5]], run: (tape, [gate, up]) => swiglu(tape, gate, up) },
];

/** Rotates by 0 … 4 times an angle for each pair. */
function rotate(tape: Tape, window: ColumnWindow, heads: number): Tensor {
  const width = window.width / heads, table = tape.allocate([5, width], "f32", "weight", "table");
  const angles = Array.from(
    { length: 5 },
    (_, p) => Array.from({ length: width / 2 }, (_, i) => p / (i + 1)),
  );
  tape.device.write(
    table,
    Float32Array.from(angles.flatMap((row) => [...row.map(Math.cos), ...row.map(Math.sin)])),
  );
  const positions = tape.allocate([4], "u32", "activation", "positions");
  tape.device.write(positions, Uint32Array.of(3, 0, 4, 1));
  return rotary(tape, window, table, positions, heads);
}

/** A part of one head of four columns, by angles of the positions of four tokens. */
function rotatePart(
  tape: Tape,
  x: Tensor,
  { columns, part }: { readonly columns: number; readonly part: number },
): Tensor {
  const table = tape.allocate([5, columns], "f32", "activation", "angles");
  tape.device.write(table, Float32Array.from({ length: table.size }, (_, i) => Math.cos(i)));
  const positions = tape.allocate([4], "u32", "activation", "positions");
  tape.device.write(positions, Uint32Array.of(3, 0, 4, 1));
  return rotaryPart(tape, x, table, positions, { heads: 1, parts: 3, part });
}

/** Every third key is hidden. */
function maskOf(tape: Tape, shape: readonly number[]): Tensor {
  const mask = tape.allocate(shape, "u32", "activation", "mask");
  tape.device.write(mask, Uint32Array.from({ length: mask.size }, (_, at) => Number(at % 3 !== 1)));
  return mask;
}

/** Those of three tokens in four buckets, the outer ones of one distance each. */
function distances(tape: Tape): DistanceBuckets {
  const written = (values: number[], label: string) => {
    const tensor = tape.allocate([values.length], "u32", "activation", label);
    tape.device.write(tensor, Uint32Array.from(values));
    return tensor;
  };
  return {
    bucketOf: written([0, 1, 1, 2, 3], "buckets"),
    starts: written([0, 1, 3, 4, 5], "starts"),
  };
}
