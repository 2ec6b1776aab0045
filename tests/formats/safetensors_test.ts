import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import {
  type FloatDtype,
  type HostTensor,
  openSafetensors,
  type ReadOptions,
  readSafetensors,
  type WriteOptions,
  writeSafetensors,
} from "../../src/formats/mod.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { canLimitFiles, runWithFileLimit } from "../support/full_disk.ts";

const golden = new URL("../golden/", import.meta.url).pathname;

/** Writes a file of one tensor `x` from bytes of any type, past our own writer. */
async function writeRaw(path: string, dtype: string, data: ArrayBufferView, shape: number[]) {
  const offsets = [0, data.byteLength];
  const json = new TextEncoder().encode(
    JSON.stringify({ x: { dtype, shape, data_offsets: offsets } }),
  );
  const length = new Uint8Array(new BigUint64Array([BigInt(json.length)]).buffer);
  const values = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  await Deno.writeFile(path, new Blob([length, json, values]).stream());
}

async function readRaw(
  dtype: string,
  data: ArrayBufferView,
  shape: number[],
  options: ReadOptions = {},
) {
  let tensor: HostTensor | undefined;
  await withFolder(async (folder) => {
    await writeRaw(`${folder}/x.safetensors`, dtype, data, shape);
    using file = await openSafetensors(`${folder}/x.safetensors`, options);
    tensor = await file.read("x");
  });
  return tensor!;
}

Deno.test("reads every type as F32 or 32-bit integers", async () => {
  const cases: [string, ArrayBufferView, HostTensor["data"]][] = [
    ["F64", Float64Array.of(0.1, -2), Float32Array.of(0.1, -2)],
    ["F32", Float32Array.of(0.1, NaN), Float32Array.of(0.1, NaN)],
    ["F16", Uint16Array.of(0x3e00, 0xfc00), Float32Array.of(1.5, -Infinity)],
    ["BF16", Uint16Array.of(0x3fc0, 0x8000), Float32Array.of(1.5, -0)],
    ["I64", BigInt64Array.of(-1n, 2147483647n), Int32Array.of(-1, 2147483647)],
    ["I32", Int32Array.of(-7, 7), Int32Array.of(-7, 7)],
    ["I16", Int16Array.of(-7, 7), Int32Array.of(-7, 7)],
    ["I8", Int8Array.of(-7, 7), Int32Array.of(-7, 7)],
    ["U64", BigUint64Array.of(0n, 4294967295n), Uint32Array.of(0, 4294967295)],
    ["U32", Uint32Array.of(0, 4294967295), Uint32Array.of(0, 4294967295)],
    ["U16", Uint16Array.of(0, 65535), Uint32Array.of(0, 65535)],
    ["U8", Uint8Array.of(0, 255), Uint32Array.of(0, 255)],
    ["BOOL", Uint8Array.of(0, 1), Uint32Array.of(0, 1)],
  ];
  for (const [dtype, bytes, data] of cases) {
    const read = await readRaw(dtype, bytes, [2, 1], { allowNonFinite: true });
    assertEquals(read, { shape: [2, 1], data });
  }
});

Deno.test("a value that is not finite in F32 is refused by its tensor, its place and itself", async () => {
  const cases: [dtype: string, ArrayBufferView, found: string][] = [
    ["F32", Float32Array.of(0, 1, 2, NaN, 4, NaN), "NaN at [1, 1]"],
    ["F16", Uint16Array.of(0, 0xfc00, 0, 0, 0, 0), "-Infinity at [0, 1]"],
    ["BF16", Uint16Array.of(0, 0, 0, 0, 0, 0x7f80), "Infinity at [2, 1]"],
    ["F64", Float64Array.of(0, 0, 1e39, 0, 0, 0), "1e+39 at [1, 0]"],
  ];
  for (const [dtype, bytes, found] of cases) {
    const error = await assertRejects(() => readRaw(dtype, bytes, [3, 2]), RangeError);
    assertStringIncludes(error.message, 'cannot read "x" of ');
    assertStringIncludes(error.message, `: values must be finite in F32, found ${found}`);
  }
  await readRaw("F32", new Float32Array(6).fill(3.4e38), [3, 2]);
});

Deno.test("a tensor of more bytes than any has is refused before memory is asked for", () =>
  withFolder(async (folder) => {
    const path = `${folder}/x.safetensors`, bytes = 4 * 2 ** 38;
    const offsets = `"data_offsets":[0,${bytes}]`;
    const header = `{"x":{"dtype":"F32","shape":[${2 ** 38}],${offsets}}}`.padEnd(80);
    const start = new Uint8Array(88).fill(0, 0, 8);
    start[0] = 80;
    start.set(new TextEncoder().encode(header), 8);
    await Deno.writeFile(path, start);
    await Deno.truncate(path, 88 + bytes);
    using file = await openSafetensors(path);
    await assertRejects(
      () => file.read("x"),
      RangeError,
      `cannot read "x" of ${path}: it may have at most ${2 ** 34} bytes, found ${bytes}`,
    );
  }));

Deno.test("64-bit integers that do not fit, and types without conversion, are refused", async () => {
  const big = BigInt64Array.of(1n, 2n ** 31n);
  await assertRejects(
    () => readRaw("I64", big, [2]),
    RangeError,
    "a 64-bit integer must fit into 32 bits, found 2147483648",
  );
  await assertRejects(() => readRaw("F8_E4M3", new Uint8Array(2), [2]), TypeError, "F8_E4M3");
});

Deno.test("what is written is read: names, shapes, values and metadata", () => {
  const value = fc.float({ noDefaultInfinity: true, noNaN: true });
  const tensor = fc.tuple(fc.nat(3), fc.nat(4), fc.nat(2)).chain(([rows, columns, kind]) => {
    const size = { minLength: rows * columns, maxLength: rows * columns };
    const integer = fc.array(fc.integer(), size);
    const data = [
      fc.array(value, size).map((values) => Float32Array.from(values)),
      integer.map((values) => Int32Array.from(values)),
      integer.map((values) => Uint32Array.from(values)),
    ][kind];
    return data.map((data): HostTensor => ({ shape: [rows, columns], data }));
  });
  const files = fc.dictionary(fc.string({ unit: "grapheme" }), tensor, { maxKeys: 6 });
  const metadata = fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 });
  return withFolder((folder) =>
    fc.assert(
      fc.asyncProperty(files, metadata, async (tensors, metadata) => {
        const path = `${folder}/x.safetensors`;
        await writeSafetensors(path, Object.entries(tensors), { metadata });
        const read = await readSafetensors(path);
        assertEquals(read.metadata, { ...metadata });
        assertEquals(Object.fromEntries(read.tensors), { ...tensors });
      }),
      { numRuns: 40 },
    )
  );
});

Deno.test("F16 and BF16 files hold the rounded values", () =>
  withFolder(async (folder) => {
    const path = `${folder}/x.safetensors`;
    const data = Float32Array.of(1 + 2 ** -11, 70000, -0.1, NaN);
    const expected: Record<FloatDtype, number[]> = {
      F32: [...data],
      F16: [1, Infinity, -0.0999755859375, NaN],
      BF16: [1, 70144, -0.10009765625, NaN],
    };
    for (const dtype of ["F32", "F16", "BF16"] as const) {
      await writeSafetensors(path, [["x", { shape: [4], data }]], { dtype, allowNonFinite: true });
      using file = await openSafetensors(path, { allowNonFinite: true });
      assertEquals(file.tensors.get("x")?.dtype, dtype);
      assertEquals([...(await file.read("x")).data], expected[dtype]);
    }
    await writeSafetensors(path, [["x", { shape: [2], data: Float64Array.of(0.1, 1) }]]);
    const { tensors } = await readSafetensors(path);
    assertEquals(tensors.get("x")?.data, Float32Array.of(0.1, 1));
  }));

Deno.test("bits of F16 values are stored as F16, whatever type real numbers are asked for", () =>
  withFolder(async (folder) => {
    const path = `${folder}/x.safetensors`, data = Uint16Array.of(0x3e00, 0xfc00, 1);
    const options = { dtype: "F32", allowNonFinite: true } as const;
    await writeSafetensors(path, [["x", { shape: [3], data }]], options);
    using file = await openSafetensors(path, { allowNonFinite: true });
    assertEquals(file.tensors.get("x")?.dtype, "F16");
    assertEquals([...(await file.read("x")).data], [1.5, -Infinity, 2 ** -24]);
  }));

Deno.test("the bytes do not depend on the order of the entries and the header is padded", () =>
  withFolder(async (folder) => {
    const path = `${folder}/x.safetensors`;
    const entries: [string, HostTensor][] = [
      ["b", { shape: [1], data: Float32Array.of(1) }],
      ["a", { shape: [2], data: Float32Array.of(2, 3) }],
      ["ids", { shape: [1], data: Int32Array.of(4) }],
    ];
    const options = { dtype: "F16", metadata: { y: "1", x: "2" } } as const;
    await writeSafetensors(path, entries, options);
    const bytes = await Deno.readFile(path);
    await writeSafetensors(path, entries.toReversed(), {
      ...options,
      metadata: { x: "2", y: "1" },
    });
    assertEquals(await Deno.readFile(path), bytes);
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    assertEquals(length % 8, 0);
    const header = new TextDecoder().decode(bytes.subarray(8, 8 + length));
    const places = ['{"__metadata__":{"x":"2","y":"1"}', '"ids"', '"a"', '"b"'];
    const found = places.map((text) => header.indexOf(text));
    assertEquals(found, found.toSorted((a, b) => a - b));
    assertEquals(found[0], 0);
  }));

Deno.test("writes the very bytes that the reference implementation writes", () =>
  withFolder(async (folder) => {
    const original = `${golden}adapters/peft_c_attn/adapter_model.safetensors`;
    const { tensors, metadata } = await readSafetensors(original);
    await writeSafetensors(`${folder}/x`, tensors, { metadata });
    assertEquals(await Deno.readFile(`${folder}/x`), await Deno.readFile(original));
  }));

Deno.test("values that are not finite in the file are refused and nothing is written", () =>
  withFolder(async (folder) => {
    const path = `${folder}/x`, good: HostTensor = { shape: [1], data: Float32Array.of(1) };
    const largest = 2 ** 128 - 2 ** 104, toBf16 = 2 ** 128 - 2 ** 119;
    const cases: [data: HostTensor["data"], dtype: FloatDtype, found: string | undefined][] = [
      [Float32Array.of(0, 1, 2, NaN), "F32", "in F32, found NaN at [1, 1]"],
      [Float32Array.of(0, 1, -Infinity, 2), "BF16", "in BF16, found -Infinity at [1, 0]"],
      [Float32Array.of(0, -65520, 1, 2), "F16", "in F16, found -65520 at [0, 1]"],
      [Float32Array.of(0, 65519, largest, 2), "F32", undefined],
      [Float32Array.of(0, 65519, 1, 2), "F16", undefined],
      [Float32Array.of(0, 0, 0, toBf16), "BF16", `in BF16, found ${toBf16} at [1, 1]`],
      [Float32Array.of(0, 0, 0, toBf16 - 2 ** 104), "BF16", undefined],
      [Float64Array.of(0, 0, 2 ** 128 - 2 ** 103, 0), "F32", "at [1, 0]"],
      [Float64Array.of(0, 0, 0, toBf16 - 2 ** 103), "BF16", "at [1, 1]"],
      [Float64Array.of(0, 0, 0, toBf16 - 1.5 * 2 ** 103), "BF16", undefined],
      [Uint16Array.of(0, 0x7c00, 0, 0), "F32", "in F16, found bits of one that is not at [0, 1]"],
      [Int32Array.of(2 ** 31 - 1, 0, 0, 0), "F16", undefined],
    ];
    for (const [data, dtype, found] of cases) {
      const entries: [string, HostTensor][] = [["good", good], ["w", { shape: [2, 2], data }]];
      const write = () => writeSafetensors(path, entries, { dtype });
      if (found === undefined) {
        await write();
        const { tensors } = await readSafetensors(path);
        assert([...tensors.values()].every(({ data }) => data.every(Number.isFinite)));
        await Deno.remove(path);
      } else {
        await assertRejects(write, RangeError, found);
        await assertRejects(write, RangeError, `cannot write ${path}: the values of "w" must be`);
      }
      assertEquals(filesIn(folder), []);
    }
  }));

Deno.test("a writer's mistakes are refused and nothing is written", () =>
  withFolder(async (folder) => {
    const x: HostTensor = { shape: [2], data: Float32Array.of(1, 2) };
    const write = (...entries: [string, HostTensor][]) => writeSafetensors(`${folder}/x`, entries);
    await assertRejects(
      () => write(["a", x], ["a", x]),
      RangeError,
      'unique and not __metadata__, found "a"',
    );
    await assertRejects(() => write(["__metadata__", x]), RangeError, 'found "__metadata__"');
    await assertRejects(
      () => write(["a", { ...x, shape: [3] }]),
      RangeError,
      '"a" of shape [3] needs 3 values, found 2',
    );
    assertEquals(filesIn(folder), []);
  }));

Deno.test("what our readers refuse is not written", () =>
  withFolder(async (folder) => {
    const path = `${folder}/x`, data = Float32Array.of(1);
    const cases: [name: string, shape: number[], options: unknown, message: string][] = [
      ["w", [1], { dtype: "F8" }, 'dtype must be one of F32, F16, BF16, found "F8"'],
      ["w", [1], { dtype: "F64" }, 'dtype must be one of F32, F16, BF16, found "F64"'],
      ["w", [1], { metadata: { step: 3 } }, "it would not be a safetensors file: __metadata__"],
      ["w".repeat(1025), [1], {}, "at most 1024 characters in a name, found 1025"],
      ["w", new Array(1000).fill(1), {}, "axes of a tensor, found 1000"],
    ];
    for (const [name, shape, options, message] of cases) {
      const write = () =>
        writeSafetensors(path, [[name, { shape, data }]], options as WriteOptions);
      await assertRejects(write, RangeError, message);
    }
    assertEquals(filesIn(folder), []);
  }));

Deno.test("errors of reading name the file, and an unknown name is answered with known ones", () =>
  withFolder(async (folder) => {
    const path = `${folder}/x.safetensors`;
    await assertRejects(
      () => openSafetensors(path),
      Error,
      `cannot read ${path}: it does not exist`,
    );
    await Deno.writeFile(path, new Uint8Array(20));
    const lie = new Uint8Array(20).fill(255);
    await Deno.writeFile(path, lie);
    await assertRejects(
      () => openSafetensors(path),
      SyntaxError,
      `cannot read ${path}: not a safe`,
    );
    await writeSafetensors(path, [["a", { shape: [], data: Float32Array.of(1) }]]);
    using file = await openSafetensors(path);
    await assertRejects(
      () => file.read("b"),
      RangeError,
      `cannot read "b" of ${path}: the file has 1 tensors (a)`,
    );
  }));

Deno.test("a file cut off at any byte is refused", () =>
  withFolder(async (folder) => {
    const path = `${folder}/x.safetensors`;
    await writeSafetensors(path, [["a", { shape: [3], data: Float32Array.of(1, 2, 3) }]]);
    const bytes = await Deno.readFile(path);
    for (let length = 0; length < bytes.length; length++) {
      await Deno.writeFile(path, bytes.subarray(0, length));
      await assertRejects(() => openSafetensors(path), SyntaxError, "not a safetensors file");
    }
  }));

Deno.test("a file that shrinks while it is open is noticed", () =>
  withFolder(async (folder) => {
    const path = `${folder}/x.safetensors`;
    await writeSafetensors(path, [["a", { shape: [3], data: Float32Array.of(1, 2, 3) }]]);
    using file = await openSafetensors(path);
    await Deno.truncate(path, (await Deno.stat(path)).size - 4);
    await assertRejects(() => file.read("a"), SyntaxError, "the file ends 4 bytes too early");
  }));

Deno.test("reads at the same time do not disturb each other", () =>
  withFolder(async (folder) => {
    const entries = Array.from({ length: 20 }, (_, index): [string, HostTensor] => [
      `t${index}`,
      { shape: [50], data: new Float32Array(50).fill(index) },
    ]);
    await writeSafetensors(`${folder}/x`, entries);
    using file = await openSafetensors(`${folder}/x`);
    const read = await Promise.all(entries.map(([name]) => file.read(name)));
    assertEquals(read, entries.map(([, tensor]) => tensor));
  }));

Deno.test({
  name: "a disk that fills up leaves the old weights",
  ignore: !canLimitFiles,
  fn: () =>
    withFolder(async (folder) => {
      const path = `${folder}/x.safetensors`;
      await writeSafetensors(path, [["a", { shape: [], data: Float32Array.of(7) }]]);
      const message = await runWithFileLimit(
        16,
        `import { writeSafetensors } from "./src/formats/mod.ts";
         const a = { shape: [9000], data: new Float32Array(9000) };
         await writeSafetensors("${path}", [["a", a]]).catch((error) => console.log(error.message));`,
      );
      assertStringIncludes(message, `cannot write ${path}: the file would be larger`);
      assertStringIncludes(message, "of 36072 bytes");
      assertEquals((await readSafetensors(path)).tensors.get("a")?.data, Float32Array.of(7));
      assertEquals(filesIn(folder), ["x.safetensors"]);
    }),
});

/** Two shards and their index. */
async function writeShards(folder: string, map: Record<string, unknown>): Promise<void> {
  const one = (value: number): HostTensor => ({ shape: [1], data: Float32Array.of(value) });
  await writeSafetensors(`${folder}/s1.safetensors`, [["a", one(1)], ["b", one(2)]]);
  await writeSafetensors(`${folder}/s2.safetensors`, [["c", one(3)]]);
  const index = JSON.stringify({ metadata: { total_size: 12 }, weight_map: map });
  await Deno.writeTextFile(`${folder}/model.safetensors.index.json`, index);
}

Deno.test("a sharded model reads as one file, by its index or its folder", () =>
  withFolder(async (folder) => {
    await writeShards(folder, { c: "s2.safetensors", a: "s1.safetensors", b: "s1.safetensors" });
    for (const path of [folder, `${folder}/model.safetensors.index.json`]) {
      const { tensors } = await readSafetensors(path);
      const values = [...tensors].map(([name, { data }]) => [name, data[0]]);
      assertEquals(values, [["c", 3], ["a", 1], ["b", 2]]);
    }
    using file = await openSafetensors(folder);
    await assertRejects(() => file.read("d"), RangeError, 'cannot read "d"');
  }));

Deno.test("an index that contradicts its files is refused and no file stays open", () =>
  withFolder(async (folder) => {
    const refuses = async (map: Record<string, unknown>, words: string) => {
      await writeShards(folder, map);
      const error = await assertRejects(() => openSafetensors(folder), Error);
      assertStringIncludes(error.message, words);
    };
    await refuses({ c: "s1.safetensors" }, 's1.safetensors must hold "c"');
    await refuses(
      { a: "s1.safetensors", z: "s3.safetensors" },
      "s3.safetensors: it does not exist",
    );
    await refuses({ a: "../s1.safetensors" }, 'next to the index, found "../s1.safetensors"');
    await refuses({ a: 1 }, "next to the index, found 1");
    const flood = Array.from({ length: 2049 }, (_, i) => [`t${i}`, `${i}.safetensors`]);
    await refuses(Object.fromEntries(flood), "it may have at most 2048 shards, found 2049");
    await Deno.writeTextFile(`${folder}/model.safetensors.index.json`, "{}");
    await assertRejects(() => openSafetensors(folder), SyntaxError, "it must have a weight_map");
  }));

Deno.test("a model folder without weights says which file it wants", () =>
  withFolder(async (folder) => {
    await assertRejects(
      () => openSafetensors(folder),
      Error,
      "model.safetensors: it does not exist",
    );
    assert(filesIn(folder).length === 0);
  }));
