/** Tensors whose bytes are ready for a file. @module */

import type { Shape } from "../core/shape.ts";
import type { Dtype } from "./dtype.ts";

/** A tensor whose bytes are made piece by piece as they are written, and not looked at. */
export interface EncodedTensor {
  /** Its extents. */
  readonly shape: Shape;
  /** Its dtype in the file. */
  readonly dtype: Dtype;
  /** All of its bytes. */
  pieces(): AsyncIterable<Uint8Array>;
}
