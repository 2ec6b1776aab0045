/** SIGINT as an abort signal. @module */

import { setImmediate } from "node:timers";

/** Ends the program with exit code 130 once everything made so far was kept. */
export class Interrupted extends Error {
  /** The class's name. */
  override name = "Interrupted";
}

/** While it lives a first SIGINT aborts its signal; a second one ends the process at once. */
export class Interrupt implements Disposable {
  readonly #controller = new AbortController();
  readonly #onSignal = () => {
    if (this.signal.aborted) Deno.exit(130);
    this.#controller.abort();
  };

  /** Starts listening. */
  constructor() {
    Deno.addSignalListener("SIGINT", this.#onSignal);
  }

  /** Aborted after SIGINT. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Call it when everything was kept: throws {@link Interrupted} after SIGINT. */
  throwIfStopped(): void {
    if (this.signal.aborted) throw new Interrupted("stopped by SIGINT");
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
