/** Promises of every device that holds values. */

import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { addKernel, fill, scaleAdd, widenF16 } from "../../kernels/mod.ts";
import { DeviceError, ShapeError } from "../../src/core/errors.ts";
import { Arena, Scope } from "../../src/device/arena.ts";
import type { Device } from "../../src/device/device.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { allDevices } from "../support/devices.ts";
import { tierIsWanted } from "../../scripts/support/parts.ts";
import { boundaryChecks, type DeviceCheck } from "./boundaries.ts";

const ramp = (length: number, start = 0): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length }, (_, i) => start + i);

const copyScalars = (size: number) => ({ size, xOffset: 0, yOffset: 0, alpha: 1, accumulate: 0 });

/** Code that any device can run: allocations, views, launches, releases. */
function exercise(device: Device): void {
  using scope = new Scope(device);
  const x = scope.allocate([40, 5], "f32", "weight", "x");
  const y = scope.allocate([200], "f32", "activation", "y");
  device.write(x, ramp(200));
  {
    using ids = device.allocate([7], "u32", "scratch", "ids");
    device.write(ids, new Uint32Array(7));
    device.launch(addKernel, { a: x, b: x, out: y }, { size: 200 });
  }
  const halves = scope.allocate([3, 5], "f16", "weight", "halves");
  device.launch(widenF16, { x: halves, y }, { size: 15 });
  device.launch(fill, { y: x.view([64], 64) }, { size: 64, value: 2 });
  const arena = scope.own(new Arena(device, [{ name: "A", shape: [3, 3] }], "optimizer", "arena"));
  device.launch(fill, { y: arena.view("A") }, { size: 9, value: 1 });
  device.submit();
}

/** All of them. */
const deviceChecks: readonly DeviceCheck[] = [
  {
    name: "several tensors of several types are read at once, in order, views included",
    run: async (open) => {
      using device = await open();
      using f = device.allocate([2, 3], "f32", "scratch", "f");
      using n = device.allocate([2], "u32", "scratch", "n");
      using i = device.allocate([3], "i32", "scratch", "i");
      device.write(f, ramp(6));
      device.write(n, Uint32Array.of(0, 4294967295));
      device.write(i, Int32Array.of(-100, 0, 2147483647));
      const results = await device.read(i, f, n, f.view([2], 3));
      assertEquals(results.map(({ shape }) => shape), [[3], [2, 3], [2], [2]]);
      assertEquals(results.map(({ data }) => [...data]), [
        [-100, 0, 2147483647],
        [0, 1, 2, 3, 4, 5],
        [0, 4294967295],
        [3, 4],
      ]);
    },
  },
  {
    name: "a released storage is allocated once more, with its views, and counted again",
    run: async (open) => {
      using device = await open();
      using x = device.allocate([3, 3], "f16", "weight", "x"), view = x.view([2], 4);
      const before = device.ledger.read();
      device.reallocate(x.storage); // does nothing, as it is alive
      assertEquals(device.ledger.read(), before);
      device.release(x.storage);
      assertEquals([x.storage.alive, device.ledger.read().live], [false, 0]);
      using _other = device.allocate([64], "f32", "weight", "other");
      device.reallocate(x.storage);
      assertEquals(device.ledger.read().byType, { ...before.byType, f32: 256 });
      const bits = Uint16Array.from({ length: 9 }, (_, i) => 7 * i);
      device.write(x, bits);
      const [whole, part] = await device.read(x, view);
      assertEquals([whole.data, part.data], [bits, bits.slice(4, 6)]);
    },
  },
  {
    name: "an odd number of halves keeps its bits, in views too, and its padding is counted apart",
    run: async (open) => {
      using device = await open();
      using x = device.allocate([3, 3], "f16", "weight", "x");
      const bits = Uint16Array.from({ length: 9 }, (_, i) => 0x3c00 + 7 * i);
      device.write(x, bits);
      device.write(x.view([2], 4), Uint16Array.of(1, 2));
      device.write(x.view([1], 8), Uint16Array.of(65535));
      const [whole, middle, last] = await device.read(x, x.view([3], 2), x.view([1, 1], 8));
      bits.set([1, 2], 4);
      bits[8] = 65535;
      assertEquals([whole.data, middle.data, last.data], [
        bits,
        bits.slice(2, 5),
        bits.slice(8),
      ]);
      const { live, padding, byType, byRole } = device.ledger.read();
      assertEquals([x.bytes, live, padding, byType.f16, byRole.weight], [18, 18, 2, 18, 18]);
    },
  },
  {
    name: "halves are written as bits, by whole words, and taken by no kernel of another width",
    run: async (open) => {
      using device = await open();
      using x = device.allocate([9], "f16", "weight", "x");
      using y = device.allocate([9], "f32", "scratch", "y");
      const one = Uint16Array.of(0x3c00);
      assertThrows(() => device.write(x, ramp(9)), TypeError, "x of type f16 found a Float32Array");
      assertThrows(() => device.write(y.view([1]), one), TypeError, "y of type f32 found a Uint16");
      assertThrows(() => x.view([2], 3), ShapeError, "x must start at an even element");
      assertThrows(() => device.write(x.view([1], 2), one), ShapeError, "even element of type f16");
      const launch = () => device.launch(fill, { y: x }, { size: 9, value: 0 });
      assertThrows(launch, TypeError, "fill takes y as f32, found x of type f16");
    },
  },
  {
    name: "a read tells what was there when it was asked for",
    run: async (open) => {
      using device = await open();
      const x = device.allocate([3], "f32", "scratch", "x");
      device.write(x, ramp(3, 1));
      const first = device.read(x);
      device.launch(fill, { y: x }, { size: 3, value: 9 });
      const second = device.read(x);
      x[Symbol.dispose]();
      using other = device.allocate([3], "f32", "scratch", "other");
      device.write(other, ramp(3, 100));
      assertEquals([...(await second)[0].data], [9, 9, 9]);
      assertEquals([...(await first)[0].data], [1, 2, 3]);
    },
  },
  {
    name: "a write comes after the launches before it, in reused memory too",
    run: async (open) => {
      using device = await open();
      using first = device.allocate([100], "f32", "scratch", "first");
      using second = device.allocate([100], "f32", "scratch", "second");
      for (const [start, out] of [[0, first], [500, second]] as const) {
        using x = device.allocate([100], "f32", "scratch", "x");
        device.write(x, ramp(100, start));
        device.launch(scaleAdd, { x, y: out }, copyScalars(100));
        device.write(x, ramp(100, -1000));
      }
      const [a, b] = await device.read(first, second);
      assertEquals([...a.data], [...ramp(100)]);
      assertEquals([...b.data], [...ramp(100, 500)]);
    },
  },
  {
    name: "a view is a window on the same storage",
    run: async (open) => {
      using device = await open();
      using x = device.allocate([256], "f32", "scratch", "x");
      device.launch(fill, { y: x }, { size: 256, value: 1 });
      const part = x.view([8, 8], 128);
      device.launch(fill, { y: part }, { size: 64, value: 5 });
      device.write(part.view([2], 62), ramp(2, 7));
      part[Symbol.dispose]();
      const [{ data }] = await device.read(x);
      assertEquals(data.findIndex((value) => value === 5), 128);
      assertEquals([...data.subarray(188, 194)], [5, 5, 7, 8, 1, 1]);
    },
  },
  {
    name: "live bytes come back, and the ledger is the dry device's",
    run: async (open) => {
      using device = await open();
      using dry = new DryDevice();
      exercise(device);
      exercise(dry);
      assertEquals(device.ledger.read(), dry.ledger.read());
      assertEquals(device.ledger.read().live, 0);
      assertEquals(device.ledger.read().padding, 0);
      assertEquals([...device.ledger.launches], [...dry.ledger.launches]);
    },
  },
  {
    name: "a wrong count of values is refused with both numbers",
    run: async (open) => {
      using device = await open();
      using x = device.allocate([2, 3], "f32", "scratch", "x");
      assertThrows(() => device.write(x, ramp(5)), ShapeError, "x needs 6 values, found 5");
    },
  },
  {
    name: "tensors after disposal, of others, and a disposed device are refused",
    run: async (open) => {
      const device = await open();
      using foreign = new ReferenceDevice();
      const x = device.allocate([4], "f32", "scratch", "x");
      using stranger = foreign.allocate([4], "f32", "scratch", "stranger");
      const launch = (y: typeof x) => device.launch(fill, { y }, { size: 4, value: 0 });
      const other = `stranger belongs to a device other than ${device.description}`;
      assertThrows(() => launch(stranger), DeviceError, other);
      x[Symbol.dispose]();
      x[Symbol.dispose]();
      assertThrows(() => launch(x), DeviceError, "x was used after it was disposed");
      assertThrows(() => launch(x.view([1])), DeviceError, "x was used after it was disposed");
      const kept = device.allocate([4], "f32", "scratch", "kept");
      device[Symbol.dispose]();
      device[Symbol.dispose]();
      kept[Symbol.dispose]();
      const late = () => device.allocate([1], "f32", "scratch", "late");
      const error = assertThrows(late, DeviceError);
      assertStringIncludes(error.message, `the ${device.kind} device was used after disposal`);
    },
  },
  {
    name: "a tensor without elements is written, computed and read",
    run: async (open) => {
      using device = await open();
      using none = device.allocate([0, 5], "f32", "scratch", "none");
      using some = device.allocate([3], "f32", "scratch", "some");
      device.write(none, new Float32Array(0));
      device.launch(fill, { y: none }, { size: 0, value: 1 });
      device.launch(fill, { y: some }, { size: 3, value: 2 });
      const [empty, full] = await device.read(none, some);
      assertEquals([empty.shape, empty.data.length, [...full.data]], [[0, 5], 0, [2, 2, 2]]);
      assertEquals((await device.read(none))[0].data.length, 0);
    },
  },
  {
    name: "a trace holds each launch with its bytes and times, and computes the same",
    run: async (open) => {
      using device = await open();
      using x = device.allocate([100], "f32", "scratch", "x");
      using y = device.allocate([300], "f32", "scratch", "y");
      const { launches, time } = await device.trace(() => {
        device.launch(fill, { y: x }, { size: 100, value: 3 });
        device.launch(fill, { y }, { size: 0, value: 1 });
        device.launch(addKernel, { a: x, b: x, out: y.view([100], 64) }, { size: 100 });
      });
      assertEquals(launches.map(({ kernel }) => kernel.name), ["fill", "fill", "add"]);
      assertEquals(launches.map(({ bytes }) => bytes), [400, 0, 800]);
      assertEquals(launches.map(({ scalars }) => scalars.size), [100, 0, 100]);
      assert(launches.every(({ start, time }) => start >= 0 && time >= 0), "times from 0");
      assert(launches[2].start >= launches[0].start && time > 0, "in their order");
      assertEquals([...(await device.read(y.view([100], 64)))[0].data], new Array(100).fill(6));
    },
  },
  {
    name: "one work is traced at a time, and none after one that fails",
    run: async (open) => {
      using device = await open();
      using x = device.allocate([10], "f32", "scratch", "x");
      const work = () => device.launch(fill, { y: x }, { size: 10, value: 3 });
      const nested = () => device.trace(() => device.trace(work));
      await assertRejects(nested, DeviceError, `the ${device.kind} device is being traced already`);
      const failing = () => device.launch(fill, { y: x }, { size: 11, value: 3 });
      await assertRejects(() => device.trace(failing), ShapeError);
      assertEquals((await device.trace(work)).launches.length, 1);
    },
  },
  {
    name: "reading without tensors gives nothing",
    run: async (open) => {
      using device = await open();
      assertEquals(await device.read(), []);
    },
  },
  {
    name: "reading something disposed is refused",
    run: async (open) => {
      using device = await open();
      const x = device.allocate([1], "f32", "scratch", "x");
      x[Symbol.dispose]();
      await assertRejects(async () => await device.read(x), DeviceError, "x was used after");
    },
  },
];

// Opened anew for each check, as some dispose of it.
for (const { name: kind, tier, available, open } of allDevices) {
  const ignore = !await available();
  for (const { name, run } of tierIsWanted(tier) ? [...deviceChecks, ...boundaryChecks] : []) {
    Deno.test({ name: `${kind}: ${name}`, ignore, fn: () => run(open) });
  }
}

if (tierIsWanted("core")) {
  for (const { name, run } of boundaryChecks) {
    Deno.test(`dry: ${name}`, () => run(() => new DryDevice()));
  }
}
