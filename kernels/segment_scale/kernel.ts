/** Rows scaled and shifted by vectors of their own: magnitudes of DoRA in a batch of many adapters. @module */

import { ceilDivide, defineKernel, f32, type Kernel, u32 } from "../kernel.ts";
import { pieceNumbers } from "../segment_product/kernel.ts";
import code from "./segment_scale.wgsl" with { type: "text" };

/**
 * y[r, j] = scale[j] · y[r, j] + shift[j] for each row r of each piece whose group has vectors; the others keep
 * their bits.
 *
 * Pieces are those of `segment_product`. `places` holds a number for each group: 1 more than the element of
 * `vectors` where its scale begins, followed by its shift, `width` each; 0 for a group without.
 */
export const segmentScale: Kernel<
  "pieces" | "places" | "vectors" | "y",
  "rows" | "time" | "pieceCount" | "groups" | "width"
> = defineKernel({
  name: "segment_scale",
  bindings: { pieces: u32.read, places: u32.read, vectors: f32.read, y: f32.update },
  scalars: { rows: "u32", time: "u32", pieceCount: "u32", groups: "u32", width: "u32" },
  elements: ({ pieceCount, groups }) => ({ pieces: pieceNumbers * pieceCount, places: groups }),
  wgsl: { code, workgroups: ({ rows, time, width }) => ceilDivide(rows * time * width, 256) },
  cpu: { units: ({ rows, time }) => rows * time, grain: () => 8 },
  reference({ pieces, places, vectors, y }, { rows, time, pieceCount, width }) {
    for (let piece = 0; piece < pieceCount; piece++) {
      const at = pieceNumbers * piece,
        [before, first, group] = [0, 1, 2].map((i) => pieces[at + i]);
      const next = piece + 1 < pieceCount ? pieces[at + pieceNumbers] : rows;
      if (places[group] === 0) continue;
      for (let row = first * time; row < (first + next - before) * time; row++) {
        for (let j = 0; j < width; j++) {
          const scale = places[group] - 1 + j, to = row * width + j;
          y[to] = vectors[scale] * y[to] + vectors[scale + width];
        }
      }
    }
  },
});
