import { assert, assertEquals } from "@std/assert";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { train } from "../../src/train/mod.ts";
import { collect, randomBatches, tinyModel } from "./fixtures.ts";

Deno.test("memory: 2,000 steps on cpu do not let the process grow", async () => {
  using device = await openCpuDevice({ threads: 2 });
  using model = tinyModel(device);
  const options = { learningRate: 1e-3, steps: 2000, signal: undefined };
  const resident: number[] = [];
  for await (const { step } of train(model, randomBatches(7), options)) {
    if ((step + 1) % 250 === 0) resident.push(Deno.memoryUsage().rss / 2 ** 20);
  }
  // The first quarter fills the garbage collector's young space.
  const growth = Math.max(...resident.slice(-2)) - resident[1];
  assert(growth < 16, `grew by ${growth} MiB: ${resident.map(Math.round)}`);
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
