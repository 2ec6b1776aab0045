/** Computations on single updates, which any thread can run. @module */

import { energyRank, truncateUpdate, updateSingularValues } from "../analysis/mod.ts";
import type { HostTensor } from "../core/tensor.ts";
import type { LowRankUpdate } from "../core/update.ts";
import { comparePair, type DirectionSpace } from "./compare.ts";
import { type DescribeOptions, describeUpdate } from "./describe.ts";

/** Limit of a cut update: a rank, or the directions that hold a share of |ΔW|². */
export type Cut = { readonly rank: number } | { readonly energy: number };

/** The tasks by name; each takes plain data, updates first, and gives plain data. */
export const updateTasks = {
  describe: ([update]: readonly LowRankUpdate[], options: DescribeOptions) =>
    describeUpdate(update, options),
  compare: ([one, other]: readonly LowRankUpdate[], space: DirectionSpace) =>
    comparePair(one, other, space),
  cut: ([update]: readonly LowRankUpdate[], cut: Cut) =>
    truncateUpdate(update, "rank" in cut ? cut.rank : rankFor(update, cut.energy)),
};

/** A zero update keeps one direction: an adapter cannot have rank 0. */
const rankFor = (update: LowRankUpdate, energy: number): number =>
  Math.max(1, energyRank(updateSingularValues(update), energy));

/** The name of a task. */
export type TaskName = keyof typeof updateTasks;

/** Options of a task. */
export type TaskOptions<Name extends TaskName> = Parameters<typeof updateTasks[Name]>[1];

/** Result of a task. */
export type TaskResult<Name extends TaskName> = ReturnType<typeof updateTasks[Name]>;

/** A task as it is sent to a worker. */
export interface Task<Name extends TaskName> {
  /** Name of the task. */
  readonly name: Name;
  /** Updates that it works on. */
  readonly updates: readonly LowRankUpdate[];
  /** Its options. */
  readonly options: TaskOptions<Name>;
}

/**
 * Does a task.
 *
 * @throws As its function does.
 */
export function perform<Name extends TaskName>(task: Task<Name>): TaskResult<Name> {
  const act = updateTasks[task.name] as (
    updates: readonly LowRankUpdate[],
    options: TaskOptions<Name>,
  ) => TaskResult<Name>;
  return act(task.updates, task.options);
}

/** The memory of a task's updates and weight, each once, to be handed from thread to thread. */
export function memoryOf({ updates, options }: Task<TaskName>): ArrayBuffer[] {
  const weight = weightOf(options), factors = updates.flatMap(({ A, B }) => [A, B]);
  const buffers = [...factors, ...(weight ? [weight] : [])].map(({ data }) => data.buffer);
  return [...new Set(buffers)] as ArrayBuffer[];
}

/** The weight that an update is compared with, if the task has one. */
export const weightOf = (options: TaskOptions<TaskName>): HostTensor | undefined =>
  typeof options === "object" && "weight" in options ? options.weight : undefined;
