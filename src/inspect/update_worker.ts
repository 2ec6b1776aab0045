/** A worker that computes with updates: what it is sent, it answers. @module */

import { memoryOf, perform, type Task, type TaskName, type TaskResult } from "./update_tasks.ts";

/** A result; where there is none the task, with the memory of its updates. */
export type Answer<Name extends TaskName> =
  | { readonly result: TaskResult<Name> }
  | { readonly failed: Task<Name> };

interface WorkerScope {
  onmessage: (event: { readonly data: Task<TaskName> }) => void;
  postMessage(answer: Answer<TaskName> | "ready", memory?: ArrayBuffer[]): void;
}

const scope = globalThis as unknown as WorkerScope;

scope.onmessage = ({ data }) => answer(data);
scope.postMessage("ready");

/**
 * Answers a task with one message: an error behind it ends the worker, and never answers the next
 * task.
 */
function answer(task: Task<TaskName>): void {
  let result;
  try {
    result = perform(task);
  } catch {
    scope.postMessage({ failed: task }, memoryOf(task)); // the other side tries again, and so has the error itself
    return;
  }
  scope.postMessage({ result });
  // Freed at once, and not when this thread's collector gets to it.
  for (const buffer of memoryOf(task)) buffer.transfer(0);
}
