/** The scope that all cells of a notebook share, and running a cell in it. @module */

import { compileCell } from "./compile.ts";
import { load } from "./modules.ts";
import { NotInPage } from "./not_in_page.ts";

const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;

/** Names that cells would declare which no page can run. */
const missing = new Set<string>();

/** Cells that were run; errors name a cell by its number. */
let count = 0;

/**
 * Runs a cell and gives the value of its last expression.
 *
 * @throws {NotInPage} when the cell needs more than a page; else what it throws.
 * @throws {SyntaxError} when it is no TypeScript.
 */
export async function runCell(source: string): Promise<unknown> {
  const { code, variables, constants } = compileCell(source);
  const isNew = variables.filter((name) => !Object.hasOwn(globalThis, name));
  for (const name of variables) declare(name, true);
  try {
    return await new AsyncFunction("load", `${code}\n//# sourceURL=run-${++count}.js`)(load);
  } catch (error) {
    const lack = NotInPage.of(error, missing);
    if (!lack) throw error;
    isNew.filter(isEmpty).forEach((name) => {
      Reflect.deleteProperty(globalThis, name);
      missing.add(name);
    });
    throw lack;
  } finally {
    constants.filter((name) => Object.hasOwn(globalThis, name))
      .forEach((name) => declare(name, false));
  }
}

const isEmpty = (name: string): boolean => Reflect.get(globalThis, name) === undefined;

/** A variable is a property of the worker's global object; one that was declared before keeps its value. */
function declare(name: string, writable: boolean): void {
  const own = Object.getOwnPropertyDescriptor(globalThis, name);
  const value = own && "value" in own ? own.value : undefined;
  const isOurs = { writable, enumerable: true, configurable: true };
  Object.defineProperty(globalThis, name, { value, ...isOurs });
}
