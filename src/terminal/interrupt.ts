/** Signals that ask a program to end, as an abort signal. @module */

import { setImmediate } from "node:timers";

/** The signals, each with the exit code of a program that it has ended. */
const exitCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

type EndSignal = keyof typeof exitCodes;

/** Ends a program after a signal, once everything made so far is saved. */
export class Interrupted extends Error {
  /** The class's name. */
  override name = "Interrupted";
  /** The exit code by which a shell knows the signal: 130, 143 or 129. */
  readonly exitCode: number;

  /** Names the signal. */
  constructor(signal: EndSignal) {
    super(`stopped by ${signal}`);
    this.exitCode = exitCodes[signal];
  }
}

/** `deno task` passes signals on, so one that went to the whole group of processes comes twice. */
const echoMs = 250;

/**
 * While it listens, the first SIGINT, SIGTERM or SIGHUP aborts its signal, and a second SIGINT or SIGTERM
 * ends the process at once, unless it comes so soon that it is the first one again. SIGHUP never does: it
 * follows Ctrl-C when npx leads a terminal's session. Windows has SIGINT alone.
 */
export class Interrupt implements Disposable {
  readonly #controller = new AbortController();
  #firstMs?: number;
  readonly #listeners = new Map<EndSignal, () => void>();

  /** Starts listening; before that, a signal ends the process at once. */
  listen(): this {
    const all: EndSignal[] = ["SIGINT", "SIGTERM", "SIGHUP"];
    for (const name of Deno.build.os === "windows" ? all.slice(0, 1) : all) {
      const listener = () => this.#hear(name);
      this.#listeners.set(name, listener);
      Deno.addSignalListener(name, listener);
    }
    return this;
  }

  /** Aborted by the first signal, with an {@link Interrupted} as its reason. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Throws {@link Interrupted} after a signal; call it when everything is saved. */
  throwIfStopped(): void {
    this.signal.throwIfAborted();
  }

  /** Stops listening. */
  [Symbol.dispose](): void {
    for (const [name, listener] of this.#listeners) Deno.removeSignalListener(name, listener);
  }

  #hear(name: EndSignal): void {
    const now = performance.now(), isEcho = now - (this.#firstMs ??= now) < echoMs;
    if (name !== "SIGHUP" && !isEcho) Deno.exit(exitCodes[name]);
    this.#controller.abort(new Interrupted(name));
  }
}

/** Lets a pending signal be handled: a loop over promises that are already resolved never does. */
export function letSignalsIn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => resolve()));
}
