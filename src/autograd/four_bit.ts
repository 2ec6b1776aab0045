/**
 * A matrix in 4 bits on a device: its codes and scales, and the frozen weight that multiplies with
 * them.
 *
 * @module
 */

import {
  dequantizeFourBit,
  dequantizeScales,
  matmulFourBit,
} from "../../kernels/four_bit/kernel.ts";
import { ShapeError } from "../core/errors.ts";
import { assertShape, formatShape, type Shape, sizeOf } from "../core/tensor.ts";
import { cutRange, type RowRange } from "../core/update.ts";
import type { Scope } from "../device/arena.ts";
import type { Device, Tensor } from "../device/device.ts";
import {
  assertQuantized,
  blockSizes,
  codeValues,
  formOf,
  formText,
  type FourBitForm,
  type QuantizedTensor,
  scalesPerBlock,
} from "../quant/quantized_tensor.ts";
import { lookUpRows } from "./ops/look_up.ts";
import { matrix, type MatrixPair, multiply } from "./ops/product.ts";
import type { Contribution } from "./tape.ts";
import type { LowRankTerm, Weight } from "./weight.ts";

// The weight.

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
   * @param owner Scope that frees it.
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
   * @param owner Scope that frees it.
   * @throws {ShapeError} when the shape has not two axes, or the tensor's parts do not fit each other.
   * @throws {RangeError} when the code or the block size is not one of bitsandbytes', or a scale is not finite.
   */
  static of(owner: Scope, name: string, tensor: QuantizedTensor): FourBitWeight {
    const weight = new FourBitWeight(owner, name, formOf(tensor));
    weight.write(tensor);
    return weight;
  }

  /** Form of its storage. */
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

// Its storage.

/** The scales of all blocks in F32; disposing them frees what was made for it. */
export interface ScalesInF32 extends Disposable {
  /** One scale for each block. */
  readonly tensor: Tensor;
}

/** Parts of a matrix begin at such values, so that their views are aligned to 256 bytes. */
const alignedValues = 64 * Math.max(...blockSizes);

/** Codes and scales in buffers of the role `quantized`. */
export class FourBitStorage {
  /** Form of their storage. */
  readonly form: FourBitForm;
  /** Eight codes a word. */
  readonly packed: Tensor;
  /** The 16 values of the codes. */
  readonly values: Tensor;
  readonly #name: string;
  /** The scales in F32, or in 8 bits with the data that makes them F32. */
  readonly #scales: Tensor | NestedScales;

  /** Allocates them. */
  constructor(owner: Scope, name: string, form: FourBitForm) {
    const { shape, blockSize, doubleQuantization } = form, size = sizeOf(shape);
    const floats = (count: number, what: string) =>
      owner.allocate([count], "f32", "quantized", `${name} ${what}`);
    const blocks = Math.ceil(size / blockSize);
    this.form = form;
    this.#name = name;
    this.packed = bytesTensor(owner, Math.ceil(size / 2), name);
    this.values = floats(16, "values of the codes");
    this.#scales = doubleQuantization
      ? {
        codes: bytesTensor(owner, blocks, `${name} scales`),
        map: floats(256, "values of the scales' codes"),
        nested: floats(Math.ceil(blocks / scalesPerBlock) + 1, "nested scales and their offset"),
      }
      : floats(blocks, "scales");
  }

  /** The device of all of it. */
  get device(): Device {
    return this.packed.device;
  }

  /** Bytes of the codes, the scales and the values of both. */
  get bytes(): number {
    const scales = "codes" in this.#scales ? Object.values(this.#scales) : [this.#scales];
    const parts: Tensor[] = [this.packed, this.values, ...scales];
    return parts.reduce((sum, { storage }) => sum + storage.bytes, 0);
  }

  /** Copies values in; {@link FourBitWeight.write} says what is refused. */
  write(tensor: QuantizedTensor): void {
    const { absmax, code, packed } = tensor, { device } = this, scales = this.#scales;
    this.#assertForm(tensor);
    device.write(this.packed, wordsOf(packed));
    device.write(this.values, codeValues(code));
    if (!("codes" in scales)) return device.write(scales, absmax as Float32Array);
    const { codes, map, nested, offset } = absmax as Exclude<typeof absmax, Float32Array>;
    device.write(scales.codes, wordsOf(codes));
    device.write(scales.map, map);
    device.write(scales.nested, Float32Array.of(...nested, offset));
  }

  #assertForm(tensor: QuantizedTensor): void {
    assertQuantized(this.#name, tensor);
    assertShape(this.#name, tensor.shape, this.form.shape);
    const [own, given] = [this.form, formOf(tensor)].map(formText);
    if (own === given) return;
    throw new RangeError(`${this.#name} must be stored as ${own}, found ${given}`);
  }

  /** The scales as kernels of the codes read them. */
  scalesInF32(): ScalesInF32 {
    const scales = this.#scales;
    if (!("codes" in scales)) return { tensor: scales, [Symbol.dispose]: () => {} };
    const count = Math.ceil(sizeOf(this.form.shape) / this.form.blockSize);
    const label = `${this.#name} scales in F32`;
    const tensor = this.device.allocate([count], "f32", "scratch", label);
    this.device.launch(dequantizeScales, { ...scales, scales: tensor }, { count });
    return { tensor, [Symbol.dispose]: () => tensor[Symbol.dispose]() };
  }

  /** Writes some rows in F32. */
  dequantize({ tensor: scales }: ScalesInF32, { start, count }: RowRange, y: Tensor): void {
    const { shape: [, width], blockSize } = this.form, first = start * width, size = count * width;
    const base = Math.floor(first / alignedValues) * alignedValues, reach = first - base + size;
    this.device.launch(dequantizeFourBit, {
      packed: this.packed.view([Math.ceil(reach / 8)], base / 8),
      values: this.values,
      scales: scales.view([Math.ceil(reach / blockSize)], base / blockSize),
      y,
    }, { size, valueOffset: first - base, blockSize });
  }
}

/** Scales in 8 bits on a device. */
interface NestedScales {
  readonly codes: Tensor;
  readonly map: Tensor;
  /** The scales of 256 scales each, then the offset. */
  readonly nested: Tensor;
}

/** Bytes as words of four, of which the last one may be padded. */
function bytesTensor(owner: Scope, bytes: number, label: string): Tensor {
  const words = Math.ceil(bytes / 4);
  return owner.allocate([words], "u32", "quantized", label, 4 * words - bytes);
}

/** The same bytes where they are whole words, as a matrix's are, and a padded copy elsewhere. */
function wordsOf(bytes: Uint8Array): Uint32Array {
  const { buffer, byteOffset, length } = bytes;
  if (byteOffset % 4 === 0 && length % 4 === 0) {
    return new Uint32Array(buffer, byteOffset, length / 4);
  }
  const words = new Uint32Array(Math.ceil(bytes.length / 4));
  new Uint8Array(words.buffer).set(bytes);
  return words;
}
