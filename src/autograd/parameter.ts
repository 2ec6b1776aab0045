/** Parameters: the leaves of differentiation. @module */

import type { Shape } from "../core/tensor.ts";
import type { Tensor } from "../device/device.ts";

/** A gradient's buffer, and whether this step has written it yet. */
export interface GradientSlot {
  /** Tensor in which the gradient is summed. */
  readonly tensor: Tensor;
  /** False until the first contribution, which overwrites; later ones add. */
  filled: boolean;
}

/** Rows of a frozen table that are trained on their own. */
export interface TrainableRows {
  /** Indices of the rows in the table, each once. */
  readonly indices: readonly number[];
  /** Their values, (rows, width), in that order. */
  readonly values: Parameter;
}

/** A named tensor of a model or an adapter. */
export class Parameter {
  /** Its name in the file it comes from, such as `transformer.wte.weight`. */
  readonly name: string;
  /** Its own values, even while a substitute is in use. */
  readonly own: Tensor;
  /** Values of an adapter that are used in place of its own. */
  substitute?: Tensor;
  /** Rows of the substitute that are trained: operations write them into it, and pass their gradient on. */
  rows?: TrainableRows;
  /** True if gradients are computed for it. A frozen parameter costs no buffer and no kernel. */
  trainable = true;
  /** Its gradient if an optimizer owns one; otherwise each tape allocates its own. */
  gradient?: GradientSlot;
  readonly #holds = new Set<{ readonly trainable: boolean }>();
  #trainableBefore = true;

  /** Names a tensor. */
  constructor(name: string, tensor: Tensor) {
    this.name = name;
    this.own = tensor;
  }

  /** The values in use. */
  get tensor(): Tensor {
    return this.substitute ?? this.own;
  }

  /** The tensor's extents. */
  get shape(): Shape {
    return this.own.shape;
  }

  /** Number of values. */
  get size(): number {
    return this.own.size;
  }

  /**
   * Freezes it, or keeps it trainable, until the returned function is called. Holds may overlap: it is
   * trainable while any of them trains it, and gets its original flag back when the last one ends.
   */
  hold(trainable: boolean): () => void {
    if (this.#holds.size === 0) this.#trainableBefore = this.trainable;
    const hold = { trainable };
    this.#holds.add(hold);
    this.#decide();
    return () => {
      if (this.#holds.delete(hold)) this.#decide();
    };
  }

  #decide(): void {
    const holds = [...this.#holds];
    this.trainable = holds.length === 0
      ? this.#trainableBefore
      : holds.some(({ trainable }) => trainable);
  }
}
