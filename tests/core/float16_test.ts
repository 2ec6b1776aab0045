import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
} from "../../src/core/float_types.ts";

const all = Uint16Array.from({ length: 65536 }, (_, bits) => bits);
const isNaN16 = (bits: number, infinity: number): boolean => (bits & 0x7fff) > infinity;

Deno.test("every F16 pattern survives the way to F32 and back", () => {
  const back = float32ToFloat16(float16ToFloat32(all));
  back.forEach((bits, index) => {
    if (isNaN16(index, 0x7c00)) assert(isNaN16(bits, 0x7c00));
    else assertEquals(bits, index);
  });
});

Deno.test("every BF16 pattern survives the way to F32 and back", () => {
  const back = float32ToBfloat16(bfloat16ToFloat32(all));
  back.forEach((bits, index) => {
    if (isNaN16(index, 0x7f80)) assert(isNaN16(bits, 0x7f80));
    else assertEquals(bits, index);
  });
});

Deno.test("F16 rounds ties to even and overflows to infinity from 65520 on", () => {
  const values = [1 + 2 ** -11, 1 + 3 * 2 ** -11, 65519, 65520, -65520, 2 ** -25, -0];
  const bits = [0x3c00, 0x3c02, 0x7bff, 0x7c00, 0xfc00, 0, 0x8000];
  assertEquals([...float32ToFloat16(values)], bits);
});

Deno.test("BF16 rounds ties to even, overflows to infinity and keeps NaN", () => {
  const values = [1 + 2 ** -8, 1 + 3 * 2 ** -8, 3.4e38, -3.4028234e38, Infinity, -0];
  assertEquals(
    [...float32ToBfloat16(values)],
    [0x3f80, 0x3f82, 0x7f80, 0xff80, 0x7f80, 0x8000],
  );
  const signalling = new Float32Array(Uint32Array.of(0x7f800001, 0xffffffff).buffer);
  for (const bits of float32ToBfloat16(signalling)) assert(isNaN16(bits, 0x7f80));
});

Deno.test("both roundings give the nearest value", () => {
  fc.assert(fc.property(fc.float({ noNaN: true, min: -60000, max: 60000 }), (value) => {
    const [half] = float16ToFloat32(float32ToFloat16([value]));
    const [brain] = bfloat16ToFloat32(float32ToBfloat16([value]));
    assert(Math.abs(half - value) <= Math.max(Math.abs(value) * 2 ** -11, 2 ** -25));
    assert(Math.abs(brain - value) <= Math.max(Math.abs(value) * 2 ** -8, 2 ** -134));
  }));
});
