import { assert, assertEquals, assertThrows } from "@std/assert";
import { DeviceError, ShapeError } from "../../src/core/errors.ts";
import { Arena, Scope } from "../../src/device/arena.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import type { Tensor } from "../../src/device/device.ts";
import { zero } from "../../src/device/base.ts";

Deno.test("views of views count from the storage's start and may not reach beyond their tensor", () => {
  using device = new DryDevice();
  using x = device.allocate([10, 10], "f32", "weight", "x");
  const inner = x.view([5, 10], 50).view([10], 20);
  assertEquals([inner.offset, inner.size, inner.bytes, inner.role], [70, 10, 40, "weight"]);
  assertThrows(() => x.view([51], 50), ShapeError, "a view [51] at 50 must be within x [10, 10]");
  assertThrows(() => inner.view([11]), ShapeError);
});

Deno.test("a view frees nothing, its owner does once", () => {
  using device = new DryDevice();
  const x = device.allocate([10], "f32", "weight", "x");
  x.view([5])[Symbol.dispose]();
  assertEquals(device.ledger.read().live, 40);
  x[Symbol.dispose]();
  x[Symbol.dispose]();
  assertEquals(device.ledger.read().live, 0);
});

Deno.test("a scope frees what it owns, the youngest first", () => {
  using device = new DryDevice();
  const order: number[] = [];
  const owned = (id: number) => ({ [Symbol.dispose]: () => void order.push(id) });
  {
    using scope = new Scope(device);
    for (const id of [1, 2, 3]) scope.own(owned(id));
    scope.allocate([4], "f32", "scratch", "x");
  }
  assertEquals([order, device.ledger.read().live], [[3, 2, 1], 0]);
});

Deno.test("an arena keeps its order, aligns to 256 bytes and starts with zeros", async () => {
  using device = new ReferenceDevice();
  const entries = [{ name: "A", shape: [3] }, { name: "B", shape: [8, 8] }, {
    name: "C",
    shape: [1],
  }];
  using arena = new Arena(device, entries, "optimizer", "moments");
  const [a, b, c] = ["A", "B", "C"].map((name) => arena.view(name));
  assertEquals([a.offset, b.offset, c.offset], [0, 64, 128]);
  assert(a.storage === c.storage);
  assertEquals(device.ledger.read().byRole.optimizer, (3 + 64 + 1) * 4);
  assertEquals(device.ledger.read().padding, (61 + 63) * 4);
  assertEquals([...(await device.read(c))[0].data], [0]);
  assertThrows(() => arena.view("D"), RangeError, "D");
});

Deno.test("an arena breaks into buffers that the device can hold", () => {
  class SmallDevice extends DryDevice {
    override readonly maxBufferBytes = 512;
  }
  using device = new SmallDevice();
  const entries = ["A", "B", "C"].map((name) => ({ name, shape: [64] }));
  using arena = new Arena(device, entries, "gradient", "gradients");
  assert(arena.view("A").storage === arena.view("B").storage);
  assert(arena.view("B").storage !== arena.view("C").storage);
  assertEquals(arena.view("C").offset, 0);
});

Deno.test("an arena that the device cannot hold in all leaves nothing behind", () => {
  class FullDevice extends DryDevice {
    override readonly maxBufferBytes = 512;
    override allocate(...[shape, ...more]: Parameters<DryDevice["allocate"]>): Tensor {
      if (this.ledger.read().live > 0) throw new DeviceError("it is full");
      return super.allocate(shape, ...more);
    }
  }
  using device = new FullDevice();
  const entries = ["A", "B", "C"].map((name) => ({ name, shape: [64] }));
  assertThrows(() => new Arena(device, entries, "gradient", "gradients"), DeviceError, "full");
  assertEquals(device.ledger.read().live, 0);
});

Deno.test("zeroing takes as many launches as the binding limit asks for", () => {
  const sizes: number[] = [];
  class NarrowDevice extends DryDevice {
    override readonly maxBindingBytes = 1024;
    override launch(_: unknown, { y }: Readonly<Record<string, Tensor>>): void {
      sizes.push(y.size);
    }
  }
  using device = new NarrowDevice();
  using x = device.allocate([600], "f32", "scratch", "x");
  zero(x);
  assertEquals(sizes, [256, 256, 88]);
});
