/** Behavior of the webgpu device alone: queues, pools, limits and errors that are events. */

import { assert, assertEquals, assertLessOrEqual, assertRejects, assertThrows } from "@std/assert";
import { addKernel, defineKernel, fill, layerNormForward, scaleAdd } from "../../kernels/mod.ts";
import { DeviceError } from "../../src/core/errors.ts";
import { matrix, multiply } from "../../src/autograd/ops/product.ts";
import { Scope } from "../../src/device/arena.ts";
import { findAdapter, requestDevice } from "../../src/device/webgpu/adapter.ts";
import { openWebgpuDevice, WebgpuDevice } from "../../src/device/webgpu/webgpu_device.ts";
import { webgpuAvailable } from "../../scripts/support/parts.ts";

const ignore = !await webgpuAvailable();

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `webgpu: ${name}`, ignore, fn });
}

const copy = (size: number) => ({ size, xOffset: 0, yOffset: 0, alpha: 1, accumulate: 0 });

/** Counts submits while `work` runs. */
async function countSubmits(work: () => void | Promise<void>): Promise<number> {
  let submits = 0;
  const submit = GPUQueue.prototype.submit;
  GPUQueue.prototype.submit = function (buffers) {
    submits++;
    submit.call(this, buffers);
  };
  try {
    await work();
  } finally {
    GPUQueue.prototype.submit = submit;
  }
  return submits;
}

test("a step with writes in its middle is one submit", async () => {
  using device = await openWebgpuDevice();
  const submits = await countSubmits(() => {
    for (let step = 0; step < 3; step++) {
      using scope = new Scope(device);
      const x = scope.allocate([1000], "f32", "activation", "x");
      const y = scope.allocate([1000], "f32", "activation", "y");
      device.launch(fill, { y: x }, { size: 1000, value: step });
      device.launch(scaleAdd, { x, y }, copy(1000));
      const labels = scope.allocate([1000], "i32", "activation", "labels");
      device.write(labels, new Int32Array(1000).fill(step));
      device.launch(addKernel, { a: labels, b: y, out: x }, { size: 1000 });
      device.submit();
    }
  });
  assertEquals(submits, 3);
});

test("launches are submitted before they would take too long together", async () => {
  using device = await openWebgpuDevice();
  using scope = new Scope(device);
  const size = 32, flops = 2 * size ** 3;
  const [a, b, c] = ["a", "b", "c"].map((name) =>
    scope.allocate([size, size], "f32", "activation", name)
  );
  device.write(a, new Float32Array(size * size).fill(1));
  device.write(b, new Float32Array(size * size).fill(1));
  const product = () => multiply(matrix(a), matrix(b), matrix(c), { m: size, n: size, k: size });
  const sevenOf = async (most: number) => {
    Object.defineProperty(device, "maxLaunchFlops", { value: most, configurable: true });
    return await countSubmits(() => {
      for (let i = 0; i < 7; i++) product();
      device.submit();
    });
  };
  assertEquals([await sevenOf(7 * flops), await sevenOf(3 * flops)], [1, 3]);
  const [{ data }] = await device.read(c);
  assertEquals(data, new Float32Array(size * size).fill(size));
});

test("250 steps of varying shapes end with the memory of the largest", async () => {
  using device = await openWebgpuDevice();
  let largest = 0;
  for (let step = 0; step < 250; step++) {
    using scope = new Scope(device);
    const size = 1000 + (step * 7919) % 100_000;
    const tensors = Array.from(
      { length: 4 },
      (_, i) => scope.allocate([size * (i + 1)], "f32", "activation", `tensor ${i}`),
    );
    tensors.forEach((y) => device.launch(fill, { y }, { size: y.size, value: step }));
    largest = Math.max(largest, device.ledger.read().live);
    device.submit();
    if (step % 100 === 0) await device.read(tensors[0].view([1]));
  }
  assertEquals(device.ledger.read().live, 0);
  // An eighth for size classes, 16 MiB that are never worth the trouble, and what a read stages.
  assertLessOrEqual(device.residentBytes, largest * 9 / 8 + 17 * 2 ** 20);
});

test("a kernel that does not compile is named by the next read, and by no other", async () => {
  using device = await openWebgpuDevice();
  const broken = defineKernel({
    ...fill,
    name: "broken_kernel",
    wgsl: { code: "fn main( {", workgroups: () => 1 },
  });
  using y = device.allocate([1], "f32", "scratch", "y");
  device.launch(broken, { y }, { size: 1, value: 1 });
  await assertRejects(() => device.read(y), DeviceError, "broken_kernel");
  device.launch(fill, { y }, { size: 1, value: 3 });
  assertEquals([...(await device.read(y))[0].data], [3]);
});

test("a kernel whose code and signature disagree is named by the next read", async () => {
  using device = await openWebgpuDevice();
  const code = fill.wgsl.code.replace("storage, read_write", "storage, read").replace(
    "y[i] = s.value;",
    "_ = y[i];",
  );
  const lying = defineKernel({
    ...fill,
    name: "lying_kernel",
    wgsl: { code: code.replace("@binding(1)", "@binding(5)"), workgroups: () => 1 },
  });
  using y = device.allocate([1], "f32", "scratch", "y");
  device.launch(lying, { y }, { size: 1, value: 1 });
  await assertRejects(() => device.read(y), DeviceError, "lying_kernel");
});

test("what WebGPU would refuse in silence is refused with the kernel's name", async () => {
  using device = await openWebgpuDevice();
  using x = device.allocate([256], "f32", "scratch", "x");
  assertThrows(
    () => device.launch(fill, { y: x.view([4], 1) }, { size: 4, value: 0 }),
    DeviceError,
    "fill cannot bind as y x at byte 4",
  );
  assertThrows(
    () => device.launch(scaleAdd, { x: x.view([64]), y: x.view([64], 64) }, copy(64)),
    DeviceError,
    "scale_add cannot bind as y x, which it reads as x",
  );
});

test("tensors beyond the limits are refused with both numbers", async () => {
  using device = await openWebgpuDevice();
  const size = device.maxBufferBytes / 4 + 64;
  assertThrows(
    () => device.allocate([size], "f32", "weight", "huge"),
    DeviceError,
    `huge needs ${size * 4} bytes, but a webgpu buffer holds at most ${device.maxBufferBytes}`,
  );
  assertEquals(device.ledger.read().live, 0);
});

test("more workgroups than one dimension takes are folded", async () => {
  using device = await openWebgpuDevice();
  const size = 65535 * 256 + 300;
  using y = device.allocate([size], "f32", "scratch", "y");
  device.launch(fill, { y }, { size: size - 1, value: 5 });
  device.launch(fill, { y: y.view([1]) }, { size: 1, value: 6 });
  const [{ data }] = await device.read(y);
  assertEquals([data[0], data[1], data[size - 300], data[size - 2]], [6, 5, 5, 5]);
  assert(data.subarray(1, size - 1).every((value) => value === 5));
});

test("more rows than one dimension takes are folded", async () => {
  using device = await openWebgpuDevice();
  using scope = new Scope(device);
  const rows = 270001, row = () => scope.allocate([rows], "f32", "scratch", "row");
  const [x, y, mean, inverseDeviation] = [row(), row(), row(), row()];
  const [weight, bias] = [scope.allocate([1], "f32", "weight", "w"), row()];
  device.write(x, Float32Array.from({ length: rows }, (_, i) => i));
  const bindings = { x, weight, bias, y, mean, inverseDeviation };
  device.launch(layerNormForward, bindings, { rows, width: 1, epsilon: 1 });
  const [{ data }] = await device.read(mean);
  assertEquals(data.findIndex((value, i) => value !== i), -1);
});

test("more launches than the ring of scalars holds keep their own", async () => {
  using device = await openWebgpuDevice();
  using x = device.allocate([1], "f32", "scratch", "x");
  using y = device.allocate([1], "f32", "scratch", "y");
  device.launch(fill, { y: x }, { size: 1, value: 1 });
  device.launch(fill, { y }, { size: 1, value: 0 });
  for (let i = 0; i < 5000; i++) {
    device.launch(scaleAdd, { x, y }, { ...copy(1), alpha: i, accumulate: 1 });
  }
  assertEquals([...(await device.read(y))[0].data], [12497500]);
});

test("a device that was lost does no more work, and says what happened", async () => {
  const opened = await requestDevice((await findAdapter())!);
  using device = new WebgpuDevice(opened, "webgpu under test");
  using y = device.allocate([4], "f32", "scratch", "y");
  opened.gpu.destroy();
  await opened.gpu.lost;
  const lost = "the webgpu device was lost: destroyed";
  const blank = () => device.launch(fill, { y }, { size: 4, value: 5 });
  assertThrows(blank, DeviceError, lost);
  assertThrows(() => device.write(y, new Float32Array(4)), DeviceError, lost);
  assertThrows(() => device.allocate([1], "f32", "scratch", "more"), DeviceError, lost);
  await assertRejects(() => device.read(y), DeviceError, lost);
});

test("a read that waits when the device is disposed is refused", async () => {
  const device = await openWebgpuDevice();
  using x = device.allocate([1], "f32", "scratch", "x");
  const reading = device.read(x);
  device[Symbol.dispose]();
  await assertRejects(() => reading, DeviceError, "disposed before a read was done");
});

test("in Firefox, and there alone, a read that waits is nudged by submits, which end with it", async () => {
  const { gpu, traits } = await requestDevice((await findAdapter())!);
  using device = new WebgpuDevice({ gpu, traits }, "webgpu under test");
  using y = device.allocate([4], "f32", "scratch", "y");
  const submit = gpu.queue.submit.bind(gpu.queue);
  let empty = 0;
  gpu.queue.submit = (buffers) => {
    if ([...buffers].length === 0) empty++;
    submit(buffers);
  };
  const submitsOf = async (userAgent: string) => {
    empty = 0;
    const own = Object.getOwnPropertyDescriptor(navigator, "userAgent");
    Object.defineProperty(navigator, "userAgent", { value: userAgent, configurable: true });
    try {
      await device.read(y);
    } finally {
      if (own) Object.defineProperty(navigator, "userAgent", own);
      else delete (navigator as { userAgent?: string }).userAgent;
    }
    const during = empty;
    await new Promise((resolve) => setTimeout(resolve, 30));
    assertEquals(empty, during, "submits after the read was done");
    return during;
  };
  assertEquals(await submitsOf(navigator.userAgent), 0);
  const count = await submitsOf("Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Firefox/153.0");
  assert(count > 0 && count <= 100, `${count} empty submits`);
});
