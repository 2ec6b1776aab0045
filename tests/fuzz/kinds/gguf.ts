/** GGUF files: a small Llama with its tokenizer, loaded as a model and as a tokenizer. */

import fc from "npm:fast-check@4.10.2";
import { parseGguf } from "../../../src/storage/gguf/header.ts";
import { ShapeError } from "../../../src/core/errors.ts";
import { hasFile } from "../../../src/storage/storage.ts";
import { ReferenceDevice } from "../../../src/device/reference.ts";
import { openSafetensors } from "../../../src/formats/mod.ts";
import { loadModel } from "../../../src/models/mod.ts";
import { loadTokenizer } from "../../../src/tokenizer/mod.ts";
import {
  ggufFile,
  type MadeGguf,
  type MadeTensor,
  type MadeValue,
  u32,
  u64,
} from "../../support/gguf.ts";
import { areFinite, type Files, inMemory, type Kind, sound } from "../kind.ts";
import { byteEdits, concatenate, rareByteEdits } from "../mutations.ts";

const name = "small.gguf", width = 32, tokens = ["a", "b", "ab", "<end>"];

const count = (value: number): MadeValue => ({ type: "u32", value });
const word = (value: string): MadeValue => ({ type: "text", value });

const metadata: MadeGguf["metadata"] = [
  ["general.architecture", word("llama")],
  ["general.alignment", count(32)],
  ["llama.block_count", count(1)],
  ["llama.context_length", count(8)],
  ["llama.embedding_length", count(width)],
  ["llama.feed_forward_length", count(width)],
  ["llama.attention.head_count", count(2)],
  ["llama.attention.head_count_kv", count(1)],
  ["llama.rope.dimension_count", count(16)],
  ["llama.attention.layer_norm_rms_epsilon", { type: "f32", value: 1e-5 }],
  ["tokenizer.ggml.model", word("gpt2")],
  ["tokenizer.ggml.pre", word("smollm")],
  ["tokenizer.ggml.tokens", { type: "texts", value: tokens }],
  ["tokenizer.ggml.token_type", { type: "i32s", value: [1, 1, 1, 3] }],
  ["tokenizer.ggml.merges", { type: "texts", value: ["a b"] }],
  ["tokenizer.ggml.eos_token_id", count(3)],
  ["tokenizer.ggml.add_bos_token", { type: "bool", value: 0 }],
];

/** Values and bytes of a block, by the id of its type. */
const blocks: Readonly<Record<number, readonly [number, number]>> = {
  0: [1, 4],
  1: [1, 2],
  2: [32, 18],
  3: [32, 20],
  8: [32, 34],
};

function tensor(name: string, type: number, rows = 0): MadeTensor {
  const extents = rows === 0 ? [width] : [width, rows], [values, each] = blocks[type];
  const length = width * Math.max(1, rows) / values * each;
  return { name, extents, type, bytes: Uint8Array.from({ length }, (_, i) => i % 60) };
}

const good: MadeGguf = {
  metadata,
  tensors: [
    tensor("token_embd.weight", 8, tokens.length),
    tensor("blk.0.attn_norm.weight", 0),
    tensor("blk.0.attn_q.weight", 3, width),
    tensor("blk.0.attn_k.weight", 2, 16),
    tensor("blk.0.attn_v.weight", 1, 16),
    tensor("blk.0.attn_output.weight", 2, width),
    tensor("blk.0.ffn_norm.weight", 0),
    tensor("blk.0.ffn_gate.weight", 2, width),
    tensor("blk.0.ffn_up.weight", 2, width),
    tensor("blk.0.ffn_down.weight", 2, width),
    tensor("output_norm.weight", 0),
  ],
};

const listOf = (type: number, length: number | bigint) =>
  concatenate(u32(9), u32(type), u64(length));

const hostileValues: readonly (MadeValue | Uint8Array)[] = [
  ...[0, 1, 2, 3, 7, 16, 64, 4096, 2 ** 31, 2 ** 32 - 1].map(count),
  ...["", "gpt2", "gpt-2", "llama", "qwen2", "__proto__", "\u001b[31mred", "a b", "x".repeat(2000)]
    .map(word),
  { type: "u64", value: 2n ** 63n },
  { type: "f32", value: NaN },
  { type: "f32", value: -1 },
  { type: "bool", value: 1 },
  { type: "bool", value: 3 },
  { type: "texts", value: [] },
  { type: "texts", value: ["a", "b", "ab", "__proto__"] },
  { type: "texts", value: ["a", "a", "", "\u0000"] },
  { type: "texts", value: ["a  b", "b a", "ab"] },
  { type: "i32s", value: [] },
  { type: "i32s", value: [3, 3, 3, 3] },
  { type: "i32s", value: [-1, 4, 4, 1] },
  ...[listOf(8, 1e9), listOf(0, 2n ** 62n), listOf(9, 1), listOf(77, 1), u32(77)],
];

/** An edit of what a file is made of. */
interface Edit {
  readonly what: "value" | "key" | "pair" | "extents" | "type" | "name" | "start" | "count";
  readonly at: number;
  readonly value: MadeValue | Uint8Array;
  readonly number: bigint;
}

const edits: fc.Arbitrary<Edit> = fc.record({
  what: fc.constantFrom(
    "value",
    "value",
    "key",
    "pair",
    "extents",
    "type",
    "name",
    "start",
    "count",
  ),
  at: fc.nat(1000),
  value: fc.constantFrom(...hostileValues),
  number: fc.constantFrom(
    0n,
    1n,
    2n,
    8n,
    16n,
    31n,
    32n,
    64n,
    4096n,
    2n ** 32n,
    2n ** 53n,
    2n ** 63n,
  ),
});

function edited(made: MadeGguf, { what, at, value, number }: Edit): MadeGguf {
  const { metadata, tensors } = made, pair = at % metadata.length, one = at % tensors.length;
  const changed = (change: Partial<MadeTensor>): MadeGguf => ({
    ...made,
    tensors: tensors.map((tensor, i) => i === one ? { ...tensor, ...change } : tensor),
  });
  const { extents } = tensors[one], names = ["blk.0.attn_q.weight", "output.weight", "x", ""];
  if (what === "value") {
    return { ...made, metadata: metadata.with(pair, [metadata[pair][0], value]) };
  }
  if (what === "key") {
    const key = metadata[(at + 1) % metadata.length][0];
    return { ...made, metadata: metadata.with(pair, [at % 2 ? key : "x", metadata[pair][1]]) };
  }
  if (what === "pair") return { ...made, metadata: metadata.toSpliced(pair, 1) };
  if (what === "extents") return changed({ extents: extents.with(at % extents.length, number) });
  if (what === "type") return changed({ type: Number(number % 40n) });
  if (what === "name") return changed({ name: names[at % names.length] });
  if (what === "start") return changed({ start: number });
  return at % 2 ? { ...made, tensorCount: number } : { ...made, pairCount: number };
}

/** Corrupts the header alone: most bytes of a file are values. */
const headerEdits = byteEdits().map((corrupt) => (bytes: Uint8Array<ArrayBuffer>) => {
  const { tensors } = parseGguf(bytes, bytes.length);
  const end = Math.min(...Array.from(tensors.values(), ({ offset }) => offset));
  return concatenate(corrupt(bytes.slice(0, end)), bytes.subarray(end));
});

const corrupted = fc.oneof(
  fc.tuple(fc.array(edits, { maxLength: 2 }), rareByteEdits())
    .map(([all, corrupt]) => corrupt(ggufFile(all.reduce(edited, good)))),
  headerEdits.map((corrupt) => corrupt(ggufFile(good))),
);

/** Small Llamas, loaded onto the reference device, with their tokenizers. */
export const ggufModels: Kind = {
  name: "GGUF files",
  inputs: corrupted.map((bytes): Files => ({ [name]: bytes })),
  refusals: [SyntaxError, RangeError, ShapeError, TypeError],
  read: async (files) => {
    const folder = inMemory(files);
    await checkTensors(files);
    using device = new ReferenceDevice();
    using model = await loadModel(device, folder);
    const parameters = [...model.parameters.values()];
    const values = await device.read(...parameters.map(({ tensor }) => tensor));
    for (const [i, { data }] of values.entries()) {
      sound(areFinite(data), `values of ${parameters[i].name} that are not finite`);
    }
    if (!await hasFile(folder, "tokenizer.json")) return;
    const tokenizer = await loadTokenizer(folder), ids = [...tokenizer.encode("abba<end>")];
    sound(ids.every((id) => id < tokenizer.vocabularySize), `ids ${ids}`);
  },
  readByCommand: async (files) => {
    using device = new ReferenceDevice();
    using _ = await loadModel(device, inMemory(files));
  },
  folder: (files) => ({
    ...files,
    "cases.json": new TextEncoder().encode('{"cases":{"a":{"input_ids":[[1,2]]}}}'),
  }),
  command: (folder) => {
    const files = ["--input", `${folder}/cases.json`, "--output", `${folder}/logits.safetensors`];
    return ["logits", "--model", `${folder}/${name}`, ...files];
  },
};

/** Tensors are as long as they say, and no longer than the file can be widened to. */
async function checkTensors(files: Files): Promise<void> {
  using file = await openSafetensors(inMemory(files));
  let held = 0;
  for (const key of file.tensors.keys()) {
    const { shape, data } = await file.read(key);
    const elements = shape.reduce((product, extent) => product * extent, 1);
    sound(data.length === elements, `${data.length} values of "${key}" for shape ${shape}`);
    held += data.byteLength;
  }
  // Blocks of 18 bytes become 32 values of 4.
  const most = 128 / 18 * files[name].length;
  sound(held <= most, `${held} bytes from a file of ${files[name].length}`);
}
