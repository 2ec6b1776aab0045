import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import {
  openSafetensors,
  quantizedNames,
  readQuantized,
  readSafetensors,
  writeSafetensors,
} from "../../src/formats/mod.ts";
import { Random } from "../../src/core/random.ts";
import { dequantize, quantize, type QuantizedTensor } from "../../src/quant/mod.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { golden } from "../support/golden.ts";
import { rawFile, type RawPart, rawParts } from "./quantized_files.ts";

const name = "h.0.fc.weight";

function weightOf(shape: number[], seed = 1): { shape: number[]; data: Float32Array } {
  const random = new Random(seed), size = shape.reduce((product, extent) => product * extent, 1);
  return { shape, data: Float32Array.from({ length: size }, () => random.normal()) };
}

/** Reads a weight from a file in memory. */
async function readFrom(file: File, allowNonFinite = false): Promise<QuantizedTensor> {
  using opened = await openSafetensors([file], { allowNonFinite });
  return await readQuantized(opened, name);
}

Deno.test("a weight of any code, shape, block and kind of scales is read as it was written", async () => {
  await withFolder((folder) =>
    fc.assert(
      fc.asyncProperty(
        fc.record({
          code: fc.constantFrom("nf4" as const, "fp4" as const),
          blockSize: fc.constantFrom(32, 64, 128, 4096),
          doubleQuantization: fc.boolean(),
          type: fc.constantFrom("float32" as const, "float16" as const, "bfloat16" as const),
        }),
        fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 150 })),
        async (options, shape) => {
          const path = `${folder}/model.safetensors`, weight = quantize(weightOf(shape), options);
          const bias = { shape: [2], data: Float32Array.of(1, 2) };
          await writeSafetensors(path, [[name, weight], ["h.0.fc.bias", bias]], { dtype: "BF16" });
          using file = await openSafetensors(path);
          assertEquals(quantizedNames(file.tensors), [name]);
          assertEquals(await readQuantized(file, name), weight);
          assertEquals(file.tensors.get("h.0.fc.bias")?.dtype, "BF16");
        },
      ),
      { numRuns: 30, seed: 2 },
    )
  );
});

Deno.test("the file of a Linear4bit is written again byte by byte", async () => {
  using theirs = await openSafetensors(golden("quantized/states.safetensors"));
  const layer = await readQuantized(theirs, "layer.weight"), bias = await theirs.read("layer.bias");
  await withFolder(async (folder) => {
    const path = `${folder}/model.safetensors`;
    await writeSafetensors(path, [["layer.weight", layer], ["layer.bias", bias]]);
    using ours = await openSafetensors(path);
    const names = [...theirs.tensors.keys()].filter((key) => key.startsWith("layer."));
    assertEquals([...ours.tensors.keys()].sort(), names.sort());
    for (const key of names) {
      const [a, b] = [ours, theirs].map(({ tensors }) => tensors.get(key)!);
      assertEquals([a.dtype, a.shape], [b.dtype, b.shape], key);
      const [x, y] = await Promise.all(
        [ours, theirs].map((file) => file.readBytes(key, 0, a.bytes)),
      );
      assertEquals(x, y, key);
    }
  });
});

Deno.test("a stored size is that of the format: 4096 x 4096 takes 8.65 MB", async () => {
  const packed = new Uint8Array(2 ** 23), codes = new Uint8Array(2 ** 18);
  const map = quantize(weightOf([1, 64])).absmax as Exclude<
    QuantizedTensor["absmax"],
    Float32Array
  >;
  const absmax = { codes, map: map.map, nested: new Float32Array(2 ** 10), offset: 0 };
  const weight: QuantizedTensor = {
    ...{ shape: [4096, 4096], code: "nf4", blockSize: 64, packed, absmax, type: "float32" },
  };
  await withFolder(async (folder) => {
    const path = `${folder}/model.safetensors`;
    await writeSafetensors(path, [[name, weight]]);
    using file = await openSafetensors(path);
    const sizes = [...file.tensors].filter(([key]) => !key.includes("quant_state"));
    const total = sizes.reduce((sum, [, { bytes }]) => sum + bytes, 0);
    assertEquals(total, 8_388_608 + 262_144 + 4_096 + 64 + 1_024);
  });
});

Deno.test("a tensor that is not in 4 bits, or whose parts do not fit, is not written", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/model.safetensors`, weight = quantize(weightOf([2, 40]));
    const write = (change: Partial<QuantizedTensor>) =>
      assertRejects(() => writeSafetensors(path, [[name, { ...weight, ...change }]]), RangeError);
    const { message } = await write({ packed: weight.packed.subarray(1) });
    assertEquals(
      message,
      `${name} of shape [2, 40] in blocks of 64 needs 40 packed bytes, found 39`,
    );
    await write({ absmax: Float32Array.of(1, Infinity) });
    await write({ blockSize: 16 });
    const twice = [[name, weight], [`${name}.absmax`, { shape: [1], data: Float32Array.of(1) }]];
    await assertRejects(
      () => writeSafetensors(path, twice as [string, QuantizedTensor][]),
      RangeError,
      `names must be unique and not __metadata__, found "${name}.absmax"`,
    );
    assertEquals(Array.from(Deno.readDirSync(folder)), []);
  });
});

const good = quantize(weightOf([3, 50])), parts = await rawParts(name, good);
const state = JSON.parse(
  new TextDecoder().decode(parts[`${name}.quant_state.bitsandbytes__nf4`].bytes),
);
const stateKey = `${name}.quant_state.bitsandbytes__nf4`;
const text = (value: unknown): RawPart => ({
  dtype: "U8",
  bytes: new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value)),
});
const floats = (...values: number[]): RawPart => ({
  dtype: "F32",
  bytes: new Uint8Array(Float32Array.from(values).buffer),
});
const withState = (change: object) => ({ [stateKey]: text({ ...state, ...change }) });
const without = (...keys: string[]) => ({
  [stateKey]: text(
    Object.fromEntries(Object.entries(state).filter(([key]) => !keys.includes(key))),
  ),
});
const map = Array.from(new Float32Array(parts[`${name}.quant_map`].bytes.slice().buffer));
const nestedMap = Array.from(
  new Float32Array(parts[`${name}.nested_quant_map`].bytes.slice().buffer),
);

const hostile: [what: string, change: Record<string, RawPart | undefined>, sentence: string][] = [
  [
    "no state",
    { [stateKey]: undefined },
    "it needs a part .quant_state.bitsandbytes__nf4 or fp4, found none",
  ],
  [
    "two states",
    { [`${name}.quant_state.bitsandbytes__fp4`]: parts[stateKey] },
    "it must have one state, found .quant_state.bitsandbytes__nf4 and .quant_state.bitsandbytes__fp4",
  ],
  [
    "another code",
    { [stateKey]: undefined, [`${name}.quant_state.bitsandbytes__int4`]: parts[stateKey] },
    'its code must be nf4 or fp4, found "int4"',
  ],
  [
    "a code that the name denies",
    withState({ quant_type: "fp4" }),
    'quant_type must be nf4, found "fp4"',
  ],
  [
    "a truncated state",
    { [stateKey]: text(JSON.stringify(state).slice(0, 60)) },
    "its state must be JSON, found bytes that are not (",
  ],
  ["Python's NaN", {
    [stateKey]: text(
      JSON.stringify(state).replace(/"nested_offset":[^}]*/, '"nested_offset": NaN'),
    ),
  }, "its state must be JSON, found bytes that are not ("],
  ["a list", { [stateKey]: text([1]) }, "its state must be a JSON object, found another value"],
  [
    "a state of other bytes",
    { [stateKey]: { dtype: "I8", bytes: parts[stateKey].bytes } },
    "must be U8, found I8 of shape [",
  ],
  [
    "a huge state",
    { [stateKey]: text(" ".repeat(2 ** 16 + 1)) },
    "its state has at most 65536 bytes, found 65537",
  ],
  ["an unknown field", withState({ zero_point: 3 }), 'nested_offset, found "zero_point"'],
  [
    "a block that is not allowed",
    withState({ blocksize: 48 }),
    "blocksize must be one of 32, 64, 128, 256, 512, 1024, 2048, 4096, found 48",
  ],
  ["a block as text", withState({ blocksize: "64" }), '4096, found "64"'],
  ["no block", without("blocksize"), "4096, found nothing"],
  [
    "an unknown type",
    withState({ dtype: "float64" }),
    'dtype must be one of float32, float16, bfloat16, found "float64"',
  ],
  [
    "a shape that is none",
    withState({ shape: [3, -50] }),
    "shape must be whole numbers from 0, found [3,-50]",
  ],
  ["no shape", withState({ shape: null }), "shape must be whole numbers from 0, found null"],
  ["an odd length", withState({ shape: [3, 51] }), "[3, 51] in 4 bits needs 77 bytes, found 75"],
  [
    "a shape of 2^80",
    withState({ shape: [2 ** 40, 2 ** 40] }),
    "[1099511627776, 1099511627776] in 4 bits needs ",
  ],
  [
    "a truncated weight",
    { [name]: { dtype: "U8", bytes: good.packed.subarray(1) } },
    "[3, 50] in 4 bits needs 75 bytes, found 74",
  ],
  ["no weight", { [name]: undefined }, `it needs "${name}", found none`],
  ["other blocks", withState({ blocksize: 32 }), ".absmax must be 5 of U8, found U8 of shape [3]"],
  [
    "scales in F32 and a nested state",
    { [`${name}.absmax`]: floats(1, 2, 3) },
    ".absmax must be 3 of U8, found F32 of shape [3]",
  ],
  ["no scales", { [`${name}.absmax`]: undefined }, `it needs "${name}.absmax", found none`],
  [
    "too many nested scales",
    { [`${name}.nested_absmax`]: floats(1, 2) },
    ".nested_absmax must be 1 of F32, found F32 of shape [2]",
  ],
  [
    "no nested scales",
    { [`${name}.nested_absmax`]: undefined },
    `it needs "${name}.nested_absmax", found none`,
  ],
  [
    "a nested state of other blocks",
    withState({ nested_blocksize: 128 }),
    "nested_blocksize must be 256, found 128",
  ],
  [
    "a nested state of another type",
    withState({ nested_dtype: "float16" }),
    'nested_dtype must be float32, found "float16"',
  ],
  [
    "an offset as text",
    withState({ nested_offset: "1" }),
    'nested_offset must be finite in F32, found "1"',
  ],
  [
    "an offset beyond F32",
    withState({ nested_offset: 1e39 }),
    "nested_offset must be finite in F32, found 1e+39",
  ],
  [
    "half a nested state",
    without("nested_offset", "nested_dtype"),
    "nested_dtype must be float32, found nothing",
  ],
  [
    "scales in 8 bits and a plain state",
    without("nested_offset", "nested_dtype", "nested_blocksize"),
    "nested_blocksize must be 256, found nothing",
  ],
  [
    "values of another code",
    { [`${name}.quant_map`]: floats(...map.with(3, -0.25)) },
    ".quant_map must have -0.39491748809814453 at [3], as bitsandbytes has, found -0.25",
  ],
  [
    "values that are no numbers",
    { [`${name}.quant_map`]: floats(...map.with(15, NaN)) },
    "values must be finite in F32, found NaN at [15]",
  ],
  [
    "15 values",
    { [`${name}.quant_map`]: floats(...map.slice(1)) },
    ".quant_map must be 16 of F32, found F32 of shape [15]",
  ],
  ["another map of scales", {
    [`${name}.nested_quant_map`]: floats(...nestedMap.map((value) => value / 2)),
  }, ".nested_quant_map must have -0.99"],
  [
    "a nested scale that is infinite",
    { [`${name}.nested_absmax`]: floats(Infinity) },
    "values must be finite in F32, found Infinity at [0]",
  ],
];

for (const [what, change, sentence] of hostile) {
  Deno.test(`a file with ${what} is refused in one sentence`, async () => {
    const error = await assertRejects(() => readFrom(rawFile({ ...parts, ...change })));
    assert(error instanceof SyntaxError || error instanceof RangeError, `${error}`);
    assert(error.message.includes(sentence), error.message);
    assert(error.message.startsWith("cannot read "), error.message);
    assert(error.message.includes(name) && !error.message.includes("\n"), error.message);
  });
}

Deno.test("scales that are not finite are refused whatever the reader allows", async () => {
  const plain = await rawParts(name, quantize(weightOf([3, 50]), { doubleQuantization: false }));
  const spoiled = { ...plain, [`${name}.absmax`]: floats(1, NaN, 1) };
  const place = "values must be finite in F32, found NaN at [1]";
  await assertRejects(() => readFrom(rawFile(spoiled)), RangeError, place);
  const other = `the scales of ${name} must be finite, found NaN at [1]`;
  await assertRejects(() => readFrom(rawFile(spoiled), true), RangeError, other);
});

Deno.test("a weight may be stored as any type, its map may differ in the last bits, its offset in F64", async () => {
  const even = quantize(weightOf([4, 50])), raw = await rawParts(name, even);
  const asHalf = { ...raw, [name]: { dtype: "BF16", bytes: even.packed } };
  assertEquals(await readFrom(rawFile(asHalf)), even);
  const near = nestedMap.map((value) => value * (1 + 2e-7));
  const read = await readFrom(
    rawFile({
      ...raw,
      [`${name}.nested_quant_map`]: floats(...near),
      [stateKey]: text({ ...state, shape: [4, 50], nested_offset: 0.1 }),
    }),
  );
  const { map, offset } = read.absmax as Exclude<QuantizedTensor["absmax"], Float32Array>;
  assertEquals([map, offset], [Float32Array.from(near), Math.fround(0.1)]);
  assert(dequantize(read).data.every(Number.isFinite));
});

Deno.test("a file in 4 bits is also a file of tensors", async () => {
  const { tensors } = await readSafetensors([rawFile(parts)]);
  assertEquals(tensors.get(name), { shape: [75], data: Uint32Array.from(good.packed) });
});
