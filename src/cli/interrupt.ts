/** SIGINT as an abort signal. @module */

import { setImmediate } from "node:timers";

/** Ends the program with exit code 130 once everything made so far was kept. */
export class Interrupted extends Error {
  /** The class's name. */
  override name = "Interrupted";
}

/** Once it listens a first SIGINT aborts its signal; a second one ends the process at once. */
export class Interrupt implements Disposable {
  readonly #controller = new AbortController();
  readonly #onSignal = () => {
    if (this.signal.aborted) Deno.exit(130);
    this.#controller.abort(new Interrupted("stopped by SIGINT"));
  };

  /** Starts listening: until then SIGINT ends the process at once. */
  listen(): this {
    Deno.addSignalListener("SIGINT", this.#onSignal);
    return this;
  }

  /** Aborted after SIGINT, by an {@link Interrupted}. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Call it when everything was kept: throws {@link Interrupted} after SIGINT. */
  throwIfStopped(): void {
    this.signal.throwIfAborted();
  }

  /** Stops listening. */
  [Symbol.dispose](): void {
    Deno.removeSignalListener("SIGINT", this.#onSignal);
  }
}

/** Gives a signal the chance to be seen: a loop of promises that are resolved already never does. */
export function letSignalsIn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => resolve()));
}
