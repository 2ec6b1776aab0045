/** Weights in 4 bits against what bitsandbytes made of the same values; see tests/golden/manifest.json. */

import { assert, assertEquals } from "@std/assert";
import { bfloat16ToFloat32, float32ToBfloat16 } from "../../src/core/float_types.ts";
import { openSafetensors, quantizedNames, readQuantized } from "../../src/formats/mod.ts";
import {
  dequantize,
  type FourBitCode,
  quantize,
  quantizeAbsmax,
  type QuantizedAbsmax,
  type UnquantizedType,
} from "../../src/quant/mod.ts";
import { golden, tensorsOf } from "../support/golden.ts";

const values = await tensorsOf(golden("quantized/values.safetensors"));
using file = await openSafetensors(golden("quantized/states.safetensors"));
const cases = quantizedNames(file.tensors).filter((name) => !name.startsWith("layer."));
const theirs = new Map<string, Awaited<ReturnType<typeof readQuantized>>>();
for (const name of cases) theirs.set(name, await readQuantized(file, name));
const layer = await readQuantized(file, "layer.weight");

/** Weight and options that a case was made from. */
function sourceOf(name: string) {
  const [tensor, code, block, ...marks] = name.split("."), { shape, data } = values.get(tensor)!;
  const type: UnquantizedType = marks.includes("bf16") ? "bfloat16" : "float32";
  const rounded = type === "float32" ? data : bfloat16ToFloat32(float32ToBfloat16(data));
  const doubleQuantization = marks.includes("double");
  const options = { code: code as FourBitCode, blockSize: Number(block), doubleQuantization, type };
  return { weight: { shape, data: rounded }, options };
}

Deno.test("both codes, all blocks and both kinds of scales are there", () => {
  assertEquals(cases.length, 26);
  const part = (at: number) => [...new Set(cases.map((name) => name.split(".")[at]))].sort();
  assertEquals(part(1), ["fp4", "nf4"]);
  assertEquals(part(2), ["1024", "128", "2048", "256", "32", "4096", "512", "64"]);
});

for (const name of cases) {
  Deno.test(`${name}: packed bytes and scales are bitsandbytes' to the bit`, () => {
    const { weight, options } = sourceOf(name), their = theirs.get(name)!;
    const ours = quantize(weight, options);
    assertEquals({ ...ours, absmax: 0 }, { ...their, absmax: 0 });
    if (their.absmax instanceof Float32Array) return assertEquals(ours.absmax, their.absmax);
    const own = ours.absmax as QuantizedAbsmax, { offset } = their.absmax;
    // PyTorch adds in F32, in an order of its own: its mean may be off by a few units in the last place.
    assert(Math.abs(own.offset - offset) <= 4 * 2 ** -24 * offset, `${own.offset}, ${offset}`);
    const { absmax } = quantize(weight, { ...options, doubleQuantization: false });
    assertEquals(quantizeAbsmax(absmax as Float32Array, offset), their.absmax);
  });
}

for (const name of cases.filter((name) => values.has(`dequantized.${name}`))) {
  Deno.test(`${name}: dequantized values are bitsandbytes' to the bit`, () => {
    const { shape, data } = dequantize(theirs.get(name)!), their = theirs.get(name)!;
    const rounded = their.type === "float32" ? data : bfloat16ToFloat32(float32ToBfloat16(data));
    assertEquals({ shape, data: rounded }, values.get(`dequantized.${name}`));
  });
}

Deno.test("the state dict of a Linear4bit is read like the functions' own", () => {
  assertEquals(layer, theirs.get("small.nf4.64.double"));
});
