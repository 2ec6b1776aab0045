/** Gradients of two factors of a product, each multiplied by the inverse Gram matrix of the other factor. @module */

import { dampedInverse } from "../../kernels/damped_inverse/kernel.ts";
import { scaleAdd } from "../../kernels/elementwise/kernel.ts";
import { matrix, multiply } from "../autograd/ops/product.ts";
import type { Parameter } from "../autograd/parameter.ts";
import { assertOptions } from "../core/checks.ts";
import { quote } from "../core/errors.ts";
import { fitsFloat32 } from "../core/tensor.ts";
import type { Scope } from "../device/arena.ts";
import type { Tensor } from "../device/device.ts";
import { piecesOf } from "../device/spans.ts";
import type { OptimizerSlot } from "./optimizer_layout.ts";

/** The factors of B A. */
export interface FactorPair {
  /** A, (rank, in). */
  readonly A: Parameter;
  /** B, (out, rank). */
  readonly B: Parameter;
}

/** Pairs of factors whose gradients are preconditioned, and how much. */
export interface Preconditioner {
  /** Pairs of which both are trained. */
  readonly pairs: readonly FactorPair[];
  /** δ, above 0. */
  readonly damping: number;
}

/** A pair with its gradients. */
interface SlotPair {
  readonly A: OptimizerSlot;
  readonly B: OptimizerSlot;
}

/**
 * Preconditions the gradients in an optimizer's slots, in place:
 *
 *     ∂A ← (BᵀB + δI)⁻¹ ∂A        ∂B ← ∂B (AAᵀ + δI)⁻¹
 *
 * Cost: rank³ and two products with the gradients for each pair, and one buffer as large as the largest of these.
 */
export class PreconditionedGradients {
  readonly #pairs: readonly SlotPair[];
  readonly #damping: number;
  readonly #square: Tensor;
  readonly #product: Tensor;

  /**
   * Allocates what the products need, in a scope that owns it.
   *
   * @throws {RangeError} when δ is not above 0 in F32, or a factor is not among the slots.
   * @throws {TypeError} when an option does not exist.
   */
  constructor(scope: Scope, slots: readonly OptimizerSlot[], options: Preconditioner) {
    assertOptions("a preconditioner", options, { pairs: true, damping: true });
    const { pairs, damping } = options;
    if (!(Number.isFinite(damping) && damping > 0 && fitsFloat32(damping))) {
      throw new RangeError(`a preconditioner needs damping above 0, found ${quote(damping)}`);
    }
    const byParameter = new Map(slots.map((slot) => [slot.parameter, slot]));
    const slotOf = (parameter: Parameter): OptimizerSlot => {
      const slot = byParameter.get(parameter);
      if (slot) return slot;
      throw new RangeError(`a preconditioner needs trained factors, found ${parameter.name}`);
    };
    this.#pairs = pairs.map(({ A, B }) => ({ A: slotOf(A), B: slotOf(B) }));
    this.#damping = damping;
    const most = (sizes: readonly number[]) => Math.max(1, ...sizes);
    const rank = most(pairs.map(({ A }) => A.shape[0]));
    this.#square = scope.allocate([rank * rank], "f32", "scratch", "Gram matrix");
    const size = most(pairs.flatMap(({ A, B }) => [A.size, B.size]));
    this.#product = scope.allocate([size], "f32", "scratch", "preconditioned gradient");
  }

  /** Preconditions all of them. */
  apply(): void {
    for (const pair of this.#pairs) {
      this.#preconditionA(pair);
      this.#preconditionB(pair);
    }
  }

  #preconditionA({ A: { gradient }, B: { parameter: { tensor: B } } }: SlotPair): void {
    const [rank, width] = gradient.shape, [rows] = B.shape, factor = matrix(B);
    const inverse = this.#inverse(rank, (square) => {
      multiply(factor, factor, square, { m: rank, n: rank, k: rows, transposeA: true });
    });
    const product = this.#product.view(gradient.shape);
    multiply(inverse, matrix(gradient), matrix(product), { m: rank, n: width, k: rank });
    copy(product, gradient);
  }

  #preconditionB({ A: { parameter: { tensor: A } }, B: { gradient } }: SlotPair): void {
    const [rows, rank] = gradient.shape, [, width] = A.shape, factor = matrix(A);
    const inverse = this.#inverse(rank, (square) => {
      multiply(factor, factor, square, { m: rank, n: rank, k: width, transposeB: true });
    });
    const product = this.#product.view(gradient.shape);
    multiply(matrix(gradient), inverse, matrix(product), { m: rows, n: rank, k: rank });
    copy(product, gradient);
  }

  #inverse(rank: number, writeGram: (square: ReturnType<typeof matrix>) => void) {
    const tensor = this.#square.view([rank, rank]), square = matrix(tensor);
    writeGram(square);
    tensor.device.launch(dampedInverse, { matrix: tensor }, {
      ...{ size: rank, damping: this.#damping },
    });
    return square;
  }
}

function copy(from: Tensor, to: Tensor): void {
  for (const { start, size } of piecesOf(from)) {
    const [x, y] = [from, to].map((tensor) => tensor.view([size], start));
    const scalars = { size, xOffset: 0, yOffset: 0, alpha: 1, accumulate: 0 };
    from.device.launch(scaleAdd, { x, y }, scalars);
  }
}
