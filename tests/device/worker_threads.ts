/** Counting worker threads as Linux does. @module */

/** Worker threads of this process; Deno names them `worker-1` and so on. */
export function workers(): number {
  return [...Deno.readDirSync("/proc/self/task")].filter(({ name }) => isWorker(name)).length;
}

function isWorker(task: string): boolean {
  try {
    return Deno.readTextFileSync(`/proc/self/task/${task}/comm`).startsWith("worker-");
  } catch {
    return false; // it has just ended
  }
}
