/** An experiment in a cell. @module */

import { openDevice } from "../device/mod.ts";
import type { Outcome } from "../../experiments/mod.ts";
import { progress } from "./progress.ts";
import { stoppable } from "./stop.ts";

/**
 * Runs an experiment on the default device with seed 1, as `deno task reproduce --only NAME` does. Runs that
 * are shipped or in `../results` are read instead of trained. It shows a progress bar and can be stopped;
 * runs that are finished by then are kept.
 *
 * @throws {RangeError} when there is no such experiment; the message lists those that exist.
 * @throws {Error} when it was stopped before it had an outcome.
 *
 * @example
 * ```ts
 * import { runExperiment, show } from "@lowrank/core/notebook";
 *
 * const outcome = await runExperiment("counting");
 * await show(outcome.findings);
 * ```
 */
export async function runExperiment(name: string): Promise<Outcome> {
  // Imported here because experiments read the package's folder, which does not exist over HTTP.
  const { selectExperiments } = await import("../../experiments/registry.ts");
  const [experiment] = selectExperiments([name]);
  const outcome = await stoppable(async (signal) => {
    using device = await openDevice();
    const bar = progress(experiment.title), report = bar.report.bind(bar);
    const options = { seeds: [1], quick: false, full: false, out: "../results" };
    const outcome = await experiment.run({ ...options, device, signal, report });
    await bar.done("done");
    return outcome;
  });
  if (outcome) return outcome;
  throw new Error(`${name} has no outcome: it was stopped before its end; run the cell again`);
}
