/** Objects of the toolkit that end a cell. @module */

import { shownClasses } from "./describe/classes.ts";
import { show } from "./show.ts";

/** What the kernel asks an object for; it shows what comes back. */
const method = Symbol.for("Jupyter.display");

/**
 * Lets a cell end with a model, an adapter or another object of the toolkit. It is shown before the method
 * returns, which leaves the kernel nothing to show: what the kernel sends itself may come under the next cell.
 */
export function showLastValues(): void {
  for (const { class: { prototype } } of shownClasses) {
    Object.defineProperty(prototype, method, { configurable: true, value: showThis });
  }
}

async function showThis(this: object): Promise<Record<string, never>> {
  await show(this);
  return {};
}
