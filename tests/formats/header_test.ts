import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { headerBytes, parseHeader } from "../../src/formats/mod.ts";

/** A file with this header text and this many zero bytes behind it. */
function fileOf(header: string | object, dataBytes = 0, claimed?: bigint): Uint8Array {
  const text = typeof header === "string" ? header : JSON.stringify(header);
  const json = new TextEncoder().encode(text);
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, claimed ?? BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const entry = (dtype: unknown, shape: unknown, begin: unknown, end: unknown): object => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

const parse = (bytes: Uint8Array) => parseHeader(bytes, bytes.length);

/** Expects a refusal whose sentence holds `words`. */
function refuses(header: string | object, dataBytes: number, words: string): void {
  const bytes = fileOf(header, dataBytes);
  const error = assertThrows(() => parse(bytes), SyntaxError);
  assertStringIncludes(error.message, "not a safetensors file: ");
  assertStringIncludes(error.message, words);
}

Deno.test("a header gives names, types, shapes, places and metadata in the order of the bytes", () => {
  const bytes = fileOf({
    b: entry("F16", [2, 1], 8, 12),
    __metadata__: { format: "pt" },
    a: entry("I64", [], 0, 8),
    none: entry("F32", [0, 3], 12, 12),
  }, 12);
  const { tensors, metadata, dataOffset } = parse(bytes);
  assertEquals(dataOffset, bytes.length - 12);
  assertEquals(metadata, { format: "pt" });
  assertEquals([...tensors], [
    ["a", { dtype: "I64", shape: [], offset: dataOffset, bytes: 8 }],
    ["b", { dtype: "F16", shape: [2, 1], offset: dataOffset + 8, bytes: 4 }],
    ["none", { dtype: "F32", shape: [0, 3], offset: dataOffset + 12, bytes: 0 }],
  ]);
});

Deno.test("a header is read from the start of a file alone, as a range request gives it", () => {
  const bytes = fileOf({ a: entry("F32", [250], 0, 1000) }, 1000);
  const length = headerBytes(bytes.subarray(0, 8), bytes.length);
  assertEquals(length, bytes.length - 1000);
  const { tensors } = parseHeader(bytes.subarray(0, length), bytes.length);
  assertEquals(tensors.get("a")?.shape, [250]);
  assertThrows(
    () => parseHeader(bytes.subarray(0, length - 1), bytes.length),
    RangeError,
    `the header needs the file's first ${length} bytes, found ${length - 1}`,
  );
});

Deno.test("lengths that are not true are refused before anything is allocated", () => {
  const lying = (claimed: bigint, fileBytes?: number) => {
    const bytes = fileOf("{}", 0, claimed);
    return assertThrows(() => parseHeader(bytes, fileBytes ?? bytes.length), SyntaxError).message;
  };
  assertStringIncludes(lying(3n), "within the file's 10 bytes, found a length of 3");
  assertStringIncludes(lying(2n ** 64n - 1n), "found a length of 18446744073709551615");
  assertStringIncludes(lying(2n ** 63n), "found a length of 9223372036854775808");
  assertStringIncludes(
    lying(100_000_001n, 2 ** 40),
    "may have at most 100000000 bytes, found 100000001",
  );
  assertThrows(() => parse(new Uint8Array(7)), SyntaxError, "at least 8 bytes, found 7");
  assertThrows(() => parse(new Uint8Array(0)), SyntaxError, "at least 8 bytes, found 0");
});

Deno.test("headers that are not a JSON object in UTF-8 are refused", () => {
  refuses("", 0, "the header must be JSON");
  refuses("{", 0, "the header must be JSON");
  refuses("[]", 0, "the header must be a JSON object");
  refuses("null", 0, "the header must be a JSON object");
  refuses("\ufeff{}", 0, "the header must be JSON");
  const broken = fileOf('{"a":1}');
  broken[10] = 0xff;
  assertThrows(() => parse(broken), SyntaxError, "the header must be JSON");
});

Deno.test("a header has no more tensors, axes, letters and levels than any has", () => {
  const scalar = entry("F32", [], 0, 4);
  parse(fileOf({ ["n".repeat(1024)]: entry("F32", Array(64).fill(1), 0, 4) }, 4));
  refuses({ ["n".repeat(1025)]: scalar }, 4, "most 1024 characters in a name, found 1025");
  const axes = entry("F32", Array(65).fill(1), 0, 4);
  refuses({ a: axes }, 4, "most 64 axes of a tensor, found 65");
  const many = Array.from({ length: 2 ** 20 + 1 }, (_, i) => `"${i.toString(36)}":0`);
  refuses(`{${many}}`, 0, `most ${2 ** 20} tensors, found ${2 ** 20 + 1}`);
  refuses(`{"a":${"[".repeat(600)}`, 0, "must be JSON (it is nested more than 512 deep)");
});

Deno.test("entries that say what cannot be are refused", () => {
  refuses({ a: 1 }, 0, '"a" must have a known dtype, found nothing');
  refuses({ a: entry("F33", [], 0, 4) }, 4, '"a" must have a known dtype, found "F33"');
  refuses({ a: entry("toString", [], 0, 4) }, 4, 'found "toString"');
  refuses({ a: entry("F32", [-1], 0, 4) }, 4, '"a" must have a shape, found [-1]');
  refuses({ a: entry("F32", [1.5], 0, 6) }, 6, '"a" must have a shape, found [1.5]');
  refuses({ a: entry("F32", "1", 0, 4) }, 4, '"a" must have a shape, found "1"');
  refuses({ a: entry("F32", [1], 4, 0) }, 4, "two ascending data_offsets, found [4,0]");
  refuses({ a: { dtype: "F32", shape: [1], data_offsets: [0] } }, 4, "found [0]");
  refuses({ a: entry("F32", [1], -4, 0) }, 4, "found [-4,0]");
  refuses({ a: entry("F32", [1], 0, 1e300) }, 4, "two ascending data_offsets");
});

Deno.test("what the format's own reader does not read is refused", () => {
  const spelled = (shape: string, more = "") =>
    `{"a":{"dtype":"U8","shape":[${shape}],"data_offsets":[0,2]${more}}}`;
  assertEquals(parse(fileOf(spelled("2"), 2)).tensors.get("a")?.shape, [2]);
  for (const shape of ["2.0", "0.2e1", "1e0,2"]) {
    refuses(spelled(shape), 2, "numbers must be written in digits alone, found ");
  }
  refuses(spelled("2", ',"b":1'), 2, '"a" must have no field "b"');
  refuses('{"a":{"dtype":"U8","shape":[0],"data_offsets":[-0,0]}}', 0, "digits alone, found -0");
});

Deno.test("byte counts must be the shape's, with no overflow", () => {
  refuses(
    { a: entry("F32", [2], 0, 4) },
    4,
    '"a", F32 of shape [2], must have 8 bytes, found [0,4]',
  );
  const huge = [2 ** 31, 2 ** 31, 4];
  refuses({ a: entry("F32", huge, 0, 0) }, 0, "must have a safe number of bytes");
  // 2^32 · 2^32 elements are 0 modulo 2^64.
  refuses({ a: entry("U8", [2 ** 32, 2 ** 32], 0, 0) }, 0, "must have a safe number of bytes");
  refuses({ a: entry("F4", [3], 0, 2) }, 2, "must have a safe number of bytes");
  assertEquals(parse(fileOf({ a: entry("F4", [4], 0, 2) }, 2)).tensors.get("a")?.bytes, 2);
});

Deno.test("tensors must fill the data without gap, overlap or remainder", () => {
  const [a, b] = [entry("U8", [4], 0, 4), entry("U8", [4], 4, 8)];
  assertEquals(parse(fileOf({ b, a }, 8)).tensors.size, 2);
  refuses({ a, b: entry("U8", [4], 5, 9) }, 9, '"b" must begin where the tensor before it ends');
  refuses({ a, b: entry("U8", [4], 3, 7) }, 7, "found 3 after 4");
  refuses({ a, b: entry("U8", [4], 0, 4) }, 8, "found 0 after 4");
  refuses({ b }, 8, '"b" must begin where the tensor before it ends, found 4 after 0');
  refuses({ a, b }, 9, "the tensors must end at the file's");
  refuses({ a, b }, 7, ": the file is cut off, so copy or download it again");
  refuses({ a: entry("F32", [2 ** 40], 0, 2 ** 42) }, 4, "the tensors must end at the file's");
});

Deno.test("names that come twice are refused, however they are spelled", () => {
  const a = JSON.stringify(entry("U8", [1], 0, 1));
  refuses(`{"a":${a},"a":${a}}`, 1, 'names must be unique, found "a" twice');
  refuses(`{"a":${a},"\\u0061" :${a}}`, 1, 'names must be unique, found "a" twice');
  refuses(`{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1, '"dtype" twice');
  refuses(`{"__metadata__":{"x":"","x":""}}`, 0, '"x" twice');
});

Deno.test("metadata must be text", () => {
  refuses({ __metadata__: { a: 1 } }, 0, '__metadata__ must map names to text, found {"a":1}');
  refuses({ __metadata__: [] }, 0, "__metadata__ must map names to text, found []");
  assertEquals(parse(fileOf({ __metadata__: null })).metadata, {});
});

Deno.test("odd names are names", () => {
  const names = ["__proto__", "constructor", "", '"{}:', "1", "ü\u0000"];
  const entries = names.map((name, index) =>
    `${JSON.stringify(name)}:${JSON.stringify(entry("U8", [1], index, index + 1))}`
  );
  const { tensors } = parse(fileOf(`{${entries}}`, names.length));
  assertEquals([...tensors.keys()], names);
});

Deno.test("a text of four million line breaks is data like any other", () => {
  const text = '\n"'.repeat(2 ** 21), { metadata } = parse(fileOf({ __metadata__: { text } }));
  assertEquals(metadata.text.length, text.length);
});

Deno.test("bytes at random are refused with a sentence and never crash", () => {
  const valid = fileOf({ a: entry("F32", [2], 0, 8), b: entry("U8", [3], 8, 11) }, 11);
  const change = fc.tuple(fc.nat(valid.length - 12), fc.nat(255));
  fc.assert(fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
    const bytes = valid.slice();
    for (const [place, value] of changes) bytes[place] = value;
    try {
      const { tensors } = parse(bytes);
      for (const { offset, bytes: count } of tensors.values()) {
        assertEquals(offset + count <= bytes.length, true);
      }
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
  }));
});
