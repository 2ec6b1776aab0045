/** The metric of the base's inputs, in which the first direction does not count. @module */

import { activationsOf } from "../../src/analysis/mod.ts";
import type { Device } from "../../src/device/device.ts";
import { secondMoments } from "../../src/inspect/mod.ts";
import { rowsOf } from "../../src/linalg/mod.ts";
import { openBase } from "../methods/e2e/runs.ts";
import type { MetricOf } from "./subspace_rows.ts";
import type { RealTask } from "./task.ts";

/** S of the base's inputs over the validation meanings, without its first eigenvector; q and v share theirs. */
export async function inputMetric(
  task: RealTask,
  device: Device,
  modules: readonly string[],
): Promise<MetricOf> {
  using base = await openBase(device, task.validation);
  const queries = modules.filter((module) => module.endsWith("q_proj"));
  const moments = await secondMoments(base, queries, await task.validation.measured("validation"));
  const known = new Map<string, ReturnType<MetricOf>>();
  return (module) => {
    const query = module.replace(/v_proj$/, "q_proj");
    return known.getOrInsertComputed(query, () => {
      const all = activationsOf(moments.get(query)!);
      return { activations: rowsOf(all, 1, all.rows - 1) };
    });
  };
}
