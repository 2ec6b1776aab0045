/** A compared method as data. @module */

import type { MethodSpec } from "../../src/runs/mod.ts";

/** A method at one size. */
export interface MethodSize {
  /** The size as tables show it: `r = 4`, `16 tokens`. */
  readonly size: string;
  /** Specification of the method. */
  readonly spec: MethodSpec;
  /** A guess of its own best rate, where it is not the method's. */
  readonly prior?: number;
}

/** A method that is compared. */
export interface StudiedMethod {
  /** Its key in `learning_rates.json`. */
  readonly key: string;
  /** Its name in tables. */
  readonly label: string;
  /** The paper's family of the method: its color in figures. */
  readonly family: "full" | "biases" | "adapter" | "prefix" | "LoRA" | "LoRA and prefix";
  /** A guess of its best rate, written down before any run. */
  readonly prior: number;
  /** Its sizes: all methods are compared at the first; rates are searched at it, too, unless each size has its own. */
  readonly sizes: readonly [MethodSize, ...MethodSize[]];
}

/** The sizes of a method that is measured at one alone. */
export const oneSize = (size: string, spec: MethodSpec): StudiedMethod["sizes"] => [{ size, spec }];
