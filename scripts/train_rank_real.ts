/**
 * Makes all runs of the study of a real base (experiments/rank_real), one after the other, on one thread. A stop
 * loses at most 100 steps: the same command continues.
 *
 *     deno task train:real results/real
 *
 * @module
 */

import { makeAll } from "../experiments/rank_real/stages.ts";
import { findReal, openReal } from "../experiments/rank_real/task.ts";
import { openCpuDevice } from "../src/device/cpu/cpu_device.ts";

if (import.meta.main) {
  const [folder = "results/real"] = Deno.args, places = await findReal();
  if (!places) throw new RangeError("training needs LOWRANK_DATA with the base, E2E and a novel");
  using device = await openCpuDevice({ threads: 1 });
  const say = (text: string) => console.log(`${new Date().toISOString()} ${text}`);
  say(device.description);
  await makeAll(openReal(places), { device, folder }, ({ label }) => {
    say(label);
    return Promise.resolve();
  });
}
