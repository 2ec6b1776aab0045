import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { addKernel, embeddingBackward, fill } from "../../kernels/mod.ts";
import { DeviceError } from "../../src/core/errors.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { WorkerPool } from "../../src/device/cpu/worker_pool.ts";
import { Scope } from "../../src/device/arena.ts";

Deno.test("cpu: the number of threads is what was asked for, and must be one", async () => {
  using one = await openCpuDevice({ threads: 1, blas: false });
  using three = await openCpuDevice({ threads: 3, blas: false });
  assertEquals(one.description, "cpu, 1 thread, WebAssembly SIMD");
  assertEquals(three.description, "cpu, 3 threads, WebAssembly SIMD");
  for (const threads of [0, -1, 1.5, NaN]) {
    await assertRejects(() => openCpuDevice({ threads }), RangeError, `found ${threads}`);
  }
});

Deno.test("cpu: ledger and allocator come back to where they were", async () => {
  using device = await openCpuDevice({ threads: 2 });
  const allocated = device.allocatedBytes, live = device.ledger.read().live;
  for (let round = 0; round < 3; round++) {
    using scope = new Scope(device);
    const [x, y] = ["x", "y"].map((name) => scope.allocate([50_000], "f32", "activation", name));
    device.launch(fill, { y: x }, { size: x.size, value: 1 });
    device.launch(addKernel, { a: x, b: x, out: y }, { size: x.size });
    using inner = device.allocate([3, 5], "u32", "scratch", "ids");
    assertEquals(device.ledger.read().live - live, 400_000 + inner.bytes);
    assert(device.allocatedBytes - allocated >= 400_000 + inner.bytes);
  }
  assertEquals(device.ledger.read().live, live);
  assertEquals(device.allocatedBytes, allocated);
});

Deno.test("cpu: more than 4 GiB is an error that says so, and leaves the device as it was", async () => {
  using device = await openCpuDevice({ threads: 1 });
  const error = assertThrows(
    () => device.allocate([1 << 15, 1 << 15], "f32", "weight", "h.0.weight"),
    DeviceError,
  );
  for (const part of ["h.0.weight", "4294967296 bytes", `${device.allocatedBytes} are live`]) {
    assertStringIncludes(error.message, part);
  }
  assertEquals(device.ledger.read().live, 0);
  using small = device.allocate([4], "f32", "weight", "small");
  device.launch(fill, { y: small }, { size: 4, value: 2 });
  assertEquals([...(await device.read(small))[0].data], [2, 2, 2, 2]);
});

Deno.test("cpu: values survive the growth of the memory, and high addresses work", async () => {
  using device = await openCpuDevice({ threads: 2 });
  using first = device.allocate([1000], "f32", "weight", "first");
  device.launch(fill, { y: first }, { size: 1000, value: 7 });
  // Pages that nobody touches are not resident, so 2.5 GiB between the two cost nothing.
  using gap = device.allocate([640, 1 << 20], "f32", "scratch", "gap");
  using last = device.allocate([100_000], "f32", "weight", "last");
  device.launch(addKernel, { a: first, b: first, out: last }, { size: 1000 });
  device.launch(fill, { y: last.view([99_000], 1000) }, { size: 99_000, value: 3 });
  const [low, high] = await device.read(first, last);
  assert(gap.storage.handle as number + gap.bytes > 2 ** 31);
  assert(low.data.every((value) => value === 7));
  assert(high.data.every((value, at) => value === (at < 1000 ? 14 : 3)));
});

/** Tensors of a sum whose rows from `row` on are 1 GiB from the gradient, where the device does not check them. */
function trapFrom(scope: Scope, row: number) {
  const count = 40_000, dOut = scope.allocate([8], "f32", "scratch", "dOut");
  const order = scope.allocate([count], "u32", "scratch", "order");
  const starts = scope.allocate([count + 1], "u32", "scratch", "starts");
  const dTable = scope.allocate([count], "f32", "scratch", "dTable");
  scope.device.write(order, new Uint32Array(count).fill(2 ** 28, row));
  scope.device.write(starts, Uint32Array.from({ length: count + 1 }, (_, row) => row));
  const scalars = { vocabulary: count, width: 1, accumulate: 0 };
  const sum = () =>
    scope.device.launch(embeddingBackward, { dOut, order, starts, dTable }, scalars);
  return { sum, count, order, dTable };
}

for (const threads of [1, 2]) {
  Deno.test(`cpu: a device whose kernel trapped does no more work, ${threads} threads`, async () => {
    using device = await openCpuDevice({ threads });
    using scope = new Scope(device);
    const { sum, count, order, dTable } = trapFrom(scope, 0); // every thread meets it
    const failure = assertThrows(sum, DeviceError, "embedding_backward trapped").message;
    const after = `the cpu device does no more work: ${failure}`;
    assertThrows(sum, DeviceError, after);
    const blank = () => device.launch(fill, { y: dTable }, { size: count, value: 5 });
    assertThrows(blank, DeviceError, after);
    assertThrows(() => device.write(order, new Uint32Array(count)), DeviceError, after);
    assertThrows(() => device.allocate([1], "f32", "scratch", "more"), DeviceError, after);
    await assertRejects(() => device.read(dTable), DeviceError, after);
  });
}

Deno.test("cpu: a trap is told whichever thread meets it", async () => {
  // The last rows are one thread's or the other's: in 20 devices the worker very likely meets them once.
  for (let i = 0; i < 20; i++) {
    using device = await openCpuDevice({ threads: 2 });
    using scope = new Scope(device);
    assertThrows(trapFrom(scope, 39_999).sum, DeviceError, "embedding_backward trapped");
  }
});

Deno.test("cpu: many small launches and devices, one after another and side by side", async () => {
  const devices = await Promise.all([1, 2, 3].map((threads) => openCpuDevice({ threads })));
  for (const device of devices) {
    using x = device.allocate([70_000], "f32", "scratch", "x");
    device.launch(fill, { y: x }, { size: x.size, value: 0 });
    using ones = device.allocate([70_000], "f32", "scratch", "ones");
    device.launch(fill, { y: ones }, { size: x.size, value: 1 });
    for (let i = 0; i < 500; i++) {
      device.launch(addKernel, { a: x, b: ones, out: x }, { size: x.size });
    }
    assert((await device.read(x))[0].data.every((value) => value === 500));
    device[Symbol.dispose]();
    assertThrows(() => device.allocate([1], "f32", "scratch", "late"), DeviceError, "disposal");
  }
});

Deno.test("cpu: a thread that dies as it starts is an error, not a wait", async () => {
  const empty = await WebAssembly.compile(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const start = () => WorkerPool.start({ module: empty, memory, names: [], base: 0 }, [0]);
  await assertRejects(start, DeviceError, "a thread of the cpu device died");
});
