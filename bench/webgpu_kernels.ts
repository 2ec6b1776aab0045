/**
 * Where a step's time goes on WebGPU: `deno task bench:webgpu [workload] [kernel…]` with
 * gpt_full, gpt_lora, pretrain or generate, which is one token after the prompt.
 *
 * The launches of a step are gathered on the dry device; then each is repeated alone, many times in one
 * submit. The last lines hold their sum against the step itself, and tell what recording it costs.
 */

import type { Kernel } from "../kernels/mod.ts";
import { Tape } from "../src/autograd/mod.ts";
import type { HostData } from "../src/core/host_tensor.ts";
import { Random } from "../src/core/random.ts";
import { type Device, openDevice, Scope, type Storage, type Tensor } from "../src/device/mod.ts";
import { DryDevice } from "../src/device/dry.ts";
import { Trainer } from "../src/train/mod.ts";
import { adapt, makeModel, trainingBatch } from "./contenders/ours_models.ts";
import { base, generation, learningRate, tinyGpt, tokens } from "./workloads.ts";

type Numbers = Readonly<Record<string, number>>;

/** A launch without its device: sizes, and the integers that indices are drawn from. */
interface Launch {
  readonly kernel: Kernel;
  readonly sizes: Numbers;
  readonly integers: Readonly<Record<string, HostData | undefined>>;
  readonly scalars: Numbers;
}

/** Notes what is launched. */
class Recording extends DryDevice {
  launches: Launch[] = [];
  readonly #written = new Map<Storage, HostData>();

  override write(tensor: Tensor, values: HostData): void {
    super.write(tensor, values);
    if (!(values instanceof Float32Array)) this.#written.set(tensor.storage, values);
  }

  override launch(kernel: Kernel, bindings: Record<string, Tensor>, scalars: Numbers): void {
    super.launch(kernel, bindings, scalars);
    const of = <T>(what: (tensor: Tensor) => T) =>
      Object.fromEntries(Object.entries(bindings).map(([name, tensor]) => [name, what(tensor)]));
    const integers = of(({ storage }) => this.#written.get(storage));
    this.launches.push({ kernel, sizes: of(({ size }) => size), integers, scalars });
  }
}

/** A function that launches one step of a workload. */
function stepOf(device: Device, workload: string): () => void {
  const size = workload.startsWith("gpt") ? tinyGpt : base, model = makeModel(device, size);
  if (workload === "generate") {
    const data = tokens(903, 1, size.vocabulary), cache = model.openCache(1, size.time);
    cache.advance(generation.prompt);
    return () => {
      using tape = new Tape(device, { record: false });
      model.forward(tape, { tokens: { shape: [1, 1], data } }, { cache, rows: [0] });
      cache.advance(-1);
      device.submit();
    };
  }
  if (workload === "gpt_lora") adapt(model, size);
  const trainer = new Trainer(model, { learningRate, steps: 1e6 }), batch = trainingBatch(size);
  return () => void trainer.step([batch]);
}

/** The launches of one step, equal ones together. */
function gather(workload: string): Launch[][] {
  const device = new Recording(), step = stepOf(device, workload);
  device.launches = [];
  step();
  return [...Map.groupBy(device.launches, titleOf).values()];
}

function titleOf({ kernel, sizes, scalars }: Launch): string {
  const { m, n, k, transposeA, transposeB } = scalars;
  if (kernel.name !== "matmul") return `${kernel.name} ${Math.max(...Object.values(sizes))}`;
  return `matmul ${m} x ${n} x ${k} ${transposeA ? "T" : "N"}${transposeB ? "T" : "N"}`;
}

function place(scope: Scope, { kernel, sizes, integers }: Launch): Record<string, Tensor> {
  const random = new Random(1);
  return Object.fromEntries(
    Object.entries(kernel.bindings).map(([name, { type }]) => {
      const size = sizes[name], tensor = scope.allocate([size], type, "scratch", name);
      const values = type === "f32" && Float32Array.from({ length: size }, () => random.normal());
      scope.device.write(tensor, values || (integers[name] ?? new Uint32Array(size)));
      return [name, tensor];
    }),
  );
}

async function clock(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Least ms of some runs of `work` and a wait for it, the wait alone taken off. */
async function leastMs(device: Device, work: () => void, runs = 4): Promise<number> {
  using probe = device.allocate([1], "f32", "scratch", "probe");
  let least = Infinity, wait = Infinity;
  for (let i = 0; i < runs; i++) {
    wait = Math.min(wait, await clock(() => device.read(probe)));
    least = Math.min(least, await clock(() => (work(), device.read(probe))));
  }
  return Math.max(0, least - wait);
}

/** ms of one launch, from as many as fill a tenth of a second. */
async function time(device: Device, launch: Launch): Promise<number> {
  using scope = new Scope(device);
  const tensors = place(scope, launch);
  const repeat = (count: number) => () => {
    for (let i = 0; i < count; i++) device.launch(launch.kernel, tensors, launch.scalars);
  };
  await leastMs(device, repeat(1), 1);
  const rough = await leastMs(device, repeat(20), 1) / 20;
  const count = Math.min(4000, Math.ceil(100 / Math.max(rough, 0.025)));
  return await leastMs(device, repeat(count)) / count;
}

const [workload = "gpt_full", ...names] = Deno.args;
using device = await openDevice({ kind: "webgpu" });
console.log(`${device.description}, ${workload}`);
const groups = gather(workload), count = groups.reduce((sum, { length }) => sum + length, 0);
const rows: { title: string; times: number; ms: number }[] = [];
for (const [launch, ...equal] of groups) {
  const title = titleOf(launch);
  if (names.length > 0 && !names.some((name) => title.includes(name))) continue;
  rows.push({ title, times: equal.length + 1, ms: await time(device, launch) });
}
for (const { title, times, ms } of rows.sort((a, b) => b.times * b.ms - a.times * a.ms)) {
  const launches = `${times} x ${ms.toFixed(3)} ms`.padStart(16);
  console.log(`${title.padEnd(44)}${launches}${(times * ms).toFixed(2).padStart(10)} ms`);
}
const sum = rows.reduce((total, { times, ms }) => total + times * ms, 0);
console.log(`sum of kernels ${sum.toFixed(1)} ms, ${count} launches`);
const step = stepOf(device, workload);
const ten = () => {
  for (let i = 0; i < 10; i++) step();
};
await leastMs(device, ten, 1);
console.log(`a step, ten in a row: ${(await leastMs(device, ten) / 10).toFixed(1)} ms`);
