/** Tensors of GGUF files against transformers' reading of them, bit by bit; see tests/golden/manifest.json. */

import { assertEquals, assertRejects } from "@std/assert";
import { sha256 } from "../../src/storage/digest.ts";
import type { HostData } from "../../src/core/tensor.ts";
import { openSafetensors } from "../../src/formats/mod.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { ggufFile, type MadeTensor } from "../support/gguf.ts";
import { golden, goldenJson } from "../support/golden.ts";

const { files } = await goldenJson("gguf/expected.json");
const bytesOf = ({ buffer, byteOffset, byteLength }: HostData) =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);

for (const name of Object.keys(files)) {
  Deno.test(`${name}.gguf: every tensor is transformers' to the bit, read in three ways`, async () => {
    using file = await openSafetensors(golden(`gguf/${name}.gguf`));
    const wanted = files[name].tensors;
    assertEquals([...file.tensors.keys()].sort(), Object.keys(wanted).sort());
    for (const [key, { shape, sha256: digest }] of Object.entries<Wanted>(wanted)) {
      const whole = await file.read(key), { dtype, bytes } = file.tensors.get(key)!;
      assertEquals([whole.shape, await sha256(bytesOf(whole.data))], [shape, digest], key);
      const inPieces = new Float32Array(whole.data.length);
      for await (const { start, data } of file.pieces(key)) inPieces.set(data, start);
      assertEquals(await sha256(bytesOf(inPieces)), digest, key);
      const stored = await file.readBytes(key, 0, bytes);
      if (dtype === "F32") assertEquals(await sha256(stored), digest, key);
      // Not at the edge of a block, and beyond one.
      assertEquals(await file.readBytes(key, 6, 138 % bytes), stored.slice(6, 6 + 138 % bytes));
    }
  });
}

interface Wanted {
  readonly shape: readonly number[];
  readonly sha256: string;
}

for (const [name, dtype] of [["llama_f16", "F16"], ["llama_bf16", "BF16"]] as const) {
  Deno.test(`${name}.gguf: matrices stay in 16 bits where they are asked for so`, async () => {
    using file = await openSafetensors(golden(`gguf/${name}.gguf`));
    for (const [key, entry] of file.tensors) {
      assertEquals(entry.dtype, entry.shape.length === 2 ? dtype : "F32", key);
      const bits: number[] = [];
      for await (const { data } of file.pieces(key, true)) bits.push(...bytesOf(data));
      assertEquals(bits, [...await file.readBytes(key, 0, entry.bytes)], key);
    }
  });
}

/** Float16 of one is 0x3c00; a block of a type with these first bytes and all codes 0x21. */
const block = (first: readonly number[], codes: number) =>
  Uint8Array.from([...first, ...Array(codes).fill(0x21)]);

const named = (name: string, tensor: Omit<MadeTensor, "name">): MadeTensor => ({ name, ...tensor });

const llama = [
  ["general.architecture", { type: "text", value: "llama" }],
  ["llama.attention.head_count", { type: "u32", value: 1 }],
] as const;

async function openMade(tensor: MadeTensor, use: (path: string) => Promise<void>) {
  await withFolder(async (folder) => {
    await Deno.writeFile(`${folder}/x.gguf`, ggufFile({ metadata: llama, tensors: [tensor] }));
    await use(`${folder}/x.gguf`);
  });
}

Deno.test("blocks are widened by their formulas, lower halves first, and the sign of 0 is kept", async () => {
  const cases: [number, Uint8Array, readonly number[]][] = [
    // (q - 8) d with d = -1: codes 1 and 2.
    [2, block([0, 0xbc], 16), [7, 6]],
    // q d + m with d = 1, m = -2.
    [3, block([0, 0x3c, 0, 0xc0], 16), [-1, 0]],
    // q d with d = -0.5.
    [8, block([0, 0xb8], 32), [-16.5, -16.5]],
    // Code 8 of Q4_0 is 0, by a negative scale -0.
    [2, Uint8Array.from([0, 0xbc, ...Array(16).fill(0x88)]), [-0, -0]],
  ];
  for (const [type, bytes, [first, second]] of cases) {
    const tensor = named("output_norm.weight", { extents: [32], type, bytes });
    await openMade(tensor, async (path) => {
      using file = await openSafetensors(path);
      const { data } = await file.read("model.norm.weight");
      assertEquals([...data].map((x) => Object.is(x, -0) ? "-0" : x).slice(15, 17), [
        Object.is(first, -0) ? "-0" : first,
        Object.is(second, -0) ? "-0" : second,
      ]);
    });
  }
});

Deno.test("a scale that is not finite is named with its place, unless that is allowed", async () => {
  const infinite = block([0, 0x7c], 32); // d of the second block
  const bytes = Uint8Array.from([...block([0, 0x3c], 32), ...infinite]);
  const tensor = named("output_norm.weight", { extents: [64], type: 8, bytes });
  await openMade(tensor, async (path) => {
    using file = await openSafetensors(path);
    const sentence =
      `cannot read "model.norm.weight" of ${path}: values must be finite in F32, found Infinity at [32]`;
    await assertRejects(() => file.read("model.norm.weight"), RangeError, sentence);
    using allowed = await openSafetensors(path, { allowNonFinite: true });
    assertEquals((await allowed.read("model.norm.weight")).data[32], Infinity);
  });
});

Deno.test("pieces of a large matrix are whole rows or parts of one, of blocks and of turned heads", async () => {
  const width = 96, rows = 4096, values = Float32Array.from({ length: rows * width }, (_, i) => i);
  const bytes = new Uint8Array(values.buffer);
  for (const [name, key] of [["blk.0.attn_q", "q"], ["blk.0.attn_v", "v"]]) {
    const tensor = named(`${name}.weight`, { extents: [width, rows], type: 0, bytes });
    await openMade(tensor, async (path) => {
      using file = await openSafetensors(path);
      const found = new Float32Array(values.length),
        full = `model.layers.0.self_attn.${key}_proj.weight`;
      let pieces = 0;
      for await (const { start, data } of file.pieces(full)) found.set(data, start), pieces++;
      assertEquals(pieces, 2);
      // Of one head of 4,096 rows, even ones come first in Hugging Face's order.
      const rowOf = (row: number) => key === "v" ? row : 2 * (row % 2048) + Math.floor(row / 2048);
      for (let row = 0; row < rows; row += 37) {
        assertEquals([...found.subarray(row * width, row * width + 2)], [
          rowOf(row) * width,
          rowOf(row) * width + 1,
        ]);
      }
    });
  }
});
