/** CPU devices that come and go in any order, against arrays. */

import { assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { addKernel, fill } from "../../kernels/mod.ts";
import { type CpuDevice, openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import type { Tensor } from "../../src/device/device.ts";
import { workers } from "./worker_threads.ts";

/** Large enough for every thread to get a share. */
const size = 70_000;

/** The value that each open device's tensor has throughout. */
type Values = number[];

interface Open {
  readonly device: CpuDevice;
  readonly tensor: Tensor;
}

type Command = fc.AsyncCommand<Values, Open[]>;

const open = (threads: number): Command => ({
  check: (values) => values.length < 4,
  async run(values, devices) {
    const device = await openCpuDevice({ threads, blas: false });
    const tensor = device.allocate([size], "f32", "scratch", "values");
    device.launch(fill, { y: tensor }, { size, value: threads });
    devices.push({ device, tensor });
    values.push(threads);
  },
  toString: () => `open(${threads})`,
});

const double = (which: number): Command => ({
  check: (values) => values.length > 0,
  run(values, devices) {
    const at = which % values.length, { device, tensor } = devices[at];
    device.launch(addKernel, { a: tensor, b: tensor, out: tensor }, { size });
    values[at] *= 2;
    return Promise.resolve();
  },
  toString: () => `double(${which})`,
});

const read = (which: number): Command => ({
  check: (values) => values.length > 0,
  async run(values, devices) {
    const at = which % values.length, { device, tensor } = devices[at];
    const [{ data }] = await device.read(tensor);
    assertEquals(data.findIndex((value) => value !== values[at]), -1);
  },
  toString: () => `read(${which})`,
});

/** Disposes of a device in the same turn as a kernel, so that its workers are still awake. */
const dispose = (which: number): Command => ({
  check: (values) => values.length > 0,
  run(values, devices) {
    const at = which % values.length, [{ device, tensor }] = devices.splice(at, 1);
    values.splice(at, 1);
    device.launch(fill, { y: tensor }, { size, value: 0 });
    device[Symbol.dispose]();
    return Promise.resolve();
  },
  toString: () => `dispose(${which})`,
});

Deno.test("cpu: devices opened, used and disposed in any order compute and leave no thread", async () => {
  const commands = fc.commands([
    fc.integer({ min: 1, max: 3 }).map(open),
    fc.nat(3).map(double),
    fc.nat(3).map(read),
    fc.nat(3).map(dispose),
  ], { maxCommands: 40, size: "max" });
  const run = async (all: Iterable<Command>) => {
    const devices: Open[] = [];
    await fc.asyncModelRun(() => ({ model: [], real: devices }), all);
    for (const { device } of devices) device[Symbol.dispose]();
  };
  await fc.assert(fc.asyncProperty(commands, run), { seed: 1, numRuns: 5 });
  if (Deno.build.os !== "linux") return; // which counts threads in /proc
  for (let waited = 0; workers() > 0 && waited < 5000; waited += 20) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assertEquals(workers(), 0);
});
