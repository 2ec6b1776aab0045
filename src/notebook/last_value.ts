/** Showing an object that ends a cell. @module */

import { isShown } from "./describe/describe.ts";
import { show } from "./show.ts";

/** The method that the kernel calls on a cell's last value; it shows the result. */
const method = Symbol.for("Jupyter.display");

/**
 * Lets a cell end with a model, a figure, a spectrum or anything else that `show` has a form for, or a list
 * of such. Most of these are plain records without a class, so the method is found on every object, and is
 * undefined for all others. It shows the object and returns nothing for the kernel to show: what the kernel
 * sends itself may appear below the next cell.
 */
export function showLastValues(): void {
  Object.defineProperty(Object.prototype, method, {
    configurable: true,
    get() {
      return isShown(this) ? showThis : undefined;
    },
    set(value) {
      const own = { value, configurable: true, enumerable: true, writable: true };
      Object.defineProperty(this, method, own);
    },
  });
}

async function showThis(this: object): Promise<Record<string, never>> {
  await show(this);
  return {};
}
