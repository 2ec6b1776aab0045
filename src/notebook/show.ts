/** Showing a value in a notebook or a terminal. @module */

import { describe } from "./describe.ts";
import { display, flush, inNotebook, printText } from "./kernel.ts";
import { bundleOf } from "./part.ts";

/**
 * Shows a value: a figure, a picture, a table, findings, an outcome, a formula, a model, an adapter, a ledger, a merge
 * report, a spectrum, a PEFT adapter, a tensor, a number or a text, or an array of these, one below another.
 *
 * One call makes one output, and it always appears below its own cell; `console.log`, or a value at the end of a
 * cell, may appear below the next one. A terminal prints the value as text.
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
  if (!inNotebook()) return printText(`${bundle["text/plain"]}`);
  await display(bundle);
  await flush();
}
