/** Showing an object that ends a cell. @module */

import { shownClasses } from "./describe/classes.ts";
import { show } from "./show.ts";

/** The method that the kernel calls on a cell's last value; it shows the result. */
const method = Symbol.for("Jupyter.display");

/**
 * Lets a cell end with a model, an adapter or another object of the toolkit. The method shows the object and
 * returns nothing for the kernel to show: what the kernel sends itself may appear below the next cell.
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
