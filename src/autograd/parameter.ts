/** Parameters: the leaves that gradients are taken for. @module */

import type { Shape } from "../core/shape.ts";
import type { Tensor } from "../device/tensor.ts";

/** A gradient's buffer, and whether this step has written it yet. */
export interface GradientSlot {
  /** Where the gradient is summed. */
  readonly tensor: Tensor;
  /** False until the first contribution, which overwrites; later ones add. */
  filled: boolean;
}

/** A named tensor of a model or an adapter. */
export class Parameter {
  /** Its name in the file it comes from, such as `transformer.wte.weight`. */
  readonly name: string;
  /** Its values. */
  readonly tensor: Tensor;
  /** Whether gradients are computed for it. A frozen parameter costs no buffer and no kernel. */
  trainable = true;
  /** Its gradient while an optimizer owns one; a tape makes its own where there is none. */
  gradient?: GradientSlot;

  /** Names a tensor. */
  constructor(name: string, tensor: Tensor) {
    this.name = name;
    this.tensor = tensor;
  }

  /** The tensor's extents. */
  get shape(): Shape {
    return this.tensor.shape;
  }

  /** Number of values. */
  get size(): number {
    return this.tensor.size;
  }
}
