/** Methods of each task. @module */

import type { DownstreamTask } from "../../skills/tasks.ts";
import type { StudiedMethod } from "../methods.ts";
import { prefixes, skillMethods } from "./methods.ts";
import { methodTasks, nearTask } from "./runs.ts";

/** Methods that are trained on a task. */
export interface TaskMethods {
  /** The task. */
  readonly task: DownstreamTask;
  /** The methods, each at every size. */
  readonly methods: readonly StudiedMethod[];
}

/** The same methods on both tasks whose average is compared. */
export const onBothTasks = (methods: readonly StudiedMethod[]): TaskMethods[] =>
  methodTasks.map((task) => ({ task, methods }));

/** All methods on both, and prefixes on the near one. */
export const onSkills: readonly TaskMethods[] = [
  ...onBothTasks(skillMethods),
  { task: nearTask, methods: skillMethods.filter(({ key }) => prefixes.includes(key)) },
];
