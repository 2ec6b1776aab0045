/** The Stop button: SIGINT as an abort of what can be stopped. @module */

import { AsyncLocalStorage } from "node:async_hooks";
import { inNotebook, warn } from "./kernel.ts";
import { settle } from "./live_output.ts";
import { show } from "./show.ts";

/** Something under way that can be stopped. */
interface Stoppable {
  readonly controller: AbortController;
  /** What was last said of it: `step 28 of 300`. */
  last?: string;
}

/** The one that this code runs in, or ran in: a cell that stood in the queue inherits that of the cell before. */
const inner = new AsyncLocalStorage<Stoppable>();

const running = new Set<Stoppable>();

/** The one around this code, unless it has ended. */
function surrounding(): Stoppable | undefined {
  const found = inner.getStore();
  return found && running.has(found) ? found : undefined;
}

let listening = false;

/** Listens to SIGINT for as long as the kernel lives: without a listener Stop ends it and all it holds. */
export function listenToStop(): void {
  if (listening) return;
  Deno.addSignalListener("SIGINT", stopAll);
  listening = true;
}

/** Whether the surrounding `stoppable` was stopped. */
export function isStopped(): boolean {
  return surrounding()?.controller.signal.aborted ?? false;
}

/** Notes how far the surrounding `stoppable` is, for the line that says where it stopped. */
export function noteProgress(text: string): void {
  const current = surrounding();
  if (current) current.last = text;
}

/**
 * Runs work that the Stop button (in a terminal Ctrl-C) ends at its next step: pass the signal on to
 * `train` or call `signal.throwIfAborted()` in a loop. What was made stays; instead of an error a line says
 * where it stopped. Inside of another one it is part of that.
 *
 * @returns What the work returned; nothing when it threw the signal's reason. Other errors are thrown on.
 *
 * @example
 * ```ts
 * import { progress, stoppable } from "@lowrank/core/notebook";
 *
 * let sum = 0;
 * await stoppable(async (signal) => {
 *   const bar = progress("adding");
 *   for (let step = 1; step <= 100; step++) {
 *     signal.throwIfAborted();
 *     sum += step;
 *     bar.report(step / 100, `step ${step} of 100`);
 *     await new Promise((resolve) => setTimeout(resolve));
 *   }
 *   await bar.done(`the sum is ${sum}`);
 * });
 * ```
 */
export async function stoppable<T>(
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const outer = surrounding();
  if (outer) return await work(outer.controller.signal);
  const current: Stoppable = { controller: new AbortController() };
  const { signal } = current.controller;
  using _listening = whileRunning(current);
  try {
    return await inner.run(current, () => work(signal));
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error; // its own errors stay errors
  } finally {
    await settle();
    if (signal.aborted) await show(stoppedAt(current));
  }
}

/** `stopped at step 28 of 300`, or what was last said where that names no step. */
function stoppedAt({ last }: Stoppable): string {
  if (last === undefined) return "stopped; what was made stays";
  return `stopped at ${/\bstep \d+(?: of \d+)?/.exec(last)?.[0] ?? last}`;
}

/** In a terminal the listener goes with the work, so that Ctrl-C does what it did. */
function whileRunning(current: Stoppable): Disposable {
  running.add(current);
  if (inNotebook()) listenToStop();
  else Deno.addSignalListener("SIGINT", stopAll);
  return {
    [Symbol.dispose]() {
      running.delete(current);
      if (!inNotebook()) Deno.removeSignalListener("SIGINT", stopAll);
    },
  };
}

/** It must not throw: Deno would never call a SIGINT listener again, the reader's own neither. */
function stopAll(): void {
  const again = [...running].every(({ controller }) => controller.signal.aborted);
  if (again && !inNotebook()) Deno.exit(130); // as a second Ctrl-C does elsewhere
  if (again) warn(running.size === 0 ? nothingToStop : stopping);
  for (const { controller } of running) controller.abort();
}

const nothingToStop =
  "Nothing here listens to Stop: what runs inside of stoppable(…) does. To end it, restart the kernel.";

const stopping = "Stopping: it ends with the step that is under way.";
