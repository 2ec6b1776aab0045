/** The profile of a step. */

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { attentionForward, embeddingForward, fill, matmul } from "../../kernels/mod.ts";
import { DeviceError } from "../../src/core/errors.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { openDevice, type Tensor } from "../../src/device/mod.ts";
import { bytesMoved } from "../../src/device/trace.ts";
import { initGpt2, parseGpt2Config } from "../../src/models/mod.ts";
import { type Profile, profile, profileFigure, profileTable } from "../../src/inspect/mod.ts";
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

Deno.test("a profile's table has kinds and the rest, then each kernel; its figure all bars", async () => {
  using device = await openCpuDevice({ threads: 1, blas: false });
  using model = initGpt2(device, config, { seed: 1 });
  using trainer = new Trainer(model, { learningRate: 1e-3, steps: 100 });
  const found = await profile(device, () => trainer.step([batch]), { rounds: 1 });
  const { rows } = profileTable(found), { data } = profileFigure(found);
  const end = rows.findIndex(({ kind }) => kind === "no kernel") + 1;
  const shareOf = (part: typeof rows) =>
    part.reduce((total, { share }) => total + Number(share), 0);
  assertEquals(end, data.length + 1);
  assertEquals(rows.length, end + found.rows.length);
  assertAlmostEquals(shareOf(rows.slice(0, end)), 100, 1e-6);
  assertAlmostEquals(shareOf(rows.slice(end)), 100 - 100 * found.outside / found.traced, 1e-6);
  const products = rows.filter(({ kind }) => kind === "products");
  assertAlmostEquals(Number(products[0].share), shareOf(products.slice(1)), 1e-6);
  assertEquals(data.reduce((total, { x }) => total + x!.length, 0), found.launches.length);
  const names = data.map(({ name }) => name);
  assertEquals(names, ["products", "attention", "norms", "loss", "optimizer", "other kernels"]);
});

Deno.test("the roof's kernels run in every round, and the step after them before it counts", async () => {
  using device = await openCpuDevice({ threads: 2, blas: false });
  using y = device.allocate([4], "f32", "scratch", "y");
  const order: string[] = [], launch = device.launch.bind(device);
  device.launch = (kernel, ...rest) => {
    order.push(kernel.name);
    launch(kernel, ...rest);
  };
  await profile(device, () => device.launch(fill, { y }, { size: 4, value: 1 }), { rounds: 2 });
  const roof = ["matmul", "add"], round = [...roof, "fill", "fill", "fill"];
  assertEquals(order, ["fill", ...roof, ...round, ...round]);
});

Deno.test("a profile says what its roof is, and which of its times are of no use", () => {
  const times = { alone: 2, traced: 2.5, outside: 2.5, roof: 0.5 };
  const found: Profile = {
    ...{ device: "cpu", roofs: { flops: 31.3e6, bytes: 9.1e6 }, launches: [], rows: [] },
    ...times,
  };
  const textsOf = (found: Profile) => [profileTable(found).title, profileFigure(found).caption];
  for (const text of textsOf(found)) {
    assertStringIncludes(text, "roof: 31.3 GFLOP/s, 9.10 GB/s, measured beside the step");
    assert(!/exceeds|faster/.test(text), text);
  }
  for (const text of textsOf({ ...found, roof: 2.3 })) {
    assertStringIncludes(text, "the machine was busier while the roof was measured");
  }
  for (const text of textsOf({ ...found, traced: 1.9 })) {
    assertStringIncludes(text, "The traced step was faster than the step as it is: raise rounds");
  }
});

Deno.test("a profile needs a round, a device with a clock, and a step that runs kernels on it", async () => {
  using device = await openCpuDevice({ threads: 1, blas: false });
  const none = () => profile(device, () => {}, { rounds: 0 });
  await assertRejects(none, RangeError, "a profile needs at least 1 round, found 0");
  const idle = () => profile(device, () => {});
  await assertRejects(idle, DeviceError, "found none: does it use another device?");
  for (const kind of ["reference", "dry"] as const) {
    using other = await openDevice({ kind });
    const found = `a profile needs a cpu or webgpu device, found ${kind}`;
    await assertRejects(() => profile(other, () => {}), DeviceError, found);
  }
  const three = () => profile(device, 3 as never);
  await assertRejects(three, TypeError, "a profile's step must be a function, found 3");
  const misspelled = () => profile(device, () => {}, { round: 2 } as never);
  await assertRejects(misspelled, TypeError, 'found "round" (did you mean rounds?)');
});

Deno.test("a lookup moves the rows that it takes, not the whole table", async () => {
  using device = await openCpuDevice({ threads: 1, blas: false });
  using table = device.allocate([1000, 8], "f32", "weight", "table");
  using ids = device.allocate([3], "u32", "activation", "ids");
  using out = device.allocate([3, 8], "f32", "activation", "out");
  const bindings = { table, ids, out }, rest = 4 * (3 + 2 * 3 * 8);
  const scalars = { count: 3, width: 8, first: 0, rows: 1000 };
  assertEquals(bytesMoved(embeddingForward, bindings, scalars), 4 * 3 * 8 + rest);
  assertEquals(bytesMoved(embeddingForward, bindings, { ...scalars, rows: 2 }), 4 * 2 * 8 + rest);
  assertEquals(embeddingForward.elements(scalars).table, 8000);
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
    ...{ scale: 1, causal: 1, hasMask: 0, packedRows: 0 },
  };
  const bindings = { q: qkv, k: qkv, v: qkv, mask, starts: mask, out, logSumExp: sums };
  assertEquals(bytesMoved(attentionForward, bindings, scalars), 4 * (4 * 24 + 4 * 8 + 4));
  assertEquals(attentionForward.flops!(scalars), 4 * 10 * 8);
  assertEquals(matmul.flops!({ ...matmulScalars, k2: 2 }), 2 * 3 * 4 * 7);
});

Deno.test("two parts of one buffer are read each, as two buffers are", async () => {
  using device = await openCpuDevice({ threads: 1, blas: false });
  using both = device.allocate([24], "f32", "weight", "W and its bias");
  using W = device.allocate([5, 4], "f32", "weight", "W");
  using bias = device.allocate([4], "f32", "weight", "bias");
  using x = device.allocate([3, 5], "f32", "activation", "x");
  using y = device.allocate([3, 4], "f32", "activation", "y");
  const scalars = { ...matmulScalars, hasBias: 1 };
  const moved = (b: Tensor, bias: Tensor) =>
    bytesMoved(matmul, { a: x, b, c: y, bias, a2: x, b2: b }, scalars);
  assertEquals(moved(both.view([5, 4]), both.view([4], 20)), moved(W, bias));
});

const matmulScalars = {
  ...{ m: 3, n: 4, k: 5, k2: 0, transposeA: 0, transposeB: 0, alpha: 1, hasBias: 0, accumulate: 0 },
  ...{ aOffset: 0, aStride: 5, bOffset: 0, bStride: 4, cOffset: 0, cStride: 4 },
  ...{ a2Offset: 0, a2Stride: 5, b2Offset: 0, b2Stride: 4 },
};
