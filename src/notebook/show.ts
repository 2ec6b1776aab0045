/** Showing a value, in a notebook or in a terminal. @module */

import { describe } from "./describe/describe.ts";
import { display, flush, inNotebook } from "./kernel.ts";
import { bundleOf } from "./part.ts";

/**
 * Shows a value: a figure, a table, findings, an outcome, a formula, a model, an adapter, a ledger, a merge
 * report, a spectrum, a PEFT adapter, a tensor, any number, text, or an array of such, one below the other.
 *
 * One call is one output. It comes under its own cell, which a value that ends a cell or `console.log` do
 * not always. In a terminal it prints the value's text.
 *
 * @example
 * ```ts
 * import { show } from "@lowrank/core/notebook";
 *
 * await show(["a loss that is hidden by the kernel:", NaN]);
 * ```
 */
export async function show(value: unknown): Promise<void> {
  const bundle = await bundleOf(await describe(value));
  if (!inNotebook()) return console.log(bundle["text/plain"]);
  await display(bundle);
  await flush();
}
