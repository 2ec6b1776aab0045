/** Messages between the page and its worker. @module */

import type { Broadcast } from "./kernel/small_deno.ts";

/** From the page to the worker. */
export type ToKernel =
  | { readonly kind: "load"; readonly modules: readonly string[] }
  | { readonly kind: "run"; readonly cell: number; readonly source: string }
  | { readonly kind: "stop" }
  | { readonly kind: "ask"; readonly id: number; readonly address: string };

/** The error that ended a cell. */
export interface CellError {
  readonly name: string;
  readonly message: string;
  /** Line of the cell, where it is known. */
  readonly line?: number;
}

/** From the worker to the page. */
export type FromKernel =
  | { readonly kind: "output"; readonly cell: number; readonly output: Broadcast }
  | { readonly kind: "done"; readonly cell: number; readonly error?: CellError }
  | {
    readonly kind: "answer";
    readonly id: number;
    readonly status: number;
    readonly text: string;
  };
