/** The norm of all gradients, which never leaves the device. @module */

import { rootSum, squaresChunk, sumSquares } from "../../kernels/reduce/kernel.ts";
import type { Scope } from "../device/scope.ts";
import { piecesOf } from "../device/spans.ts";
import type { Tensor } from "../device/device.ts";

/**
 * √(Σ g²) over flat ranges, by partial sums over fixed chunks, so that the bits do not depend on the
 * number of threads.
 */
export class GradientNorm {
  /** The norm, a single number. */
  readonly value: Tensor;
  readonly #ranges: readonly Tensor[];
  readonly #partials: Tensor;

  /** Allocates the partial sums, which `scope` owns. */
  constructor(scope: Scope, ranges: readonly Tensor[]) {
    this.#ranges = ranges;
    const chunks = ranges.reduce((sum, { size }) => sum + chunksIn(size), 0);
    this.#partials = scope.allocate([chunks], "f32", "scratch", "gradient norm partial sums");
    this.value = scope.allocate([1], "f32", "scratch", "gradient norm");
  }

  /** Computes the norm of the current gradients. */
  update(): void {
    const { device, size } = this.#partials;
    let partialOffset = 0;
    for (const range of this.#ranges) {
      for (const piece of piecesOf(range)) {
        const x = range.view([piece.size], piece.start);
        const scalars = { size: piece.size, partialOffset };
        device.launch(sumSquares, { x, partials: this.#partials }, scalars);
        partialOffset += chunksIn(piece.size);
      }
    }
    device.launch(rootSum, { x: this.#partials, y: this.value }, { size });
  }
}

function chunksIn(size: number): number {
  return Math.ceil(size / squaresChunk);
}
