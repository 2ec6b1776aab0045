/** Transposing matrices between the orientation in files and (out, in). @module */

import type { TensorSpec } from "../architectures/architecture.ts";
import type { HostTensor } from "../core/host_tensor.ts";

/** The transpose of a matrix, in blocks that stay in the cache. */
export function transpose({ shape, data }: HostTensor): HostTensor {
  const [rows, columns] = shape;
  const out = new (data.constructor as Float32ArrayConstructor)(data.length);
  const block = 32;
  for (let top = 0; top < rows; top += block) {
    for (let left = 0; left < columns; left += block) {
      for (let row = top; row < Math.min(rows, top + block); row++) {
        for (let column = left; column < Math.min(columns, left + block); column++) {
          out[column * rows + row] = data[row * columns + column];
        }
      }
    }
  }
  return { shape: [columns, rows], data: out };
}

/** A tensor's values, or its gradient, from a file's orientation to (out, in) or back. */
export function reorient({ storedTransposed }: TensorSpec, values: HostTensor): HostTensor {
  return storedTransposed ? transpose(values) : values;
}
