/** Resources of CPU devices after they are disposed, or after one fails to open. */

import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { kernelModule, openCpuDevice, reserveMemory } from "../../src/device/cpu/cpu_device.ts";
import { WorkerPool } from "../../src/device/cpu/worker_pool.ts";
import { workers } from "./worker_threads.ts";

const ignore = Deno.build.os !== "linux"; // which counts threads and memory in /proc

/** Resources that remain of devices: worker threads, resident MiB, mapped parts of a BLAS. */
interface Left {
  readonly workers: number;
  readonly mib: number;
  readonly blas: number;
}

/** Runs `disposal_program.ts`: the resources after one device and after all of them. */
async function afterDisposals(count: number): Promise<Left[]> {
  const program = new URL("disposal_program.ts", import.meta.url).href;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--v8-flags=--expose-gc", program, String(count)],
    signal: AbortSignal.timeout(120_000),
    stderr: "inherit",
  }).output();
  return new TextDecoder().decode(stdout).trim().split("\n").map((line) => JSON.parse(line));
}

Deno.test({
  name: "cpu: 14 devices disposed at once leave no thread, no library and the memory of one",
  ignore,
  fn: async () => {
    const [one, all] = await afterDisposals(14);
    assertEquals([one.workers, all.workers], [0, 0]);
    assertEquals([one.blas, all.blas], [0, 0], "a BLAS that every thread has closed is unmapped");
    // A device that stays holds 16 MiB of its tensor alone: 14 would be 224.
    assertLess(all.mib - one.mib, 4 * 16, `${one.mib} MiB after one, ${all.mib} after all`);
  },
});

Deno.test({
  name: "cpu: if one thread does not start, the others end",
  ignore,
  fn: async () => {
    const module = await kernelModule();
    const memory = reserveMemory();
    const before = workers(), cannotBeSent = (() => {}) as unknown as number;
    await assertRejects(() =>
      WorkerPool.start({ module, memory, names: [], base: 0 }, [0, 0, cannotBeSent])
    );
    for (let waited = 0; workers() > before && waited < 5000; waited += 20) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assertEquals(workers(), before);
  },
});

Deno.test("cpu: a disposed device holds nothing, and has no more than 256 threads", async () => {
  const device = await openCpuDevice({ threads: 1 });
  assert(device.allocatedBytes > 0);
  device[Symbol.dispose]();
  assertEquals(device.allocatedBytes, 0);
  await assertRejects(() => openCpuDevice({ threads: 257 }), RangeError, "up to 256, found 257");
});
