/** The tensors of a weight in 4 bits in bitsandbytes' files. @module */

import {
  assertQuantized,
  codeValues,
  type QuantizedAbsmax,
  type QuantizedTensor,
  scalesPerBlock,
} from "../quant/quantized_tensor.ts";
import type { Dtype, EncodedTensor } from "./safetensors/header.ts";

/** Part of a state's name before the name of the code. */
export const stateMark = ".quant_state.bitsandbytes__";

/** Suffixes that the names of scales and maps add to the name of their weight. */
const partEndings = [".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map"];

/** The name of the weight in 4 bits that a tensor belongs to by its own name; undefined for others. */
export function ownerOf(key: string): string | undefined {
  const state = key.lastIndexOf(stateMark);
  if (state >= 0) return key.slice(0, state);
  const ending = partEndings.find((part) => key.endsWith(part));
  return ending && key.slice(0, -ending.length);
}

/**
 * The tensors by which bitsandbytes and transformers load a weight: packed codes, scales, the values of the
 * codes, and the rest as JSON.
 *
 * @throws {RangeError} As {@link assertQuantized}.
 * @throws {ShapeError} As {@link assertQuantized}.
 */
export function quantizedEntries(
  name: string,
  tensor: QuantizedTensor,
): (readonly [string, EncodedTensor])[] {
  assertQuantized(name, tensor);
  const { packed, absmax, code } = tensor, isNested = !(absmax instanceof Float32Array);
  return [
    [name, encoded("U8", packed, [packed.length, 1])],
    [`${name}.absmax`, isNested ? encoded("U8", absmax.codes) : encoded("F32", absmax)],
    [`${name}.quant_map`, encoded("F32", codeValues(code))],
    ...isNested ? nestedEntries(name, absmax) : [],
    [`${name}${stateMark}${code}`, encoded("U8", stateBytes(tensor))],
  ];
}

const nestedEntries = (name: string, { nested, map }: QuantizedAbsmax) =>
  [
    [`${name}.nested_absmax`, encoded("F32", nested)],
    [`${name}.nested_quant_map`, encoded("F32", map)],
  ] as const;

function encoded(
  dtype: Dtype,
  data: Uint8Array | Float32Array,
  shape: readonly number[] = [data.length],
): EncodedTensor {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return {
    shape,
    dtype,
    pieces: async function* () {
      yield bytes;
    },
  };
}

/** The state as Python writes JSON. */
function stateBytes({ code, blockSize, type, shape, absmax }: QuantizedTensor): Uint8Array {
  const fields = {
    quant_type: code,
    blocksize: blockSize,
    dtype: type,
    shape,
    ...absmax instanceof Float32Array ? {} : {
      nested_blocksize: scalesPerBlock,
      nested_dtype: "float32",
      nested_offset: absmax.offset,
    },
  };
  const texts = Object.entries(fields).map(([name, value]) => `"${name}": ${textOf(value)}`);
  return new TextEncoder().encode(`{${texts.join(", ")}}`);
}

const textOf = (value: string | number | readonly number[]): string =>
  typeof value === "object" ? `[${value.join(", ")}]` : JSON.stringify(value);
