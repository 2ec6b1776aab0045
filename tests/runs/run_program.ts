/** A program that is killed: `run_program.ts FOLDER STEPS` trains, a checkpoint every 10 steps. @module */

import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { run } from "../../src/runs/mod.ts";
import { tinyOptions, tinySpec } from "./fixtures.ts";

const [folder, steps] = Deno.args;
using device = await openCpuDevice({ threads: 2 });
await run(tinySpec(Number(steps)), {
  ...tinyOptions(folder, device),
  checkpointEvery: 10,
  onProgress: ({ step }) => console.log(step),
});
