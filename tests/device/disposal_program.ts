/**
 * A program that opens, uses and at once disposes of CPU devices: `disposal_program.ts COUNT` prints the
 * worker threads, the resident MiB and the mapped parts of a BLAS, as Linux counts them, after the first
 * device and after all, as JSON.
 * It wants `--v8-flags=--expose-gc`.
 *
 * @module
 */

import { fill } from "../../kernels/elementwise/kernel.ts";
import { matmul, onePair } from "../../kernels/matmul/kernel.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { workers } from "./worker_threads.ts";

const { gc } = globalThis as unknown as { gc(): void };
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Elements of a device's tensor: 16 MiB, which stay resident for as long as something holds the device. */
const size = 2 ** 22;

/** A product of two matrices of this many rows and columns, which both threads compute, by a BLAS if there is one. */
const side = 256;
const square = {
  ...{
    m: side,
    n: side,
    k: side,
    transposeA: 0,
    transposeB: 0,
    alpha: 1,
    hasBias: 0,
    accumulate: 0,
  },
  ...{
    aOffset: 0,
    aStride: side,
    bOffset: 0,
    bStride: side,
    cOffset: 0,
    cStride: side,
    ...onePair,
  },
};

/** Microseconds from a kernel to the disposal, so that workers are met while they poll and as they fall asleep. */
const idle = [0, 20, 100, 200, 300, 500, 1000];

const disposed: Disposable[] = [];

for (let i = 0; i < Number(Deno.args[0]); i++) {
  const device = await openCpuDevice({ threads: 2 });
  const y = device.allocate([size], "f32", "scratch", "y");
  const product = device.allocate([side, side], "f32", "scratch", "product");
  device.launch(fill, { y }, { size, value: 1 });
  device.launch(matmul, { a: y, b: y, a2: y, b2: y, bias: y, c: product }, square);
  const until = performance.now() + idle[i % idle.length] / 1000;
  while (performance.now() < until);
  device[Symbol.dispose]();
  disposed.push(device);
  if (i === 0) await report();
}
await report();

async function report(): Promise<void> {
  for (let waited = 0; workers() > 0 && waited < 5000; waited += 50) await pause(50);
  for (let round = 0; round < 3; round++) {
    gc();
    await pause(50);
  }
  const [, kib] = Deno.readTextFileSync("/proc/self/status").match(/VmRSS:\s+(\d+) kB/)!;
  const blas = Deno.readTextFileSync("/proc/self/maps").match(/openblas/g)?.length ?? 0;
  console.log(JSON.stringify({ workers: workers(), mib: Math.round(Number(kib) / 1024), blas }));
}
