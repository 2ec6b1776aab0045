/** Transposing matrices between the orientation in files and (out, in). @module */

import type { TensorSpec } from "../architectures/architecture.ts";
import type { HostData, HostTensor } from "../core/host_tensor.ts";
import type { Shape } from "../core/shape.ts";
import type { TensorPiece } from "../formats/mod.ts";

/** The transpose of a matrix. */
export function transpose({ shape, data }: HostTensor): HostTensor {
  const [rows, columns] = shape;
  const out = new (data.constructor as Float32ArrayConstructor)(data.length);
  transposeInto(out, { start: 0, data }, [rows, columns]);
  return { shape: [columns, rows], data: out };
}

/**
 * Writes a part of a matrix, several whole rows or a part of one, to its places in the transpose, in blocks that
 * stay in the cache.
 */
export function transposeInto(
  out: HostData,
  { start, data }: TensorPiece,
  [rows, columns]: Shape,
): void {
  const block = 32, first = Math.floor(start / columns), left = start % columns;
  const width = Math.min(columns, data.length), height = data.length / width;
  for (let top = 0; top < height; top += block) {
    for (let from = 0; from < width; from += block) {
      for (let row = top; row < Math.min(height, top + block); row++) {
        for (let column = from; column < Math.min(width, from + block); column++) {
          out[(left + column) * rows + first + row] = data[row * width + column];
        }
      }
    }
  }
}

/** A tensor's values, or its gradient, from a file's orientation to (out, in) or back. */
export function reorient({ storedTransposed }: TensorSpec, values: HostTensor): HostTensor {
  return storedTransposed ? transpose(values) : values;
}
