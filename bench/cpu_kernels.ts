/**
 * Speed of the CPU kernels: `deno task bench:cpu [THREADS] [NAME…]`.
 *
 * Prints GFLOP/s for products and attention, with their share of the measured peak of multiply-adds with
 * vectors of 128 bits, and GB/s, counting each byte that must move once, for the rest;
 * the best of several runs, since other work on the machine only ever slows one down.
 *
 * @module
 */

import { Random } from "../src/core/random.ts";
import { type CpuDevice, openCpuDevice } from "../src/device/cpu/cpu_device.ts";
import { Scope } from "../src/device/arena.ts";
import type { Tensor } from "../src/device/device.ts";
import { countOf, listed, runCommand } from "./command.ts";
import { type Trial, trials } from "./cpu_trials.ts";
import { multiplyAddPeak } from "./multiply_add_peak.ts";

const kernels = [...new Set(trials.map(({ title }) => title.split(" ")[0]))];

const call = "bench:cpu [THREADS] [NAME…]";

const usage = `Usage: deno task ${call}

Times our CPU kernels one by one, without BLAS.

  THREADS   how many threads (default 2)
  NAME      only what has NAME in its title, as "matmul" or "attention 8 x 64" has
  --help    show this text

A title is a kernel's name, then the shape:
${listed(kernels)}`;

function fillRandomly(tensor: Tensor, seed: number, positive: boolean): void {
  const random = new Random(seed);
  const draw = () => positive ? random.uniform() : random.normal();
  tensor.device.write(tensor, Float32Array.from({ length: tensor.size }, draw));
}

/** Best time of one launch in ms. */
function time(device: CpuDevice, { kernel, sizes, scalars }: Trial): number {
  using scope = new Scope(device);
  const tensors: Record<string, Tensor> = {};
  Object.entries(sizes).forEach(([name, size], seed) => {
    tensors[name] = scope.allocate([size], kernel.bindings[name].type, "scratch", name);
    if (kernel.bindings[name].type === "f32") fillRandomly(tensors[name], seed, name === "second");
    else device.write(tensors[name], new Uint32Array(size));
  });
  let best = Infinity;
  for (
    let start = performance.now(), runs = 0;
    performance.now() - start < 300 || runs < 5;
    runs++
  ) {
    const begin = performance.now();
    device.launch(kernel, tensors, scalars);
    best = Math.min(best, performance.now() - begin);
  }
  return best;
}

function bytesOf({ kernel, sizes }: Trial): number {
  const factors = { read: 1, write: 1, update: kernel.name === "adamw" ? 2 : 1 };
  return Object.entries(sizes).reduce(
    (sum, [name, size]) => sum + 4 * size * factors[kernel.bindings[name].access],
    0,
  );
}

/** Threads and trials. */
export function parseArguments([threads = "2", ...names]: readonly string[]) {
  if (!/^-?[\d.]+$/.test(threads)) {
    throw new RangeError(`usage: ${call}, found ${JSON.stringify(threads)} for THREADS`);
  }
  const of = (name: string) => trials.filter(({ title }) => title.includes(name));
  const missing = names.find((name) => of(name).length === 0);
  if (missing !== undefined) {
    throw new RangeError(`a kernel is one of ${kernels.join(", ")}, found ${missing}`);
  }
  const chosen = new Set(names.flatMap(of));
  return {
    threads: countOf("THREADS", threads),
    chosen: names.length === 0 ? trials : trials.filter((trial) => chosen.has(trial)),
  };
}

function lineOf(trial: Trial, ms: number, peak: number): string {
  const rate = (trial.flops ?? bytesOf(trial)) / ms / 1e6;
  const share = `${(rate / peak * 100).toFixed(0).padStart(4)}%`;
  const speed = `${rate.toFixed(1)} ${trial.flops ? "GFLOP/s" : "GB/s"}`.padStart(16);
  const columns = [`${ms.toFixed(3).padStart(10)} ms`, speed, trial.flops ? share : ""];
  return trial.title.padEnd(62) + columns.join(" ");
}

async function main(args: readonly string[]): Promise<void> {
  const { threads, chosen } = parseArguments(args);
  using device = await openCpuDevice({ threads, blas: false });
  const peak = await multiplyAddPeak(threads);
  console.log(`${device.description}, Deno ${Deno.version.deno}`);
  console.log(`peak of 128-bit multiply-adds: ${peak.toFixed(1)} GFLOP/s`);
  for (const trial of chosen) console.log(lineOf(trial, time(device, trial), peak));
}

if (import.meta.main) await runCommand(usage, main);
