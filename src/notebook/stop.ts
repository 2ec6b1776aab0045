/** The Stop button: SIGINT aborts whatever can be stopped. @module */

import { AsyncLocalStorage } from "node:async_hooks";
import { inNotebook, warn } from "./kernel.ts";
import { settle } from "./live_output.ts";
import { show } from "./show.ts";

/** Running work that can be stopped. */
interface Stoppable {
  readonly controller: AbortController;
  /** Its last progress report: `step 28 of 300`. */
  last?: string;
}

/** The work that this code is part of, or was: a queued cell inherits the context of the cell before it. */
const inner = new AsyncLocalStorage<Stoppable>();

const running = new Set<Stoppable>();

/** The work around this code, unless it has ended. */
function surrounding(): Stoppable | undefined {
  const found = inner.getStore();
  return found && running.has(found) ? found : undefined;
}

let listening = false;

/** Listens to SIGINT for the kernel's lifetime: without a listener, Stop would kill it and all its state. */
export function listenToStop(): void {
  if (listening) return;
  Deno.addSignalListener("SIGINT", stopAll);
  listening = true;
}

/** True if the surrounding `stoppable` was stopped. */
export function isStopped(): boolean {
  return surrounding()?.controller.signal.aborted ?? false;
}

/** Records the progress of the surrounding `stoppable`, for the line that says where it stopped. */
export function noteProgress(text: string): void {
  const current = surrounding();
  if (current) current.last = text;
}

/**
 * Runs work that the Stop button (Ctrl-C in a terminal) ends at its next step: pass the signal to `train`,
 * or call `signal.throwIfAborted()` in a loop. Results so far are kept, and a line instead of an error says
 * where it stopped. A `stoppable` inside another one stops together with it.
 *
 * @returns The result of the work, or undefined if it was stopped. Other errors are rethrown.
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

/** `stopped at step 28 of 300`, or the last progress report if it names no step. */
function stoppedAt({ last }: Stoppable): string {
  if (last === undefined) return "stopped; results so far are kept";
  return `stopped at ${/\bstep \d+(?: of \d+)?/.exec(last)?.[0] ?? last}`;
}

/** In a terminal the listener is removed after the work, so that Ctrl-C works as usual again. */
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

/** It must not throw: Deno would then never call a SIGINT listener again, not even the user's own. */
function stopAll(): void {
  const again = [...running].every(({ controller }) => controller.signal.aborted);
  if (again && !inNotebook()) Deno.exit(130); // as a second Ctrl-C does elsewhere
  if (again) warn(running.size === 0 ? nothingToStop : stopping);
  for (const { controller } of running) controller.abort();
}

const nothingToStop =
  "Stop only ends work inside stoppable(…), and none is running. To end this cell, restart the kernel.";

const stopping = "Stopping after the current step.";
