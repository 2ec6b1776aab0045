/** Files of weights in 4 bits as anybody might write them. @module */

import { quantizedEntries } from "../../src/formats/four_bit.ts";
import type { QuantizedTensor } from "../../src/quant/mod.ts";

/** A tensor's bytes, as one row of values. */
export interface RawPart {
  readonly dtype: string;
  readonly bytes: Uint8Array;
}

/** The parts of a weight, by their keys, as our own writer makes them. */
export async function rawParts(
  name: string,
  tensor: QuantizedTensor,
): Promise<Record<string, RawPart>> {
  const parts: Record<string, RawPart> = {};
  for (const [key, { dtype, pieces }] of quantizedEntries(name, tensor)) {
    const [bytes] = await Array.fromAsync(pieces());
    parts[key] = { dtype, bytes };
  }
  return parts;
}

const bytesPerValue: Readonly<Record<string, number>> = {
  U8: 1,
  I8: 1,
  BF16: 2,
  F16: 2,
  F32: 4,
  F64: 8,
  I64: 8,
};

/** `model.safetensors` in memory with these parts, without those that are undefined. */
export function rawFile(parts: Readonly<Record<string, RawPart | undefined>>): File {
  const header: Record<string, unknown> = {}, data: Uint8Array<ArrayBuffer>[] = [];
  let end = 0;
  for (const [key, part] of Object.entries(parts)) {
    if (!part) continue;
    const { dtype, bytes } = part, offsets = [end, end += bytes.length];
    header[key] = { dtype, shape: [bytes.length / bytesPerValue[dtype]], data_offsets: offsets };
    data.push(bytes.slice());
  }
  const json = new TextEncoder().encode(JSON.stringify(header)), length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(json.length), true);
  return new File([length, json, ...data], "model.safetensors");
}
