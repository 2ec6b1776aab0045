/** What the page asks of its worker: a message for each call, and one for what it gives. @module */

import type { TuningStart } from "./curves.ts";
import type { TinySettings } from "./settings.ts";
import type { Tuning, TuningReading } from "./tuning.ts";

/** What a tuning is opened with. */
export interface TuningRequest {
  /** The files of the base. */
  readonly files: readonly File[];
  /** What computes. */
  readonly device: "cpu" | "webgpu";
  /** Lines to learn. */
  readonly lines: readonly string[];
  /** How to learn them. */
  readonly settings: TinySettings;
}

/** What can be called: to open a tuning, which ends the one before, and then what a tuning does. */
export interface Calls extends Pick<Tuning, "step" | "speak" | "merge" | "files"> {
  /** Gives what is known before the first step. */
  open(request: TuningRequest): Promise<readonly [TuningStart, TuningReading]>;
}

/** From the page. */
export type Call = {
  [Name in keyof Calls]: { readonly name: Name; readonly given: Parameters<Calls[Name]> };
}[keyof Calls];

/** From the worker, in the order of the calls. */
export type Answer = { readonly value: unknown } | { readonly error: string };
