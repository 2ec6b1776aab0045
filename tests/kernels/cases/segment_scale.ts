/** Cases of rows scaled and shifted by vectors of their own. */

import { segmentScale } from "../../../kernels/mod.ts";
import { gamma, magnitudes } from "../error_model.ts";
import type { KernelCase } from "../kernel_case.ts";
import { awkward, normals } from "./values.ts";

/** A product and a sum: errors are those of their magnitudes. */
function scaleCase(
  width: number,
  time: number,
  pieces: readonly number[],
  rows: number,
): KernelCase {
  const pieceCount = pieces.length / 3, groups = 4, batch = 7, size = batch * time * width;
  const places = Uint32Array.of(1, 0, 1 + 2 * width, 1 + 4 * width);
  const scalars = { rows, time, pieceCount, groups, width };
  return {
    name: `width ${width}, ${time} tokens, ${pieceCount} pieces`,
    kernel: segmentScale,
    buffers: {
      pieces: Uint32Array.from(pieceCount > 0 ? pieces : [0, 0, 0]),
      places,
      vectors: normals(1, 6 * width),
      y: normals(2, size),
    },
    scalars,
    bound: ({ vectors, y, ...others }) => {
      const largest = magnitudes(y);
      segmentScale.reference(
        { ...others, vectors: magnitudes(vectors), y: largest } as never,
        scalars,
      );
      return { y: largest.map((size) => gamma(2) * size) };
    },
  };
}

/** All of them. */
export const segmentScaleCases: readonly KernelCase[] = awkward.flatMap((width) => [
  scaleCase(width, 1, [0, 1, 0, 1, 5, 0, 2, 0, 1, 3, 2, 3], 6),
  scaleCase(width, 9, [0, 3, 1, 1, 4, 2, 3, 0, 3], 4),
  scaleCase(width, 2, [], 0),
]);
