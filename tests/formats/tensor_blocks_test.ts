/** Tensors that are copied from file to file: every byte, or the same values in another type. */

import { assertEquals, assertRejects } from "@std/assert";
import { float32ToBfloat16, float32ToFloat16 } from "../../src/core/float_types.ts";
import type { FloatDtype } from "../../src/core/float_types.ts";
import { decode } from "../../src/formats/safetensors/header.ts";
import { openSafetensors } from "../../src/formats/mod.ts";
import { copiedTensor } from "../../src/formats/safetensors/read.ts";
import { concatenate } from "../fuzz/mutations.ts";
import { rawFile, type RawPart } from "./quantized_files.ts";

/** More than a block of 2^18, whose last one is not full. */
const size = 2 ** 18 + 77;

const values = Float32Array.from({ length: size }, (_, i) => (i % 1000 - 500) / 64);

const partOf = (dtype: string, { buffer }: { readonly buffer: ArrayBufferLike }): RawPart => ({
  dtype,
  bytes: new Uint8Array(buffer),
});

const parts: Readonly<Record<string, RawPart>> = {
  F32: partOf("F32", values),
  F16: partOf("F16", float32ToFloat16(values)),
  BF16: partOf("BF16", float32ToBfloat16(values)),
  F64: partOf("F64", Float64Array.from(values, (value) => value / 3)),
  I64: partOf("I64", BigInt64Array.from({ length: size }, (_, i) => BigInt(i) << 33n)),
  U8: partOf("U8", Uint8Array.from({ length: size }, (_, i) => i)),
};

async function copyOf(key: string, dtype?: FloatDtype, from = parts) {
  using file = await openSafetensors([rawFile(from)]);
  const { pieces, ...copy } = copiedTensor({ action: "cannot copy", file, key, dtype });
  return { ...copy, bytes: concatenate(...await Array.fromAsync(pieces())) };
}

for (const key of Object.keys(parts)) {
  Deno.test(`a tensor of ${key} is copied byte for byte`, async () => {
    assertEquals(await copyOf(key), { shape: [size], ...parts[key] } as never);
    if (["I64", "U8"].includes(key)) assertEquals(await copyOf(key, "F16"), await copyOf(key));
  });
}

Deno.test("floats are copied in another type, rounded", async () => {
  const { dtype, bytes } = await copyOf("F32", "BF16");
  assertEquals({ dtype, bytes }, parts.BF16 as never);
  const wide = await copyOf("BF16", "F32");
  assertEquals(wide.dtype, "F32");
  assertEquals(decode("F32", wide.bytes), decode("BF16", bytes));
  const narrow = await copyOf("F64", "F32");
  assertEquals(decode("F32", narrow.bytes), values.map((value) => value / 3));
});

Deno.test("what is not finite, or too large for the type, is refused by its place and name", async () => {
  const spoiled = values.slice(), large = values.slice();
  spoiled[size - 2] = NaN;
  large[size - 3] = 70000;
  const from = { spoiled: partOf("F32", spoiled), large: partOf("F32", large) };
  await assertRejects(
    () => copyOf("spoiled", undefined, from),
    RangeError,
    `cannot copy "spoiled": values must be finite in F32, found NaN at [${size - 2}]`,
  );
  await assertRejects(
    () => copyOf("large", "F16", from),
    RangeError,
    `cannot copy: the values of "large" must be finite in F16, found 70000 at [${size - 3}]`,
  );
  assertEquals((await copyOf("large", undefined, from)).bytes, from.large.bytes);
});
