/** The scope that all cells of a notebook share, and running a cell in it. @module */

import { compileCell } from "./compile.ts";
import { load } from "./modules.ts";

const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;

/** Cells that were run; errors name a cell by its number. */
let count = 0;

/**
 * Runs a cell and gives the value of its last expression.
 *
 * @throws what the cell throws, or {SyntaxError} when it is no TypeScript.
 */
export async function runCell(source: string): Promise<unknown> {
  const { code, variables, constants } = compileCell(source);
  for (const name of variables) declare(name, true);
  try {
    return await new AsyncFunction("load", `${code}\n//# sourceURL=run-${++count}.js`)(load);
  } finally {
    for (const name of constants) declare(name, false);
  }
}

/** A variable is a property of the worker's global object; one that was declared before keeps its value. */
function declare(name: string, writable: boolean): void {
  const own = Object.getOwnPropertyDescriptor(globalThis, name);
  const value = own && "value" in own ? own.value : undefined;
  const isOurs = { writable, enumerable: true, configurable: true };
  Object.defineProperty(globalThis, name, { value, ...isOurs });
}
