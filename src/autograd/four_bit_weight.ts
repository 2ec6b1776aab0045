/** A frozen weight in 4 bits. @module */

import { matmulFourBit } from "../../kernels/four_bit/kernel.ts";
import { cutRange, type RowRange } from "../core/row_range.ts";
import { ShapeError } from "../core/errors.ts";
import { formatShape, type Shape } from "../core/shape.ts";
import type { Tensor } from "../device/device.ts";
import type { Scope } from "../device/scope.ts";
import { formOf, type FourBitForm, type QuantizedTensor } from "../quant/quantized_tensor.ts";
import { FourBitStorage } from "./four_bit_storage.ts";
import { lookUpRows } from "./ops/look_up.ts";
import { matrix, type MatrixPair, multiply } from "./ops/product.ts";
import type { Contribution } from "./gradients.ts";
import type { LowRankTerm, Weight } from "./weight.ts";

/** Up to this many rows of x, W is read as it is stored; more are multiplied by a copy in F32. */
const mostFusedRows = 2;

/** Values of W that are in F32 at a time: 64 MiB. */
const mostScratchValues = 2 ** 24;

/**
 * A weight (out, in) in 4 bits, as QLoRA keeps a frozen base (Dettmers et al. 2023): 4.127 bits a value with
 * double quantization and blocks of 64, and 1,088 bytes for what its codes stand for.
 *
 * A few rows are multiplied by the codes as they are stored. For more, and for the gradient of the input,
 * blocks of rows are written to scratch in F32 and multiplied like any weight; then the results are those of
 * the dequantized weight, on `cpu` to the bit for up to 2^24 values.
 */
export class FourBitWeight implements Weight {
  /** Its name in the model's file. */
  readonly name: string;
  /** 4, beside its scales. */
  readonly bits: number = 4;
  readonly #storage: FourBitStorage;

  /**
   * Allocates a weight in the role `quantized`, whose values {@link FourBitWeight.write} copies in.
   *
   * @param owner What frees it.
   * @throws {ShapeError} when the shape has not two axes.
   */
  constructor(owner: Scope, name: string, form: FourBitForm) {
    if (form.shape.length !== 2) {
      throw new ShapeError(`${name} must have two axes, found ${formatShape(form.shape)}`);
    }
    this.name = name;
    this.#storage = new FourBitStorage(owner, name, form);
  }

  /**
   * A weight with the values of a quantized tensor.
   *
   * @param owner What frees it.
   * @throws {ShapeError} when the shape has not two axes, or the tensor's parts do not fit each other.
   * @throws {RangeError} when the code or the block size is not one of bitsandbytes', or a scale is not finite.
   */
  static of(owner: Scope, name: string, tensor: QuantizedTensor): FourBitWeight {
    const weight = new FourBitWeight(owner, name, formOf(tensor));
    weight.write(tensor);
    return weight;
  }

  /** How it is stored. */
  get form(): FourBitForm {
    return this.#storage.form;
  }

  /** `[out, in]`. */
  get shape(): Shape {
    return this.#storage.form.shape;
  }

  /** Bytes of the codes, the scales and the values of both. */
  get bytes(): number {
    return this.#storage.bytes;
  }

  /**
   * Copies values in.
   *
   * @throws {ShapeError} when the tensor has another shape, or its parts do not fit each other.
   * @throws {RangeError} when it is stored in another form, or a scale is not finite.
   */
  write(tensor: QuantizedTensor): void {
    this.#storage.write(tensor);
  }

  /** y = x Wᵀ + bias. */
  multiply(x: Tensor, y: Tensor, bias?: Tensor, second?: LowRankTerm): void {
    const [n, k] = this.shape, m = x.shape[0];
    if (m <= mostFusedRows && this.#storage.packed.bytes <= x.device.maxBindingBytes) {
      this.#multiplyFused(x, y, bias);
      if (second) addPair(pairOf(second), y);
      return;
    }
    this.#eachPart((W, { start, count }) =>
      multiply(matrix(x), matrix(W), { tensor: y, stride: n, offset: start }, {
        ...{ m, n: count, k, transposeB: true },
        bias: bias?.view([count], start),
        second: second && pairOf(second, start),
      })
    );
  }

  /** dx = (accumulate ? dx : 0) + dy W. */
  multiplyTransposed(dy: Tensor, { tensor, accumulate }: Contribution, second?: LowRankTerm): void {
    const m = dy.shape[0], n = this.shape[1];
    this.#eachPart((W, { start, count: k }) =>
      multiply({ ...matrix(dy), offset: start }, matrix(W), matrix(tensor), {
        ...{ m, n, k, accumulate: start > 0 ? 1 : accumulate },
        second: start === 0 && second ? pairOf(second) : undefined,
      })
    );
  }

  /** out[i, :] = W[ids[i], :], from a copy in F32. */
  lookUp(ids: Tensor, out: Tensor): void {
    using table = this.dense();
    lookUpRows(table, ids, out);
  }

  /** A copy in F32, which the caller disposes: eight times its own bytes. */
  dense(): Tensor {
    const [, width] = this.shape, { device } = this.#storage;
    const out = device.allocate(this.shape, "f32", "weight", `${this.name} in F32`);
    using scales = this.#storage.scalesInF32();
    for (const rows of this.#parts()) {
      this.#storage.dequantize(scales, rows, out.view([rows.count, width], rows.start * width));
    }
    return out;
  }

  /** Calls `use` with one part of the rows in F32 after another. */
  #eachPart(use: (W: Tensor, rows: RowRange) => void): void {
    const [, width] = this.shape, { device } = this.#storage, parts = this.#parts();
    const most = Math.max(0, ...parts.map(({ count }) => count));
    using scales = this.#storage.scalesInF32();
    using scratch = device.allocate([most, width], "f32", "scratch", `${this.name} in F32`);
    for (const rows of parts) {
      const W = scratch.view([rows.count, width]);
      this.#storage.dequantize(scales, rows, W);
      use(W, rows);
    }
  }

  /** Ranges of rows that fit into scratch and into a binding; they begin at multiples of 64. */
  #parts(): RowRange[] {
    const [rows, width] = this.shape, { maxBindingBytes } = this.#storage.device;
    const most = Math.min(mostScratchValues, maxBindingBytes / 4) / width;
    return cutRange(rows, rows <= most ? rows : Math.max(64, Math.floor(most / 64) * 64));
  }

  #multiplyFused(x: Tensor, y: Tensor, bias?: Tensor): void {
    const [n, k] = this.shape, { form: { blockSize }, packed, values } = this.#storage;
    using scales = this.#storage.scalesInF32();
    x.device.launch(matmulFourBit, {
      ...{ x, y, packed, values, scales: scales.tensor },
      bias: bias ?? x,
    }, { m: x.shape[0], n, k, blockSize, hasBias: bias ? 1 : 0 });
  }
}

/** A low-rank update as a pair of matrices, from one of the factor's rows on. */
const pairOf = ({ hidden, factor }: LowRankTerm, start = 0): MatrixPair => {
  const k = hidden.shape[1], b = matrix(factor);
  return { a: matrix(hidden), b: { ...b, offset: start * b.stride }, k };
};

/** y += hidden · factorᵀ. */
function addPair({ a, b, k }: MatrixPair, y: Tensor): void {
  const [m, n] = y.shape;
  multiply(a, b, matrix(y), { m, n, k, transposeB: true, accumulate: 1 });
}
