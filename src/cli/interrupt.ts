/** SIGINT as an abort signal. @module */

import { setImmediate } from "node:timers";

/** Ends the program with exit code 130, once everything made so far is saved. */
export class Interrupted extends Error {
  /** The class's name. */
  override name = "Interrupted";
}

/** While it listens, the first SIGINT aborts its signal and a second one ends the process at once. */
export class Interrupt implements Disposable {
  readonly #controller = new AbortController();
  readonly #onSignal = () => {
    if (this.signal.aborted) Deno.exit(130);
    this.#controller.abort(new Interrupted("stopped by SIGINT"));
  };

  /** Starts listening; before that, SIGINT ends the process at once. */
  listen(): this {
    Deno.addSignalListener("SIGINT", this.#onSignal);
    return this;
  }

  /** Aborted by SIGINT, with an {@link Interrupted} as its reason. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Throws {@link Interrupted} after SIGINT; call it when everything is saved. */
  throwIfStopped(): void {
    this.signal.throwIfAborted();
  }

  /** Stops listening. */
  [Symbol.dispose](): void {
    Deno.removeSignalListener("SIGINT", this.#onSignal);
  }
}

/** Lets a pending signal be handled: a loop over promises that are already resolved never does. */
export function letSignalsIn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => resolve()));
}
