/**
 * A program that is to be killed: `run_program.ts FOLDER STEPS UNTIL` trains with a checkpoint every 10
 * steps, and slowly from step UNTIL on, so that there is time to kill it.
 *
 * @module
 */

import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { run } from "../../src/runs/mod.ts";
import { tinyOptions, tinySpec } from "./fixtures.ts";

const [folder, steps, until] = Deno.args;
const never = new Int32Array(new SharedArrayBuffer(4));
using device = await openCpuDevice({ threads: 2 });
await run(tinySpec(Number(steps)), {
  ...tinyOptions(folder, device),
  checkpointEvery: 10,
  onProgress: ({ step }) => {
    console.log(step);
    if (step >= Number(until)) Atomics.wait(never, 0, 0, 20);
  },
});
