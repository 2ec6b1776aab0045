/** Attention's regions of a thread's scratch, in which nothing checks where a kernel writes. */

import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { cpuWasm } from "../../kernels/cpu.ts";
import { mostHeadColumns } from "../../src/core/limits.ts";
import { normals } from "./cases/values.ts";

type Tile = (headWidth: number) => number;

/** The tiles as the kernels have them: this AssemblyScript is TypeScript with two more functions. */
async function tilesOf(): Promise<{ readonly forwardTile: Tile; readonly backwardTile: Tile }> {
  Object.assign(globalThis, { min: Math.min, max: Math.max });
  const source = new URL("../../kernels/attention/tiles.as.ts", import.meta.url);
  return await import(source.href);
}

/** A fresh instance of the kernels, and its memory. */
async function instance() {
  const memory = new WebAssembly.Memory({ initial: 128, maximum: 65536, shared: true });
  const { exports } = (await WebAssembly.instantiate(await Deno.readFile(cpuWasm), {
    env: { memory, sgemm: () => {} },
  })).instance;
  return { memory, kernels: exports as Record<string, (...values: number[]) => number> };
}

const panel = 32; // bytes of a row of 8 columns

/** Packed queries, keys and values; scores; statistics and output of each panel of queries. */
const forwardBytes = (tile: number, width: number) =>
  3 * 4 * tile * width + panel * tile + (tile / 8) * (96 + panel * width);

/** Nine packed operands; gradients of all scores; then p and ds of a panel, or gradients of queries. */
const backwardBytes = (tile: number, width: number) =>
  9 * 4 * tile * width + 4 * tile ** 2 +
  Math.max(panel * (tile + 8) + panel * tile, panel * width);

Deno.test("attention's regions fit a thread's scratch for every head that is allowed", async () => {
  const { forwardTile, backwardTile } = await tilesOf(), { kernels } = await instance();
  const scratch = kernels.scratch_bytes();
  for (let headWidth = 1; headWidth <= mostHeadColumns; headWidth++) {
    const width = 4 * Math.ceil(headWidth / 4), what = `a head of ${headWidth} columns`;
    for (const tile of [forwardTile(headWidth), backwardTile(headWidth)]) {
      assert(tile >= 8 && tile % 8 === 0, `${what}: a tile of ${tile}`);
    }
    assertLessOrEqual(forwardBytes(forwardTile(headWidth), width), scratch, what);
    assertLessOrEqual(backwardBytes(backwardTile(headWidth), width), scratch, what);
  }
});

/** Heads and lengths; those for BLAS have the longest whose scores are kept, and some blocks of queries. */
const places = [
  ...[1, 193, 225, mostHeadColumns].map((headWidth) => ({ headWidth, time: 300, blas: false })),
  ...[300, 1365, 16384].map((time) => ({ headWidth: 1, time, blas: true })),
];

for (const { headWidth, time, blas } of places) {
  const what = `attention of ${time} x ${headWidth}${blas ? " with BLAS" : ""}`;
  Deno.test(`${what} leaves what follows the scratch`, async () => {
    const { memory, kernels } = await instance();
    if (blas) kernels.use_blas();
    const scratch = Math.ceil(kernels.heap_base() / 64) * 64, guard = 2 ** 20;
    kernels.use_scratch(scratch);
    let end = scratch + kernels.scratch_bytes();
    const after = new Uint8Array(memory.buffer, end, guard).fill(0xa5);
    end += guard;
    const place = (values: Float32Array) => {
      const address = end, missing = end + values.byteLength + 65536 - memory.buffer.byteLength;
      if (missing > 0) memory.grow(Math.ceil(missing / 65536));
      new Float32Array(memory.buffer, address, values.length).set(values);
      end += Math.ceil(values.byteLength / 64) * 64;
      return address;
    };
    const count = time * headWidth, zeros = (length: number) => new Float32Array(length);
    const qkv = place(normals(1, 3 * count)), out = place(zeros(count)), lse = place(zeros(time));
    const dOut = place(normals(2, count)),
      delta = place(zeros(time)),
      dQkv = place(zeros(3 * count));
    const extents = [1, 1, 1, headWidth, time, time, 0, 3 * headWidth, 0, 3 * headWidth, headWidth];
    const rest = [3 * headWidth, 2 * headWidth, time, 1 / Math.sqrt(headWidth), 1, 0, 0, 0, 1];
    kernels.attention_forward(qkv, qkv, qkv, qkv, qkv, out, lse, ...extents, ...rest);
    const scalars = [1, 1, headWidth, time, 1 / Math.sqrt(headWidth), 1, 0, 0, 0, 1];
    kernels.attention_backward(qkv, qkv, qkv, out, lse, dOut, delta, dQkv, ...scalars);
    // The instance's BLAS computes nothing: it is our own loops that are looked at.
    assert(blas || new Float32Array(memory.buffer, dQkv, 3 * count).some((x) => x !== 0));
    assertEquals(after.findIndex((byte) => byte !== 0xa5), -1);
  });
}
