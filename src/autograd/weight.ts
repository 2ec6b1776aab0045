/** The weight of a linear layer, however it is stored. @module */

import type { Shape } from "../core/shape.ts";
import type { Tensor } from "../device/device.ts";
import { matrix, multiply } from "./ops/product.ts";
import type { Parameter } from "./parameter.ts";
import type { Contribution } from "./tape.ts";

/**
 * The matrix W `(out, in)` of a linear layer. Other storage formats implement these few products and
 * are frozen; nothing above `nn/` reads their buffers.
 */
export interface Weight {
  /** Its name in the model's file, such as `transformer.h.0.attn.c_attn.weight`. */
  readonly name: string;
  /** `[out, in]`. */
  readonly shape: Shape;
  /** Bytes on its device. */
  readonly bytes: number;
  /** Its parameter, if it can be trained. */
  readonly parameter?: Parameter;
  /** y = x Wᵀ + bias with x `(tokens, in)` and y `(tokens, out)`. */
  multiply(x: Tensor, y: Tensor, bias?: Tensor): void;
  /** dx = (accumulate ? dx : 0) + dy W with dy `(tokens, out)` and dx `(tokens, in)`. */
  multiplyTransposed(dy: Tensor, dx: Contribution): void;
  /** Its values as an F32 tensor `(out, in)`, which the caller disposes. */
  dense(): Tensor;
}

/** A weight in F32: a parameter. */
export class DenseWeight implements Weight {
  /** Its values. */
  readonly parameter: Parameter;

  /** Wraps a parameter `(out, in)`. */
  constructor(parameter: Parameter) {
    this.parameter = parameter;
  }

  /** The parameter's name. */
  get name(): string {
    return this.parameter.name;
  }

  /** `[out, in]`. */
  get shape(): Shape {
    return this.parameter.shape;
  }

  /** 4 bytes per value. */
  get bytes(): number {
    return this.parameter.tensor.bytes;
  }

  /** y = x Wᵀ + bias. */
  multiply(x: Tensor, y: Tensor, bias?: Tensor): void {
    const [n, k] = this.shape, m = x.shape[0];
    const options = { m, n, k, transposeB: true, bias };
    multiply(matrix(x), matrix(this.parameter.tensor), matrix(y), options);
  }

  /** dx = (accumulate ? dx : 0) + dy W. */
  multiplyTransposed(dy: Tensor, { tensor: dx, accumulate }: Contribution): void {
    const [k, n] = this.shape, m = dy.shape[0];
    multiply(matrix(dy), matrix(this.parameter.tensor), matrix(dx), { m, n, k, accumulate });
  }

  /** A view of the parameter's values; disposing it frees nothing. */
  dense(): Tensor {
    return this.parameter.tensor.view(this.shape);
  }
}
