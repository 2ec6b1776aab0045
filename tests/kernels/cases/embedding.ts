/** Cases of the embedding. @module */

import {
  embeddingBackward,
  embeddingForward,
  embeddingForwardBf16,
  embeddingForwardF16,
} from "../../../kernels/mod.ts";
import { float32ToBfloat16, float32ToFloat16 } from "../../../src/core/float_types.ts";
import { each, gamma } from "../error_model.ts";
import type { KernelCase } from "../kernel_case.ts";
import { awkward, integers, normals, target } from "./values.ts";

const vocabulary = 21;

function forwardCase(count: number, width: number, first = 0, rows = vocabulary): KernelCase {
  return {
    name: `${count} x ${width} of the rows ${first} to ${first + rows}`,
    kernel: embeddingForward,
    buffers: {
      table: normals(1, rows * width),
      ids: integers(2, count, vocabulary).with(count - 1, first),
      out: count * width,
    },
    scalars: { count, width, first, rows },
    bound: () => ({}),
  };
}

/** The same with the table in 16 bits: what is looked up is exact. */
function halfCases(trial: KernelCase): KernelCase[] {
  const table = (trial.buffers.table as Float32Array).map((value, at) => value * 1e-5 ** (at % 2));
  return [
    { kernel: embeddingForwardF16, bits: float32ToFloat16(table) },
    { kernel: embeddingForwardBf16, bits: float32ToBfloat16(table) },
  ].map(({ kernel, bits }) => ({ ...trial, kernel, buffers: { ...trial.buffers, table: bits } }));
}

/** Positions sorted by id, and where each id's run begins. */
function runsOf(ids: Uint32Array): { order: Uint32Array; starts: Uint32Array } {
  const order = Uint32Array.from(ids.keys()).sort((p, q) => ids[p] - ids[q] || p - q);
  const starts = Uint32Array.from(
    { length: vocabulary + 1 },
    (_, id) => ids.filter((other) => other < id).length,
  );
  return { order, starts };
}

function backwardCase(count: number, width: number, accumulate: number): KernelCase {
  const { order, starts } = runsOf(integers(3, count, vocabulary));
  return {
    name: `${count} x ${width}, accumulate ${accumulate}`,
    kernel: embeddingBackward,
    buffers: {
      dOut: normals(4, count * width),
      order,
      starts,
      dTable: target(5, vocabulary * width, accumulate),
    },
    scalars: { vocabulary, width, accumulate },
    // A row sums its run and what it held: γ(run) of the magnitudes.
    bound: ({ dOut, dTable }) => ({
      dTable: each(vocabulary * width, (at) => {
        const column = at % width, row = (at - column) / width;
        let sum = accumulate ? Math.abs(dTable[at]) : 0;
        for (let p = starts[row]; p < starts[row + 1]; p++) {
          sum += Math.abs(dOut[order[p] * width + column]);
        }
        return gamma(starts[row + 1] - starts[row]) * sum;
      }),
    }),
  };
}

/** All of them. */
export const embeddingCases: readonly KernelCase[] = awkward.flatMap((width) => [
  forwardCase(1, width),
  forwardCase(33, width),
  forwardCase(33, width, 5, 9),
  ...halfCases(forwardCase(33, width, 5, 9)),
  backwardCase(1, width, 0),
  backwardCase(40, width, 0),
  backwardCase(40, width, 1),
]);
