/** What a profile says of a step. */

import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { attentionForward, matmul } from "../../kernels/mod.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { bytesMoved } from "../../src/device/trace.ts";
import { initGpt2, parseGpt2Config } from "../../src/models/mod.ts";
import { profile, profileFigure, profileTable } from "../../src/inspect/mod.ts";
import { Trainer } from "../../src/train/mod.ts";

const config = parseGpt2Config({
  ...{ vocab_size: 32, n_positions: 8, n_embd: 16, n_layer: 2, n_head: 2 },
});
const shape = [2, 8];
const batch = {
  inputs: { tokens: { shape, data: Uint32Array.from({ length: 16 }, (_, i) => i) } },
  targets: { shape, data: Int32Array.from({ length: 16 }, (_, i) => i + 1) },
};

Deno.test("a profile counts a step's launches and arithmetic, and gives all of its time", async () => {
  using device = await openCpuDevice({ threads: 2, blas: false });
  using model = initGpt2(device, config, { seed: 1 });
  using trainer = new Trainer(model, { learningRate: 1e-3, steps: 100 });
  const live = device.ledger.read().live;
  const found = await profile(device, () => trainer.step([batch]), { rounds: 2 });
  assertEquals(device.ledger.read().live, live);
  const sum = (of: (row: typeof found.rows[number]) => number) =>
    found.rows.reduce((total, row) => total + of(row), 0);
  assertEquals(sum((row) => row.launches), found.launches.length);
  assertAlmostEquals(sum((row) => row.time) + found.outside, found.traced, 1e-6);
  // A product of a step has three directions: 6 multiply-adds a token and weight, the head's included.
  const tokens = 16, width = 16, weights = 2 * 12 * width ** 2 + 32 * width;
  const products = sum((row) => row.kernel.startsWith("matmul") ? row.flops : 0);
  assertEquals(products, 6 * tokens * weights);
  assert(found.rows.every(({ time }, i) => i === 0 || time <= found.rows[i - 1].time), "sorted");
  assert(found.rows.every(({ threads }) => threads! >= 1 && threads! <= 2), "one or two threads");
});

Deno.test("a profile's table has a row for each kernel and one for the rest, its figure all bars", async () => {
  using device = await openCpuDevice({ threads: 1, blas: false });
  using model = initGpt2(device, config, { seed: 1 });
  using trainer = new Trainer(model, { learningRate: 1e-3, steps: 100 });
  const found = await profile(device, () => trainer.step([batch]), { rounds: 1 });
  const { rows } = profileTable(found), { data } = profileFigure(found);
  assertEquals(rows.length, found.rows.length + 1);
  assertAlmostEquals(rows.reduce((total, { share }) => total + Number(share), 0), 100, 1e-6);
  assertEquals(data.reduce((total, { x }) => total + x!.length, 0), found.launches.length);
  const names = data.map(({ name }) => name);
  assertEquals(names, ["products", "attention", "norms", "loss", "optimizer", "other kernels"]);
});

Deno.test("a profile needs a round", async () => {
  using device = await openCpuDevice({ threads: 1, blas: false });
  const none = () => profile(device, () => {}, { rounds: 0 });
  await assertRejects(none, RangeError, "a profile needs at least 1 round, found 0");
});

Deno.test("the windows of one buffer are read once, and a table as far as rows are looked up", async () => {
  using device = await openCpuDevice({ threads: 1, blas: false });
  using qkv = device.allocate([4, 24], "f32", "activation", "qkv");
  using out = device.allocate([4, 8], "f32", "activation", "out");
  using mask = device.allocate([1], "u32", "activation", "mask");
  using sums = device.allocate([4], "f32", "activation", "sums");
  const scalars = {
    ...{ batch: 1, heads: 1, kvHeads: 1, headWidth: 8, queries: 4, keys: 4, past: 0, kvRows: 4 },
    ...{ qStride: 24, qOffset: 0, kStride: 24, kOffset: 8, vStride: 24, vOffset: 16 },
    ...{ scale: 1, causal: 1, hasMask: 0 },
  };
  const bindings = { q: qkv, k: qkv, v: qkv, mask, out, logSumExp: sums };
  assertEquals(bytesMoved(attentionForward, bindings, scalars), 4 * (4 * 24 + 4 * 8 + 4));
  assertEquals(attentionForward.flops!(scalars), 4 * 10 * 8);
  assertEquals(matmul.flops!({ ...matmulScalars, k2: 2 }), 2 * 3 * 4 * 7);
});

const matmulScalars = {
  ...{ m: 3, n: 4, k: 5, k2: 0, transposeA: 0, transposeB: 0, alpha: 1, hasBias: 0, accumulate: 0 },
  ...{ aOffset: 0, aStride: 5, bOffset: 0, bStride: 4, cOffset: 0, cStride: 4 },
  ...{ a2Offset: 0, a2Stride: 5, b2Offset: 0, b2Stride: 4 },
};
