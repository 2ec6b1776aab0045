/** The page's requests to its worker: a message for each call, and one for its result. @module */

import type { TuningStart } from "./curves.ts";
import type { TinySettings } from "./settings.ts";
import type { Tuning, TuningReading } from "./tuning.ts";

/** Arguments for opening a tuning. */
export interface TuningRequest {
  /** The files of the base. */
  readonly files: readonly File[];
  /** The device that computes. */
  readonly device: "cpu" | "webgpu";
  /** Lines to learn. */
  readonly lines: readonly string[];
  /** Settings of the training. */
  readonly settings: TinySettings;
}

/**
 * Calls to the worker: one opens a tuning, which ends the one before, and the others are the
 * tuning's methods.
 */
export interface Calls extends Pick<Tuning, "step" | "speak" | "next" | "merge" | "files"> {
  /** Gives what is known before the first step. */
  open(request: TuningRequest): Promise<readonly [TuningStart, TuningReading]>;
}

/** A message from the page. */
export type Call = {
  [Name in keyof Calls]: { readonly name: Name; readonly given: Parameters<Calls[Name]> };
}[keyof Calls];

/** A message from the worker, in the order of the calls. */
export type Answer = { readonly value: unknown } | { readonly error: string };
