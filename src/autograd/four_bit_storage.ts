/** A matrix in 4 bits on a device. @module */

import { dequantizeFourBit, dequantizeScales } from "../../kernels/four_bit/kernel.ts";
import type { RowRange } from "../core/row_range.ts";
import { assertShape, sizeOf } from "../core/shape.ts";
import type { Device, Tensor } from "../device/device.ts";
import type { Scope } from "../device/scope.ts";
import { codeValues } from "../quant/codes.ts";
import {
  assertQuantized,
  blockSizes,
  formOf,
  formText,
  type FourBitForm,
  type QuantizedTensor,
  scalesPerBlock,
} from "../quant/quantized_tensor.ts";

/** The scales of all blocks in F32; disposing them frees what was made for it. */
export interface ScalesInF32 extends Disposable {
  /** One for each block. */
  readonly tensor: Tensor;
}

/** Parts of a matrix begin at such values, so that their views are aligned to 256 bytes. */
const alignedValues = 64 * Math.max(...blockSizes);

/** Codes and scales in buffers of the role `quantized`. */
export class FourBitStorage {
  /** How they are stored. */
  readonly form: FourBitForm;
  /** Eight codes a word. */
  readonly packed: Tensor;
  /** The 16 values of the codes. */
  readonly values: Tensor;
  readonly #name: string;
  /** In F32, or in 8 bits with what makes them F32. */
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
