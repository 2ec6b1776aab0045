import { assert, assertEquals } from "@std/assert";
import { type CpuDevice, openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { initGpt2, parseGpt2Config } from "../../src/models/mod.ts";
import { train } from "../../src/train/mod.ts";
import { collect, randomBatches, tinyModel } from "./fixtures.ts";

/** Tokens of a step; their states are 16 KiB, so that one lost in each of 2,000 steps would be 31 MiB. */
const rows = 32, time = 8, width = 16, steps = 2000;

/** Between the second of eight readings and the last ones, three quarters of the steps later. */
const mostGrowth = 16 * 2 ** 20;

const config = parseGpt2Config({
  vocab_size: 11,
  n_positions: time,
  n_embd: width,
  n_layer: 1,
  n_head: 2,
});

/** Memory of the process and of the device, in bytes. */
const held = (device: CpuDevice) => ({
  resident: Deno.memoryUsage().rss,
  allocated: device.allocatedBytes,
  live: device.ledger.read().live,
});

Deno.test("memory: 2,000 steps on cpu do not let the process or the device grow", async () => {
  using device = await openCpuDevice({ threads: 2 });
  using model = initGpt2(device, config, { seed: 3 });
  const batches = randomBatches(7, { rows, time });
  assert(4 * rows * time * width * 3 / 4 * steps > mostGrowth, "what is lost would not show");
  const readings: ReturnType<typeof held>[] = [];
  for await (const { step } of train(model, batches, { learningRate: 1e-3, steps })) {
    if ((step + 1) % (steps / 8) === 0) readings.push(held(device));
  }
  const [first, ...others] = readings;
  for (const { allocated, live } of others) {
    assertEquals({ allocated, live }, { allocated: first.allocated, live: first.live });
  }
  // The first quarter fills the garbage collector's young space.
  const resident = readings.map((reading) => reading.resident);
  const growth = Math.max(...resident.slice(-2)) - resident[1];
  assert(growth < mostGrowth, `grew by ${growth} bytes: ${resident}`);
});

Deno.test("trainer: timers run while the cpu device trains", async () => {
  using device = await openCpuDevice({ threads: 2 });
  using model = tinyModel(device);
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), 50);
  const options = { learningRate: 1e-3, steps: 100_000, signal: controller.signal };
  const events = await collect(train(model, randomBatches(1), options));
  clearTimeout(timer);
  assertEquals(events.at(-1)!.stopped, true);
});

Deno.test("trainer: a signal is heard within a dozen slow steps", async () => {
  using device = await openCpuDevice({ threads: 2 });
  using model = tinyModel(device);
  const [batch] = randomBatches(1), heard = Promise.withResolvers<void>();
  const never = new Int32Array(new SharedArrayBuffer(4));
  let steps = 0, heardAt = Infinity;
  const listener = () => (heardAt = steps, heard.resolve());
  Deno.addSignalListener("SIGUSR2", listener);
  for await (const { step } of train(model, [batch], { learningRate: 1e-3, steps: 24 })) {
    if (step === 3) Deno.kill(Deno.pid, "SIGUSR2");
    if (step > 3) steps++;
    Atomics.wait(never, 0, 0, 50); // a slow step, in which no event is heard
  }
  await heard.promise;
  Deno.removeSignalListener("SIGUSR2", listener);
  assert(heardAt <= 12, `after ${heardAt} steps of at least 50 ms`);
});
