import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { fileDigest, fileDigests } from "../../src/storage/digest.ts";
import { configOf } from "../../src/storage/gguf/config.ts";
import { type GgufHeader, parseGguf, readGguf } from "../../src/storage/gguf/header.ts";
import { tokenizerConfigOf, tokenizerOf } from "../../src/storage/gguf/tokenizer.ts";
import { openBlob } from "../../src/storage/open_file.ts";
import { concatenate } from "../fuzz/mutations.ts";
import {
  ggufFile,
  type MadeGguf,
  type MadeTensor,
  type MadeValue,
  u32,
  u64,
} from "../support/gguf.ts";
import { golden } from "../support/golden.ts";

/** Headers of GGUF files that are not as they should be, each refused in one sentence. */

const word = (value: string): MadeValue => ({ type: "text", value });
const count = (value: number): MadeValue => ({ type: "u32", value });

const small: MadeTensor = { name: "a", extents: [32, 2], type: 8, bytes: new Uint8Array(68) };
const good: MadeGguf = {
  metadata: [["general.architecture", word("llama")], ["x", count(1)]],
  tensors: [small, { ...small, name: "b" }],
};

const parse = (made: Partial<MadeGguf>) => {
  const bytes = ggufFile({ ...good, ...made });
  return parseGguf(bytes, bytes.length);
};

Deno.test("a good header gives metadata, and tensors with shapes, outermost first", () => {
  const { metadata, tensors } = parse({
    metadata: [
      ...good.metadata,
      ["big", { type: "u64", value: 2n ** 60n }],
      ["small", { type: "u64", value: 7 }],
      ["is", { type: "bool", value: 1 }],
      ["texts", { type: "texts", value: ["", "é"] }],
      ["numbers", { type: "i32s", value: [-1, 2] }],
    ],
  });
  assertEquals([...metadata].slice(1), [
    ["x", 1],
    ["big", 2n ** 60n],
    ["small", 7],
    ["is", true],
    ["texts", ["", "é"]],
    ["numbers", Int32Array.of(-1, 2)],
  ]);
  const [a, b] = tensors.values();
  assertEquals([a.shape, a.type.name, a.bytes, b.offset - a.offset], [[2, 32], "Q8_0", 68, 96]);
});

/** Faults of a file, each with its fields and the end of the sentence that refuses it. */
const wrong: readonly [string, Partial<MadeGguf>, string][] = [
  ["other magic", { magic: "GGML" }, 'it must begin with GGUF, found "GGML"'],
  ["version 1", { version: 1 }, "its version must be 2 or 3 in little-endian order, found 1"],
  [
    "the other byte order",
    { version: 0x03000000 },
    "its version must be 2 or 3 in little-endian order, found 50331648",
  ],
  [
    "tensors beyond the file",
    { tensorCount: 2n ** 62n },
    "the file must hold all of its tensors, found a count of 4611686018427387904",
  ],
  [
    "metadata beyond the file",
    { pairCount: 2n ** 40n },
    "the file must hold all of its metadata, found a count of 1099511627776",
  ],
  [
    "more tensors than there are",
    { tensorCount: 3n },
    '"a" must begin at 32, after the tensor before it, found 0',
  ],
  [
    "a key twice",
    { metadata: [["x", count(1)], ["x", count(2)]] },
    'names must be unique, found "x" twice',
  ],
  [
    "a tensor twice",
    { tensors: [small, small] },
    'names must be unique, found the tensor "a" twice',
  ],
  [
    "a long key",
    { metadata: [["k".repeat(1025), count(1)]] },
    "a name of metadata may have at most 1024 bytes, found 1025",
  ],
  [
    "a long name",
    { tensors: [{ ...small, name: "n".repeat(1025) }] },
    "a tensor's name may have at most 1024 bytes, found 1025",
  ],
  [
    "a text beyond the file",
    { metadata: [["x", concatenate(u32(8), u64(2 ** 40))]] },
    'the file must hold all of its bytes of "x", found a count of 1099511627776',
  ],
  [
    "a text that is not UTF-8",
    { metadata: [["x", concatenate(u32(8), u64(2), Uint8Array.of(0xff, 0xfe))]] },
    '"x" must be UTF-8, found other bytes at 45',
  ],
  ["an unknown type", { metadata: [["x", u32(13)]] }, '"x" must have a known type, found 13'],
  [
    "a list of an unknown type",
    { metadata: [["x", concatenate(u32(9), u32(99), u64(1), u64(0))]] },
    '"x" must have a known type, found 99',
  ],
  [
    "a list of lists",
    { metadata: [["x", concatenate(u32(9), u32(9), u64(1), u32(9), u32(9), u64(1))]] },
    '"x" must be no list of lists',
  ],
  [
    "a list beyond the file",
    { metadata: [["x", concatenate(u32(9), u32(12), u64(1e9))]] },
    'the file must hold all of its values of "x", found a count of 1000000000',
  ],
  [
    "texts beyond the file",
    { metadata: [["x", concatenate(u32(9), u32(8), u64(1e9))]] },
    'the file must hold all of its values of "x", found a count of 1000000000',
  ],
  [
    "a truth value of 2",
    { metadata: [["x", { type: "bool", value: 2 }]] },
    '"x" must be 0 for false or 1 for true',
  ],
  [
    "five axes",
    { tensors: [{ ...small, extents: [32, 1, 1, 1, 2] }] },
    '"a" may have at most 4 axes, found 5',
  ],
  [
    "K-quants",
    { tensors: [{ ...small, type: 12 }] },
    '"a" must be of type F32, F16, Q4_0, Q4_1, Q8_0, BF16, found Q4_K',
  ],
  [
    "an unknown type of tensor",
    { tensors: [{ ...small, type: 999 }] },
    '"a" must be of type F32, F16, Q4_0, Q4_1, Q8_0, BF16, found 999',
  ],
  [
    "half a block in a row",
    { tensors: [{ ...small, extents: [16, 4] }] },
    '"a" in Q8_0 must have rows of whole blocks of 32 values, found 16',
  ],
  [
    "extents beyond what is exact",
    { tensors: [{ ...small, extents: [2n ** 40n, 2n ** 40n] }] },
    '"a" must have a safe number of values, found [1099511627776, 1099511627776]',
  ],
  [
    "a large extent of nothing",
    { tensors: [{ ...small, extents: [2n ** 60n, 0] }] },
    '"a" must have a safe number of values, found [0, 1152921504606847000]',
  ],
  [
    "a tensor beyond the file",
    { tensors: [{ ...small, extents: [32, 1000] }] },
    '"a" must end within the file\'s 196 bytes, found its end at 34128',
  ],
  [
    "an offset within another tensor",
    { tensors: [small, { ...small, name: "b", start: 32 }] },
    '"b" must begin at 96, after the tensor before it, found 32',
  ],
  [
    "a gap",
    { tensors: [{ ...small, start: 32 }] },
    '"a" must begin at 0, after the tensor before it, found 32',
  ],
  [
    "an offset beyond what is exact",
    { tensors: [{ ...small, start: 2n ** 63n }] },
    '"a" must begin at 0, after the tensor before it, found 9223372036854775808',
  ],
  [
    "bytes behind the last tensor",
    { tensors: [small], rest: new Uint8Array(64) },
    "the tensors must fill the file's 260 bytes, found their end at 196",
  ],
  [
    "an alignment of 0",
    { metadata: [["general.alignment", count(0)]] },
    "general.alignment must be a power of two from 8 to 1048576, found 0",
  ],
  [
    "an alignment of 24",
    { metadata: [["general.alignment", count(24)]] },
    "general.alignment must be a power of two from 8 to 1048576, found 24",
  ],
  [
    "an alignment that is a text",
    { metadata: [["general.alignment", word("32")]] },
    'general.alignment must be a power of two from 8 to 1048576, found "32"',
  ],
];

const sentence = (rule: string) => `not a GGUF file that can be read: ${rule}`;

for (const [what, made, rule] of wrong) {
  Deno.test(`${what}: refused`, () => {
    const { message } = assertThrows(() => parse(made), SyntaxError);
    assertEquals(message, sentence(rule));
  });
}

Deno.test("another alignment is followed", () => {
  const { tensors } = parse({ metadata: [["general.alignment", count(256)]] });
  const [a, b] = tensors.values();
  assertEquals([a.offset % 256, b.offset - a.offset], [0, 256]);
});

Deno.test("a file that is cut at any byte is refused, and no byte is asked for twice as it grows", async () => {
  const whole = await Deno.readFile(golden("gguf/llama_q4_0.gguf"));
  const end = Math.min(
    ...[...parseGguf(whole, whole.length).tensors.values()].map(({ offset }) => offset),
  );
  for (let length = 0; length < whole.length; length += length < 300 ? 1 : 97) {
    assertThrows(() => parseGguf(whole.slice(0, length), length), SyntaxError);
  }
  let most = 0;
  const file = openBlob(new Blob([whole]));
  await readGguf({
    ...file,
    read: (at, length, into) => (most = Math.max(most, at + length), file.read(at, length, into)),
  });
  assertEquals(most <= whole.length && end < most, true);
});

Deno.test("a header that goes on is read until it ends", async () => {
  const texts = Array.from({ length: 3e5 }, (_, i) => `token ${i}`);
  const bytes = ggufFile({ ...good, metadata: [["x", { type: "texts", value: texts }]] });
  const reads: number[] = [], file = openBlob(new Blob([bytes]));
  const { metadata } = await readGguf({
    ...file,
    bytes: bytes.length,
    read: (at, length, into) => (reads.push(length), file.read(at, length, into)),
  });
  assertEquals([metadata.get("x"), reads], [texts, [2 ** 21, 2 ** 22, bytes.length]]);
});

Deno.test("the digest of a model's files is that of the GGUF file, whatever is asked for", async () => {
  const path = golden("gguf/llama_q4_0.gguf"), digest = await fileDigest(path);
  assertEquals(await fileDigests(path, /^tokenizer/), { "llama_q4_0.gguf": digest });
  assertEquals(await fileDigests(`${path}.gguf`, /./), {});
});

const config: readonly [string, MadeValue][] = [
  ["general.architecture", word("llama")],
  ["llama.embedding_length", count(32)],
  ["llama.attention.head_count", count(4)],
];

const headerWith = (...metadata: readonly (readonly [string, MadeValue])[]): GgufHeader =>
  parse({ metadata });

Deno.test("what a model says that is not implemented is refused by name", () => {
  const cases: [readonly [string, MadeValue], string][] = [
    [["llama.expert_count", count(8)], '"llama.expert_count" is not supported, found 8'],
    [
      ["llama.rope.scaling.type", word("yarn")],
      '"llama.rope.scaling.type" is not supported, found "yarn"',
    ],
    [
      ["llama.attention.sliding_window", count(64)],
      '"llama.attention.sliding_window" is not supported, found 64',
    ],
    [
      ["llama.attention.key_length", count(16)],
      "rope.dimension_count, attention.key_length, attention.value_length of llama must be equal, found 8 and 16",
    ],
  ];
  const heads: MadeValue = { type: "i32s", value: [4, 4] };
  const lists = headerWith(config[0], ["llama.attention.head_count", heads]);
  const { message } = assertThrows(() => configOf(lists), SyntaxError);
  assertEquals(
    message,
    sentence('"llama.attention.head_count" must be one value, found a list of 2'),
  );
  const columns = ["llama.rope.dimension_count", count(8)] as const;
  for (const [pair, rule] of cases) {
    const { message } = assertThrows(
      () => configOf(headerWith(...config, columns, pair)),
      SyntaxError,
    );
    assertEquals(message, sentence(rule));
  }
  assertEquals(configOf(headerWith(...config, ["llama.expert_count", count(0)])).hidden_size, 32);
  for (const [architecture, found] of [["gemma", '"gemma"'], ["toString", '"toString"']]) {
    const { message } = assertThrows(
      () => configOf(headerWith(["general.architecture", word(architecture)])),
      SyntaxError,
    );
    assertEquals(message, sentence(`general.architecture must be llama or qwen2, found ${found}`));
  }
});

const tokenizer: readonly [string, MadeValue][] = [
  ["model", word("gpt2")],
  ["pre", word("gpt-2")],
  ["tokens", { type: "texts", value: ["a", "b", "ab", "<end>"] }],
  ["token_type", { type: "i32s", value: [1, 1, 1, 3] }],
  ["merges", { type: "texts", value: ["a b"] }],
  ["eos_token_id", count(3)],
];

const tokenizerWith = (name: string, value?: MadeValue): GgufHeader => {
  const pairs = [
    ...tokenizer.filter(([key]) => key !== name),
    ...(value ? [[name, value] as const] : []),
  ];
  return headerWith(...pairs.map(([key, value]) => [`tokenizer.ggml.${key}`, value] as const));
};

Deno.test("a tokenizer of another kind, or not all of one, is refused", () => {
  const cases: [string, MadeValue | undefined, string][] = [
    ["model", word("llama"), 'model must be gpt2, found "llama"'],
    ["pre", word("tekken"), 'pre must be one of gpt-2, smollm, llama-bpe, qwen2, found "tekken"'],
    ["pre", undefined, "pre must be one of gpt-2, smollm, llama-bpe, qwen2, found nothing"],
    ["tokens", { type: "i32s", value: [1] }, "tokens must be a list of texts"],
    ["tokens", { type: "texts", value: ["a", "b", "a"] }, "tokens must have each text once"],
    ["merges", undefined, "merges must be a list of texts"],
    ["token_type", { type: "i32s", value: [1] }, "token_type must have a type for each token"],
  ];
  for (const [name, value, rule] of cases) {
    const { message } = assertThrows(() => tokenizerOf(tokenizerWith(name, value)), SyntaxError);
    assertEquals(message, sentence(`tokenizer.ggml.${rule}`));
  }
  const { message } = assertThrows(
    () => tokenizerConfigOf(tokenizerWith("eos_token_id", count(4))),
    SyntaxError,
  );
  assertEquals(message, sentence("tokenizer.ggml.eos_token_id must be the id of a token, found 4"));
  assertEquals(tokenizerConfigOf(tokenizerWith("bos_token_id", count(0))).bos_token, "a");
});

Deno.test("a text begins with the special token that a file asks for, or that of a Llama 3", () => {
  const frames = (...pairs: readonly (readonly [string, MadeValue])[]) => {
    const own = tokenizer.filter(([key]) => !pairs.some(([other]) => other === key));
    const all = [...own, ["bos_token_id", count(3)] as const, ...pairs];
    const header = headerWith(
      ...all.map(([key, value]) => [`tokenizer.ggml.${key}`, value] as const),
    );
    return (tokenizerOf(header).post_processor as { type: string }).type === "TemplateProcessing";
  };
  const add = (value: number) => ["add_bos_token", { type: "bool", value }] as const;
  const llama3 = ["pre", word("llama-bpe")] as const;
  assertEquals([frames(), frames(add(0)), frames(add(1))], [false, false, true]);
  assertEquals([frames(llama3), frames(llama3, add(0))], [true, false]);
});

Deno.test("a header of more than 100 MB is not read", async () => {
  const head = ggufFile({ ...good, metadata: [["x", concatenate(u32(8), u64(2 ** 27))]] });
  const read = (_: number, length: number) => {
    const start = new Uint8Array(length);
    start.set(head);
    return Promise.resolve(start);
  };
  const file = { bytes: 2 ** 40, read, [Symbol.dispose]: () => {} };
  const rule = sentence("the header may have at most 100000000 bytes");
  await assertRejects(() => readGguf(file), SyntaxError, rule);
});
