/** An experiment in a cell. @module */

import { openDevice } from "../device/mod.ts";
import type { Outcome } from "../../experiments/mod.ts";
import { progress } from "./progress.ts";
import { stoppable } from "./stop.ts";

/**
 * Runs an experiment on the default device with seed 1, as `deno task reproduce --only NAME` does: from the
 * runs that are shipped or lie in `../results`, where there are any. It has a progress bar and can be
 * stopped; what it has trained by then is kept.
 *
 * @returns What it found; nothing when it was stopped.
 * @throws {RangeError} when there is no such experiment; the message lists those that exist.
 *
 * @example
 * ```ts
 * import { runExperiment, show } from "@lowrank/core/notebook";
 *
 * const outcome = await runExperiment("counting");
 * await show(outcome?.findings ?? []);
 * ```
 */
export async function runExperiment(name: string): Promise<Outcome | undefined> {
  // Experiments read the package's own folder; over HTTP there is none, and all the rest works.
  const { selectExperiments } = await import("../../experiments/registry.ts");
  const [experiment] = selectExperiments([name]);
  return await stoppable(async (signal) => {
    using device = await openDevice();
    const bar = progress(experiment.title), report = bar.report.bind(bar);
    const options = { seeds: [1], quick: false, full: false, out: "../results" };
    const outcome = await experiment.run({ ...options, device, signal, report });
    await bar.done("done");
    return outcome;
  });
}
