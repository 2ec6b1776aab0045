/** GGUF files in memory, as they should be or not. @module */

import { concatenate } from "../fuzz/mutations.ts";

/** The ids of the types of values. */
export const valueTypes = { u32: 4, i32: 5, f32: 6, bool: 7, text: 8, list: 9, u64: 10 } as const;

/** A value with its type; lists name that of their items. */
export type MadeValue =
  | { readonly type: "u32" | "i32" | "f32" | "u64"; readonly value: number | bigint }
  | { readonly type: "bool"; readonly value: number }
  | { readonly type: "text"; readonly value: string }
  | { readonly type: "texts"; readonly value: readonly string[] }
  | { readonly type: "i32s"; readonly value: readonly number[] };

/** A tensor: extents as in the file, innermost first, the id of its type, and its bytes. */
export interface MadeTensor {
  readonly name: string;
  readonly extents: readonly (number | bigint)[];
  readonly type: number;
  readonly bytes: Uint8Array;
  /** Offset in the header. Default: the true one. */
  readonly start?: number | bigint;
}

/** Contents of a file. */
export interface MadeGguf {
  readonly magic?: string;
  readonly version?: number;
  readonly tensorCount?: bigint;
  readonly pairCount?: bigint;
  readonly metadata: readonly (readonly [string, MadeValue | Uint8Array])[];
  readonly tensors: readonly MadeTensor[];
  /** Bytes behind the last tensor. */
  readonly rest?: Uint8Array;
}

/** The bytes of a file; a value may be given as its own bytes, with its type before them. */
export function ggufFile(made: MadeGguf): Uint8Array<ArrayBuffer> {
  const { magic = "GGUF", version = 3, metadata, tensors } = made, align = alignmentOf(metadata);
  const padded = (length: number) => Math.ceil(length / align) * align;
  let end = 0;
  const infos = tensors.map(({ name, extents, type, bytes, start = padded(end) }) => {
    end = padded(end) + bytes.length;
    const axes = extents.map((extent) => u64(extent));
    return concatenate(text(name), u32(extents.length), ...axes, u32(type), u64(start));
  });
  const header = concatenate(
    new TextEncoder().encode(magic),
    u32(version),
    u64(made.tensorCount ?? tensors.length),
    u64(made.pairCount ?? metadata.length),
    ...metadata.flatMap(([key, value]) => [text(key), valueBytes(value)]),
    ...infos,
  );
  const parts: Uint8Array[] = [header];
  let length = header.length;
  for (const { bytes } of tensors) {
    parts.push(new Uint8Array(padded(length) - length), bytes);
    length = padded(length) + bytes.length;
  }
  return concatenate(...parts, made.rest ?? new Uint8Array());
}

/** The alignment in the metadata, if files can be made with it, or else 32. */
function alignmentOf(metadata: MadeGguf["metadata"]): number {
  const found = metadata.find(([key]) => key === "general.alignment")?.[1];
  const alignment = found && "value" in found ? Number(found.value) : 0;
  return alignment > 0 && alignment <= 4096 ? alignment : 32;
}

/** Bytes of an unsigned integer of 32 bits. */
export function u32(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

/** Bytes of an unsigned integer of 64 bits. */
export function u64(value: number | bigint): Uint8Array {
  return new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);
}

/** A text with its length. */
export function text(value: string): Uint8Array {
  const bytes = new TextEncoder().encode(value);
  return concatenate(u64(bytes.length), bytes);
}

function valueBytes(value: MadeValue | Uint8Array): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (value.type === "texts") {
    const head = [u32(valueTypes.list), u32(valueTypes.text), u64(value.value.length)];
    return concatenate(...head, joined(value.value.map(text)));
  }
  if (value.type === "i32s") {
    const head = [u32(valueTypes.list), u32(valueTypes.i32), u64(value.value.length)];
    return concatenate(...head, new Uint8Array(Int32Array.from(value.value).buffer));
  }
  return concatenate(u32(valueTypes[value.type]), scalarBytes(value));
}

/** So many parts that they cannot be arguments. */
function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) whole.set(part, at), at += part.length;
  return whole;
}

function scalarBytes(value: Exclude<MadeValue, { type: "texts" | "i32s" }>): Uint8Array {
  if (value.type === "text") return text(value.value);
  if (value.type === "bool") return Uint8Array.of(value.value);
  if (value.type === "u64") return u64(value.value);
  if (value.type === "f32") return new Uint8Array(Float32Array.of(Number(value.value)).buffer);
  return u32(Number(value.value));
}
