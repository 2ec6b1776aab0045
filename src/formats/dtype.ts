/** The dtypes of safetensors files, and converting their bytes to numbers. @module */

import {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
} from "../core/float16.ts";
import type { HostData } from "../core/host_tensor.ts";
import { quote } from "../core/quote.ts";

/** A dtype of the safetensors format. */
export type Dtype =
  | "BOOL"
  | "U8"
  | "I8"
  | "U16"
  | "I16"
  | "F16"
  | "BF16"
  | "U32"
  | "I32"
  | "F32"
  | "U64"
  | "I64"
  | "F64"
  | "C64"
  | "F8_E4M3"
  | "F8_E5M2"
  | "F8_E8M0"
  | "F6_E2M3"
  | "F6_E3M2"
  | "F4";

/** Bits of one element. */
const BITS: Readonly<Record<Dtype, number>> = {
  BOOL: 8,
  U8: 8,
  I8: 8,
  U16: 16,
  I16: 16,
  F16: 16,
  BF16: 16,
  U32: 32,
  I32: 32,
  F32: 32,
  U64: 64,
  I64: 64,
  F64: 64,
  C64: 64,
  F8_E4M3: 8,
  F8_E5M2: 8,
  F8_E8M0: 8,
  F6_E2M3: 6,
  F6_E3M2: 6,
  F4: 4,
};

/** The dtypes that floats can be stored as. */
export type FloatDtype = "F32" | "F16" | "BF16";

/** The dtypes of 16-bit floats. */
export type HalfDtype = Exclude<FloatDtype, "F32">;

/** True for the dtypes of 16-bit floats. */
export const isHalf = (dtype: Dtype): dtype is HalfDtype => dtype === "F16" || dtype === "BF16";

const FLOATS: readonly unknown[] = ["F32", "F16", "BF16"] satisfies FloatDtype[];

/**
 * Throws unless floats can be stored as this dtype.
 *
 * @throws {RangeError} when they cannot.
 */
export function assertFloatDtype(dtype: unknown): void {
  if (FLOATS.includes(dtype)) return;
  throw new RangeError(`dtype must be one of ${FLOATS.join(", ")}, found ${quote(dtype)}`);
}

/** The dtype in which values can be stored as they are in a file: that of all its tensors, or else F32. */
export function floatDtypeOf(tensors: Iterable<{ readonly dtype: Dtype }>): FloatDtype {
  const [dtype, ...others] = new Set(Array.from(tensors, ({ dtype }) => dtype));
  return others.length === 0 && FLOATS.includes(dtype) ? dtype as FloatDtype : "F32";
}

type Bytes = Uint8Array<ArrayBuffer>;

/** True if the format has this dtype. */
export function isDtype(name: unknown): name is Dtype {
  return typeof name === "string" && Object.hasOwn(BITS, name);
}

/** Bits of one element. */
export function bitsOf(dtype: Dtype): number {
  return BITS[dtype];
}

/**
 * Converts little-endian bytes to numbers: floats to F32, integers to 32-bit integers. `bytes` must be
 * aligned for the dtype; for F32, I32 and U32 the result is a view, not a copy.
 *
 * @throws {RangeError} when a 64-bit integer does not fit into 32 bits.
 * @throws {TypeError} when the dtype has no conversion (C64, and floats of fewer than 16 bits).
 */
export function decode(dtype: Dtype, bytes: Bytes): HostData {
  const decoder = DECODERS[dtype];
  if (!decoder) {
    throw new TypeError(`values of type ${dtype} cannot be read as F32 or 32-bit integers`);
  }
  return decoder(bytes);
}

/** The same with 16-bit floats widened into memory that is there already. */
export function decodeInto(
  dtype: Dtype,
  bytes: Bytes,
  memory: Float32Array<ArrayBuffer>,
): HostData {
  if (!isHalf(dtype)) return decode(dtype, bytes);
  const bits = view(Uint16Array, bytes), into = memory.subarray(0, bits.length);
  return dtype === "F16" ? float16ToFloat32(bits, into) : bfloat16ToFloat32(bits, into);
}

/** The bits of 16-bit floats as they are; other values as {@link decode} returns them. */
export function storedBits(dtype: Dtype, bytes: Bytes): HostData {
  return isHalf(dtype) ? view(Uint16Array, bytes) : decode(dtype, bytes);
}

/** The position of the first NaN or infinity, whose exponent has all bits set; -1 if there is none. */
export function nonFiniteBitsAt(bits: Uint16Array, dtype: Dtype): number {
  const exponent = dtype === "BF16" ? 0x7f80 : 0x7c00;
  for (let i = 0; i < bits.length; i++) if ((bits[i] & exponent) === exponent) return i;
  return -1;
}

/** A constructor of typed arrays, as far as {@link view} needs it. */
type ViewOf<T> = new (buffer: ArrayBuffer, offset: number, length: number) => T;

function view<T>(type: ViewOf<T> & { BYTES_PER_ELEMENT: number }, bytes: Bytes): T {
  return new type(bytes.buffer, bytes.byteOffset, bytes.byteLength / type.BYTES_PER_ELEMENT);
}

const DECODERS: Partial<Record<Dtype, (bytes: Bytes) => HostData>> = {
  F32: (bytes) => view(Float32Array, bytes),
  F64: (bytes) => new Float32Array(view(Float64Array, bytes)),
  F16: (bytes) => float16ToFloat32(view(Uint16Array, bytes)),
  BF16: (bytes) => bfloat16ToFloat32(view(Uint16Array, bytes)),
  I32: (bytes) => view(Int32Array, bytes),
  U32: (bytes) => view(Uint32Array, bytes),
  I16: (bytes) => new Int32Array(view(Int16Array, bytes)),
  U16: (bytes) => new Uint32Array(view(Uint16Array, bytes)),
  I8: (bytes) => new Int32Array(view(Int8Array, bytes)),
  U8: (bytes) => new Uint32Array(bytes),
  BOOL: (bytes) => new Uint32Array(bytes),
  I64: (bytes) => narrow(view(BigInt64Array, bytes), new Int32Array(bytes.length / 8)),
  U64: (bytes) => narrow(view(BigUint64Array, bytes), new Uint32Array(bytes.length / 8)),
};

/** Copies 64-bit integers into an array of 32-bit ones. */
function narrow<T extends Int32Array | Uint32Array>(
  from: BigInt64Array | BigUint64Array,
  to: T,
): T {
  for (let index = 0; index < from.length; index++) {
    to[index] = Number(from[index]);
    if (BigInt(to[index]) !== from[index]) {
      throw new RangeError(`a 64-bit integer must fit into 32 bits, found ${from[index]}`);
    }
  }
  return to;
}

/** The dtype that values are stored as: integers and F16 bits unchanged, floats as `float`. */
export function storedDtype(data: HostData, float: FloatDtype): "I32" | "U32" | FloatDtype {
  if (data instanceof Int32Array) return "I32";
  if (data instanceof Uint16Array) return "F16";
  return data instanceof Uint32Array ? "U32" : float;
}

/** Converts numbers to little-endian bytes; the result is a view, not a copy, if nothing changes. */
export function encode(data: HostData, float: FloatDtype): Uint8Array {
  const stored = toStored(data, float);
  return new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength);
}

function toStored(data: HostData, float: FloatDtype): ArrayBufferView {
  if (data instanceof Int32Array || data instanceof Uint32Array) return data;
  if (data instanceof Uint16Array) return data;
  if (float === "F16") return float32ToFloat16(data);
  if (float === "BF16") return float32ToBfloat16(data);
  return data instanceof Float32Array ? data : Float32Array.from(data);
}

/** Numbers as a file holds them: floats rounded to a dtype; the same memory if it holds them as they are. */
export function roundedTo(data: HostData, float: FloatDtype): HostData {
  if (float === "F32" && !(data instanceof Float64Array)) return data;
  return decode(storedDtype(data, float), encode(data, float) as Bytes);
}

/** Whether a dtype holds all of these values exactly. */
export function isExactIn(data: HostData, float: FloatDtype): boolean {
  const stored = roundedTo(data, float);
  return data.every((value, i) => value === stored[i]);
}

/** The change that rounding to a dtype may make: at most a share of a value, or `least` where that is more. */
export interface Rounding {
  /** Half the distance from 1 to the next number. */
  readonly share: number;
  /** Half the smallest positive number. */
  readonly least: number;
}

/** By dtype. */
export const roundings: Readonly<Record<FloatDtype, Rounding>> = {
  F32: { share: 2 ** -24, least: 2 ** -150 },
  F16: { share: 2 ** -11, least: 2 ** -25 },
  BF16: { share: 2 ** -8, least: 2 ** -134 },
};
