import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { evaluateFormula } from "../../src/accounting/mod.ts";
import { ShapeError } from "../../src/core/errors.ts";
import type { HostTensor } from "../../src/core/tensor.ts";
import { mean } from "../../src/core/numbers.ts";
import { Random } from "../../src/core/random.ts";
import {
  codeValues,
  dequantize,
  dynamicMap,
  quantize,
  quantizeAbsmax,
  type QuantizedAbsmax,
  type QuantizedTensor,
  type QuantizeOptions,
  scalesOf,
} from "../../src/quant/mod.ts";

const plain = { doubleQuantization: false } as const;

function normal(seed: number, shape: number[], scale = 1): HostTensor {
  const random = new Random(seed), size = shape.reduce((product, extent) => product * extent, 1);
  return { shape, data: Float32Array.from({ length: size }, () => scale * random.normal()) };
}

const row = (...values: number[]): HostTensor => ({
  shape: [1, values.length],
  data: Float32Array.from(values),
});

/** Without the offset of scales in 8 bits, four bytes. */
const bytesOf = ({ packed, absmax }: QuantizedTensor) =>
  packed.length +
  (absmax instanceof Float32Array
    ? absmax.byteLength
    : absmax.codes.length + absmax.nested.byteLength);

/** ‖x − y‖ / ‖x‖. */
function relativeError({ data: x }: HostTensor, { data: y }: HostTensor): number {
  let error = 0, norm = 0;
  for (let i = 0; i < x.length; i++) {
    error += (x[i] - y[i]) ** 2;
    norm += x[i] ** 2;
  }
  return Math.sqrt(error / norm);
}

Deno.test("the vector that bitsandbytes' functions were run on gives its bytes", () => {
  const data = Float32Array.from({ length: 128 }, (_, i) => ((37 * i) % 101 - 50) / 50);
  const quantized = quantize({ shape: [128], data }, plain);
  assertEquals(
    quantized.packed.toHex(),
    "04c16e29f3b05d17e29f3c05d18e2af4c16e18e3b05d17e29f3b05d18e2af4c1" +
      "6d18e3b04c17e29f3b05d17e2af4c06d18e2a04c16e29f3b05d17e29f3c05d18",
  );
  assertEquals(quantized.absmax, Float32Array.of(1, 1));
  const { data: values } = dequantize(quantized);
  const first = Float32Array.of(-1, -0.28444138, 0.44070983, -0.6961928);
  assertEquals(values.subarray(0, 4), first);
  const errors = Array.from(data, (value, i) => Math.abs(value - values[i]));
  assertAlmostEquals(Math.max(...errors), 0.143807, 5e-7);
  assertAlmostEquals(mean(errors.map((error) => error ** 2)), 0.00284096, 5e-9);
});

Deno.test("bitsandbytes' own test: the mean errors of normal matrices in blocks of 64", () => {
  // test_4bit_quant of bitsandbytes 0.50.2: 0.072798 with a deviation of 0.000074, relative 0.203339 + 0.001
  const results = [1, 2, 3, 4].map((seed) => {
    const weight = normal(seed, [1024, 1024]), { data } = dequantize(quantize(weight, plain));
    const errors = weight.data.map((value, i) => Math.abs(value - data[i]));
    let error = 0, relative = 0;
    errors.forEach((difference, i) => {
      error += difference / errors.length;
      relative += difference / (Math.abs(weight.data[i]) + 1e-8) / errors.length;
    });
    return { error, relative };
  });
  assertAlmostEquals(mean(results.map(({ error }) => error)), 0.072798, 0.000074);
  for (const { error, relative } of results) {
    assertAlmostEquals(error, 0.072798, 4 * 0.000074);
    assertAlmostEquals(relative, 0.203339, 0.001);
  }
});

Deno.test("the error of normal values grows with the block as it does in bitsandbytes", () => {
  // bitsandbytes 0.50.2 on torch.randn(2048, 2048) of seed 0, doubly quantized; neighboring blocks differ by 0.003
  const errors = { 32: 0.0873, 64: 0.0920, 128: 0.0956, 256: 0.0987, 4096: 0.1101 };
  const weight = normal(5, [1024, 1024]);
  for (const [size, expected] of Object.entries(errors)) {
    const { data } = dequantize(quantize(weight, { blockSize: Number(size) }));
    assertAlmostEquals(relativeError(weight, { ...weight, data }), expected, 0.001, size);
  }
});

Deno.test("double quantization takes 4.127 bits a value, as the formula says", () => {
  const weight = normal(1, [256, 1024]), values = 256 * 1024;
  const bits = (options: QuantizeOptions) => 8 * bytesOf(quantize(weight, options)) / values;
  assertEquals(bits(plain), 4.5);
  assertEquals(bits({}).toFixed(3), "4.127");
  const expected: [number, string][] = [[32, "4.254"], [128, "4.063"], [256, "4.032"]];
  for (const [blockSize, text] of expected) assertEquals(bits({ blockSize }).toFixed(3), text);
  const sizes = { P_q: values, B_q: 64 };
  assertEquals(BigInt(bytesOf(quantize(weight, plain))), evaluateFormula("frozenBytesNf4", sizes));
  const nested = evaluateFormula("frozenBytesNf4Double", { ...sizes, B_s: 256 });
  assertEquals(BigInt(bytesOf(quantize(weight)) + 4), nested);
});

Deno.test("scales in 8 bits are off by 0.16% in the mean", () => {
  const weight = normal(9, [1024, 1024]), scales = scalesOf(quantize(weight, plain));
  const rounded = scalesOf(quantize(weight));
  const errors = Array.from(scales, (scale, i) => Math.abs(rounded[i] - scale) / scale);
  assertAlmostEquals(mean(errors), 0.0016, 0.0001);
  assert(Math.max(...errors) < 0.015);
});

Deno.test("the maps are those that bitsandbytes gives", () => {
  const map = dynamicMap();
  assertEquals(map.length, 256);
  const known: [number, number][] = [
    ...[[0, -0.9929687], [64, -0.0985937], [126, -5.5e-7], [127, 0], [128, 5.5e-7]],
    ...[[191, 0.10703126], [254, 0.9929687], [255, 1]],
  ] as [number, number][];
  for (const [code, value] of known) assertAlmostEquals(map[code], value, 1e-6 * Math.abs(value));
  assertEquals([...map], [...map].sort((a, b) => a - b));
  assertEquals(Array.from(codeValues("fp4"), (value) => Math.round(12 * 16 * value)), [
    ...[0, 1, 128, 192, 64, 96, 32, 48],
    ...[0, -1, -128, -192, -64, -96, -32, -48],
  ]);
});

Deno.test("the table of NF4 is what the paper's quantiles give", () => {
  // Probabilities from 0.9677083 to 0.5: nine, and eight for the negative side, without the last.
  const quantilesOf = (count: number) =>
    Array.from(
      { length: count - 1 },
      (_, i) => normalQuantile(0.9677083 - (0.9677083 - 0.5) * i / (count - 1)),
    );
  const values = [...quantilesOf(9), 0, ...quantilesOf(8).map((x) => -x)].sort((a, b) => a - b);
  const largest = Math.max(...values);
  codeValues("nf4").forEach((value, i) => assertAlmostEquals(value, values[i] / largest, 1e-6));
});

/** The x below which a normal variable is with probability p, by bisection on a sum of the density. */
function normalQuantile(p: number): number {
  let low = 0, high = 4;
  for (let step = 0; step < 40; step++) {
    const middle = (low + high) / 2;
    if (0.5 + integral(middle) < p) low = middle;
    else high = middle;
  }
  return low;
}

/** ∫ of the normal density from 0 to x, by Simpson's rule. */
function integral(x: number): number {
  const steps = 200, density = (t: number) => Math.exp(-t * t / 2) / Math.sqrt(2 * Math.PI);
  let sum = density(0) + density(x);
  for (let i = 1; i < steps; i++) sum += (i % 2 ? 4 : 2) * density(x * i / steps);
  return sum * x / steps / 3;
}

Deno.test("an odd number of values is padded with the code of 0", () => {
  const { packed, absmax } = quantize(row(0.5, -0.25, 0.125), plain);
  assertEquals([...packed], [242, 167]);
  assertEquals(absmax, Float32Array.of(0.5));
  assertEquals([...quantize(row(1), { ...plain, code: "fp4" }).packed], [0x30]);
});

Deno.test("a middle between two values of a code belongs to the smaller one", () => {
  const values = codeValues("nf4");
  const middles = Array.from(values.subarray(1), (value, i) => Math.fround(values[i] + value) / 2);
  const data = Float32Array.from([...middles, 1]);
  const { packed } = quantize({ shape: [16], data }, { ...plain, blockSize: 32 });
  assertEquals(packed.toHex(), "0123456789abcdef");
});

Deno.test("zeros stay zeros and a constant stays itself, whatever the code and the block", () => {
  const shapes = [[1], [31], [32], [33], [64], [5, 13], [3, 4096]];
  for (const code of ["nf4", "fp4"] as const) {
    for (const blockSize of [32, 64, 4096]) {
      for (const shape of shapes) {
        const size = shape.reduce((product, extent) => product * extent, 1);
        for (const options of [{ code, blockSize }, { code, blockSize, ...plain }]) {
          const of = (value: number) =>
            dequantize(quantize({ shape, data: new Float32Array(size).fill(value) }, options)).data;
          // bitsandbytes' least divisor stays in the scale of a short block; zero times it is zero.
          assertEquals(of(0).every((value) => value === 0), true);
          assertEquals(of(3).every((value) => value === 3), true, `${code} ${blockSize} ${shape}`);
        }
      }
    }
  }
});

Deno.test("quantizing again what was dequantized changes no code", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("nf4", "fp4") as fc.Arbitrary<"nf4" | "fp4">,
      fc.constantFrom(32, 64, 256),
      fc.integer({ min: 1, max: 700 }),
      fc.integer({ min: 0, max: 1000 }),
      (code, blockSize, size, seed) => {
        const options = { code, blockSize, ...plain };
        const once = quantize(normal(seed, [size]), options);
        assertEquals(dequantize(quantize(dequantize(once), options)), dequantize(once));
      },
    ),
    { numRuns: 100, seed: 17 },
  );
});

Deno.test("every value is within half a gap of the code, times its block's scale", () => {
  fc.assert(
    fc.property(fc.constantFrom(32, 128), fc.integer({ min: 1, max: 999 }), (blockSize, seed) => {
      const weight = normal(seed, [seed], 1e-3),
        quantized = quantize(weight, { ...plain, blockSize });
      const { data } = dequantize(quantized), scales = scalesOf(quantized);
      for (let i = 0; i < data.length; i++) {
        const gap = 0.30381 / 2 * scales[Math.floor(i / blockSize)]; // between -1 and -0.696
        assert(Math.abs(data[i] - weight.data[i]) <= gap, `${i}`);
      }
    }),
    { numRuns: 60, seed: 5 },
  );
});

Deno.test("values of every magnitude of F32 are rounded to the same codes", () => {
  const weight = normal(3, [4, 64]), codes = quantize(weight, plain).packed;
  for (const power of [-120, -100, 0, 100, 120]) {
    const scaled = { ...weight, data: weight.data.map((value) => value * 2 ** power) };
    assertEquals(quantize(scaled, plain).packed, codes, `2^${power}`);
  }
  const { data } = dequantize(quantize(row(1e-45, -1e-45, 0), plain));
  assert(data.every((value) => Math.abs(value) <= 1e-38)); // below the least divisor: as good as zero
});

Deno.test("scales are quantized around any offset", () => {
  const absmax = normal(4, [600]).data.map((value) => 2 + value / 8) as Float32Array;
  const own = quantizeAbsmax(absmax), given = quantizeAbsmax(absmax, 1.5);
  assertAlmostEquals(own.offset, 2, 0.02);
  assertEquals([own.codes.length, own.nested.length], [600, 3]);
  assertEquals(given.offset, 1.5);
  const tensor = (absmax: QuantizedAbsmax): QuantizedTensor => ({
    ...quantize(normal(1, [600, 32]), { blockSize: 32 }),
    absmax,
  });
  for (const part of [own, given]) {
    const errors = scalesOf(tensor(part)).map((scale, i) => scale - absmax[i]);
    assert(errors.every((error) => Math.abs(error) < 0.02));
  }
});

Deno.test("what cannot be quantized is refused", () => {
  const weight = row(1, 2, 3);
  const cases: [() => unknown, new () => Error, string][] = [
    [
      () => quantize(weight, { blockSize: 48 }),
      RangeError,
      "the block size of quantize must be one of 32, 64, 128, 256, 512, 1024, 2048, 4096, found 48",
    ],
    [
      () => quantize(weight, { code: "int4" as "nf4" }),
      RangeError,
      'the code of quantize must be one of nf4, fp4, found "int4"',
    ],
    [
      () => quantize(weight, { doubleQuantization: "no" as unknown as boolean }),
      RangeError,
      'the double quantization of quantize must be one of true, false, found "no"',
    ],
    [
      () => quantize(weight, { doubleQuantization: null as unknown as boolean }),
      RangeError,
      "the double quantization of quantize must be one of true, false, found null",
    ],
    [
      () => quantize(weight, { type: "float64" as "float32" }),
      RangeError,
      'the type of quantize must be one of float32, float16, bfloat16, found "float64"',
    ],
    [
      () => quantize(weight, { blocksize: 64 } as QuantizeOptions),
      TypeError,
      "the options of quantize are code, blockSize, doubleQuantization, type; found " +
      '"blocksize" (did you mean blockSize?)',
    ],
    [
      () => quantize({ shape: [2, 2], data: Float32Array.of(1, 2, NaN, 4) }),
      RangeError,
      "values to quantize must be finite in F32, found NaN at [1, 0]",
    ],
    [() => quantize(row(1, -Infinity)), RangeError, "found -Infinity at [0, 1]"],
    [
      () => quantize({ shape: [1], data: Float64Array.of(1e39) }),
      RangeError,
      "values to quantize must be finite in F32, found 1e+39 at [0]",
    ],
    [
      () => quantize({ shape: [0, 3], data: new Float32Array() }),
      RangeError,
      "a tensor to quantize must have values, found shape [0, 3]",
    ],
    [
      () => quantize({ shape: [1], data: Uint16Array.of(15360) }),
      TypeError,
      "values to quantize must be floats, found a Uint16Array",
    ],
    [
      () => quantize({ shape: [2], data: Float32Array.of(1) }),
      ShapeError,
      "a host tensor of shape [2] needs 2 values, found 1",
    ],
  ];
  for (const [act, type, sentence] of cases) assertThrows(act, type, sentence);
});

Deno.test("parts that do not fit each other are not dequantized", () => {
  const good = quantize(normal(1, [3, 50])), absmax = good.absmax as QuantizedAbsmax;
  const cases: [Partial<QuantizedTensor>, string][] = [
    [
      { packed: new Uint8Array(74) },
      "of shape [3, 50] in blocks of 64 needs 75 packed bytes, found 74",
    ],
    [{ shape: [3, 51] }, "of shape [3, 51] in blocks of 64 needs 77 packed bytes, found 75"],
    [{ blockSize: 32 }, "needs 5 scales, found 3"],
    [{ blockSize: 100 }, "the block size of a quantized tensor must be one of 32, 64"],
    [
      { code: "af4" as "nf4" },
      'the code of a quantized tensor must be one of nf4, fp4, found "af4"',
    ],
    [{ absmax: new Float32Array(2) }, "needs 3 scales, found 2"],
    [{ absmax: Float32Array.of(1, NaN, 1) }, "must be finite, found NaN at [1]"],
    [{ absmax: { ...absmax, nested: new Float32Array(2) } }, "needs 1 nested scales, found 2"],
    [{ absmax: { ...absmax, map: new Float32Array(16) } }, "needs 256 values in the map of scales"],
    [{ absmax: { ...absmax, offset: Infinity } }, "must be finite, found Infinity at [0]"],
    [
      {
        absmax: {
          ...absmax,
          offset: 3e38,
          nested: Float32Array.of(3e38),
          codes: new Uint8Array(3).fill(255),
        },
      },
      "the scales of a quantized tensor must be finite, found Infinity at [0]",
    ],
  ];
  for (const [change, sentence] of cases) {
    assertThrows(() => dequantize({ ...good, ...change }), RangeError, sentence);
  }
});

Deno.test("values that are rounded in several parts have the bytes of these parts, with one mean of scales", () => {
  const random = new Random(9), size = 2 ** 16 + 2 * 4096 + 77;
  const data = Float32Array.from({ length: size }, () => random.normal());
  const plain = { blockSize: 4096, doubleQuantization: false };
  const of = (values: Float32Array) => quantize({ shape: [values.length], data: values }, plain);
  const whole = of(data), parts = [data.subarray(0, 2 ** 16), data.subarray(2 ** 16)].map(of);
  assertEquals(whole.packed, Uint8Array.from(parts.flatMap(({ packed }) => [...packed])));
  const scales = parts.flatMap(({ absmax }) => [...absmax as Float32Array]);
  assertEquals(whole.absmax, Float32Array.from(scales));
  const { absmax } = quantize({ shape: [size], data }, { blockSize: 4096 });
  assertEquals(absmax, quantizeAbsmax(Float32Array.from(scales)));
});
