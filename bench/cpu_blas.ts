/**
 * The CPU device with the system's BLAS against without, alternating: `deno task bench:blas [threads]`.
 *
 * Prints least and median milliseconds of products of the three layouts and of training steps of the small
 * base, 16 windows of 64 tokens.
 */

import { matmul } from "../kernels/mod.ts";
import { onePair } from "../kernels/matmul/kernel.ts";
import { Random } from "../src/core/random.ts";
import { type CpuDevice, openCpuDevice } from "../src/device/cpu/cpu_device.ts";
import { injectLora } from "../src/adapt/mod.ts";
import { loadModel } from "../src/models/mod.ts";
import { Trainer } from "../src/train/mod.ts";

/** Runs once; in the end frees what it holds. */
interface Trial extends Disposable {
  run(): unknown;
}

const layouts = ["NN", "NT", "TN"] as const;

/** One launch of a square product. */
function product(device: CpuDevice, n: number, layout: string): Trial {
  const stack = new DisposableStack(), random = new Random(n);
  const [a, b, c] = ["a", "b", "c"].map((name) =>
    stack.use(device.allocate([n, n], "f32", "scratch", name))
  );
  for (const x of [a, b]) {
    device.write(
      x,
      Float32Array.from({ length: n * n }, () => random.normal()),
    );
  }
  const scalars = {
    ...{
      m: n,
      n,
      k: n,
      transposeA: Number(layout[0] === "T"),
      transposeB: Number(layout[1] === "T"),
    },
    ...{ aOffset: 0, bOffset: 0, cOffset: 0, aStride: n, bStride: n, cStride: n },
    ...{ alpha: 1, hasBias: 0, accumulate: 0 },
    ...onePair,
  };
  return {
    run: () => device.launch(matmul, { a, b, a2: a, b2: b, bias: b, c }, scalars),
    [Symbol.dispose]: () => stack.dispose(),
  };
}

/** One training step of the small base. */
async function trainingStep(device: CpuDevice, lora: boolean): Promise<Trial> {
  const stack = new DisposableStack(), random = new Random(1), shape = [16, 64];
  const model = stack.use(await loadModel(device, "models/tiny-gpt2"));
  if (lora) stack.use(injectLora(model, { rank: 8, sites: "all", seed: 1 }));
  const trainer = stack.use(new Trainer(model, { learningRate: 1e-4, steps: 1e6, clipNorm: 1 }));
  const draw = () => Array.from({ length: 1024 }, () => Math.floor(1024 * random.uniform()));
  const tokens = { shape, data: Uint32Array.from(draw()) };
  const batch = { inputs: { tokens }, targets: { shape, data: Int32Array.from(draw()) } };
  return {
    run: () => trainer.step([batch]),
    [Symbol.dispose]: () => stack.dispose(),
  };
}

/** Times trials in turn; least and median of each in ms. */
async function race(trials: readonly Trial[], seconds = 3): Promise<(readonly [number, number])[]> {
  const times: number[][] = trials.map(() => []);
  for (const end = performance.now() + 1000 * seconds; performance.now() < end;) {
    for (const [index, trial] of trials.entries()) {
      const begin = performance.now();
      await trial.run();
      times[index].push(performance.now() - begin);
    }
  }
  return times.map((all) => all.sort((x, y) => x - y)).map((all) => [all[0], all[all.length >> 1]]);
}

async function report(what: string, open: (device: CpuDevice) => Trial | Promise<Trial>) {
  using plain = await open(wasm), fast = await open(blas);
  const [[least, median], [blasLeast, blasMedian]] = await race([plain, fast]);
  const show = (...values: number[]) => values.map((ms) => ms.toFixed(2).padStart(8)).join("");
  console.log(
    `${what.padEnd(24)}${show(least, median)} ms without${
      show(blasLeast, blasMedian)
    } ms with; ratio` +
      show(least / blasLeast, median / blasMedian),
  );
}

const threads = Number(Deno.args[0] ?? 2);
using wasm = await openCpuDevice({ threads, blas: false });
using blas = await openCpuDevice({ threads });
console.log(blas.description);
for (const n of [64, 256, 512, 1024]) {
  for (const layout of layouts) {
    await report(`${n} ${layout}`, (device) => product(device, n, layout));
  }
}
await report("training step, full", (device) => trainingStep(device, false));
await report("training step, LoRA", (device) => trainingStep(device, true));
