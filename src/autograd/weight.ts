/** The weight of a linear layer: what every storage format implements, and those of plain floats. @module */

import { widenBf16, widenF16 } from "../../kernels/float16/kernel.ts";
import { isHalfType } from "../../kernels/kernel.ts";
import type { Shape } from "../core/tensor.ts";
import type { Tensor } from "../device/device.ts";
import { piecesOf } from "../device/spans.ts";
import { lookUpRows } from "./ops/look_up.ts";
import { matrix, type MatrixPair, multiply } from "./ops/product.ts";
import { Parameter } from "./parameter.ts";
import type { Contribution } from "./tape.ts";

/**
 * A second product that is added to a weight's in the same launch: that of a low-rank update, hidden · Bᵀ forward and
 * hidden · A backward. The caller scales `hidden`.
 */
export interface LowRankTerm {
  /** scaling · x Aᵀ forward, scaling · dy B backward: `(tokens, rank)`. */
  readonly hidden: Tensor;
  /** B `(out, rank)` forward, A `(rank, in)` backward. */
  readonly factor: Tensor;
}

/**
 * The matrix W `(out, in)` of a linear layer. Other storage formats implement these few products and
 * are frozen; nothing above `nn/` reads their buffers.
 */
export interface Weight {
  /** Its name in the model's file, such as `transformer.h.0.attn.c_attn.weight`. */
  readonly name: string;
  /** `[out, in]`. */
  readonly shape: Shape;
  /** Bits of a stored value, scales not counted. */
  readonly bits: number;
  /** Bytes on its device. */
  readonly bytes: number;
  /** Its parameter, if it can be trained. */
  readonly parameter?: Parameter;
  /** y = x Wᵀ + bias + second.hidden · second.factorᵀ with x `(tokens, in)`, bias `(out)` and y `(tokens, out)`. */
  multiply(x: Tensor, y: Tensor, bias?: Tensor, second?: LowRankTerm): void;
  /**
   * dx = (accumulate ? dx : 0) + dy W + second.hidden · second.factor with dy `(tokens, out)` and dx `(tokens, in)`.
   */
  multiplyTransposed(dy: Tensor, dx: Contribution, second?: LowRankTerm): void;
  /** out[i, :] = W[ids[i], :], where W is a table of embeddings; ids are u32. */
  lookUp(ids: Tensor, out: Tensor): void;
  /** Its values as an F32 tensor `(out, in)`, a copy or a view, which the caller disposes. */
  dense(): Tensor;
}

/** A weight in F32: a parameter. */
export class DenseWeight implements Weight {
  /** Its values. */
  readonly parameter: Parameter;
  /** 32: F32. */
  readonly bits: number = 32;

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

  /** y = x Wᵀ + bias + second.hidden · second.factorᵀ. */
  multiply(x: Tensor, y: Tensor, bias?: Tensor, second?: LowRankTerm): void {
    multiplyBy(this.parameter.tensor, x, y, bias, second);
  }

  /** dx = (accumulate ? dx : 0) + dy W + second.hidden · second.factor. */
  multiplyTransposed(dy: Tensor, dx: Contribution, second?: LowRankTerm): void {
    multiplyByTransposed(this.parameter.tensor, dy, dx, second);
  }

  /** out[i, :] = W[ids[i], :]. */
  lookUp(ids: Tensor, out: Tensor): void {
    lookUpRows(this.parameter.tensor, ids, out);
  }

  /** A view of the parameter's values; disposing it frees nothing. */
  dense(): Tensor {
    return this.parameter.tensor.view(this.shape);
  }
}

/**
 * A frozen weight in F16 or BF16: half the bytes of F32. Products widen its values as they load them, so their
 * results are those of the same values in F32.
 */
export class HalfWeight implements Weight {
  /** Its name in the model's file. */
  readonly name: string;
  /** The bits of its values, which only loading writes. */
  readonly values: Tensor;
  /** 16, as F16 or BF16. */
  readonly bits: number = 16;

  /**
   * Wraps a tensor `(out, in)`, which the caller owns.
   *
   * @throws {TypeError} when it is not of type f16 or bf16.
   */
  constructor(name: string, values: Tensor) {
    if (!isHalfType(values.type)) {
      throw new TypeError(`${name} must be of type f16 or bf16, found ${values.type}`);
    }
    this.name = name;
    this.values = values;
  }

  /** `[out, in]`. */
  get shape(): Shape {
    return this.values.shape;
  }

  /** 2 bytes per value. */
  get bytes(): number {
    return this.values.bytes;
  }

  /** y = x Wᵀ + bias + second.hidden · second.factorᵀ. */
  multiply(x: Tensor, y: Tensor, bias?: Tensor, second?: LowRankTerm): void {
    multiplyBy(this.values, x, y, bias, second);
  }

  /** dx = (accumulate ? dx : 0) + dy W + second.hidden · second.factor. */
  multiplyTransposed(dy: Tensor, dx: Contribution, second?: LowRankTerm): void {
    multiplyByTransposed(this.values, dy, dx, second);
  }

  /** out[i, :] = W[ids[i], :]. */
  lookUp(ids: Tensor, out: Tensor): void {
    lookUpRows(this.values, ids, out);
  }

  /** A copy in F32, which the caller disposes: twice its own bytes. */
  dense(): Tensor {
    const { device, shape, type } = this.values, widen = type === "f16" ? widenF16 : widenBf16;
    const out = device.allocate(shape, "f32", "weight", `${this.name} in F32`);
    for (const { start, size } of piecesOf(out)) {
      const [x, y] = [this.values, out].map((tensor) => tensor.view([size], start));
      device.launch(widen, { x, y }, { size });
    }
    return out;
  }
}

/** A parameter as a weight; a weight as it is. */
export function weightOf(source: Parameter | Weight): Weight {
  return source instanceof Parameter ? new DenseWeight(source) : source;
}

/** y = x Wᵀ + bias + second.hidden · second.factorᵀ of W in F32, F16 or BF16. */
function multiplyBy(
  W: Tensor,
  x: Tensor,
  y: Tensor,
  bias?: Tensor,
  second?: LowRankTerm,
): void {
  const [n, k] = W.shape, m = x.shape[0];
  multiply(matrix(x), matrix(W), matrix(y), {
    ...{ m, n, k, bias },
    transposeB: true,
    second: pairOf(second),
  });
}

/** dx = (accumulate ? dx : 0) + dy W + second.hidden · second.factor of W in F32, F16 or BF16. */
function multiplyByTransposed(
  W: Tensor,
  dy: Tensor,
  { tensor, accumulate }: Contribution,
  second?: LowRankTerm,
): void {
  const [k, n] = W.shape, m = dy.shape[0];
  multiply(matrix(dy), matrix(W), matrix(tensor), { m, n, k, accumulate, second: pairOf(second) });
}

const pairOf = (term?: LowRankTerm): MatrixPair | undefined =>
  term && { a: matrix(term.hidden), b: matrix(term.factor), k: term.hidden.shape[1] };
