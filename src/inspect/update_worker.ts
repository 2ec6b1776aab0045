/** A worker that computes with updates: what it is sent, it answers. @module */

import { perform, type Task, type TaskName, type TaskResult } from "./update_tasks.ts";

/** A result; undefined where that fails. */
export type Answer<Name extends TaskName> = TaskResult<Name> | undefined;

interface WorkerScope {
  onmessage: (event: { readonly data: Task<TaskName> }) => void;
  postMessage(answer: Answer<TaskName>): void;
}

const scope = globalThis as unknown as WorkerScope;

scope.onmessage = ({ data }) => scope.postMessage(answerTo(data));

function answerTo(task: Task<TaskName>): Answer<TaskName> {
  try {
    return perform(task);
  } catch {
    return undefined; // the other side tries again, and so has the error itself
  }
}
