/** The scope that all cells of a notebook share, and running a cell in it. @module */

import { compileCell, importer } from "./compile.ts";
import { load } from "./modules.ts";
import { NotInPage } from "./not_in_page.ts";

const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;

/** Names that cells would declare which no page can run. */
const missing = new Set<string>();

/** Cells that were run. */
let count = 0;

/** The lines of a cell begin on the third line of the function that it becomes. */
const before = 2;

/** The name of the script that the last cell became. */
const lastRun = (): string => `run-${count}.js`;

/** The line of the last cell in an error's stack, whichever cell has the function that threw; Deno names scripts its own way. */
export function lineOf({ stack = "" }: Error): number | undefined {
  const place = new RegExp(`${lastRun()}(?:, <anonymous>)?:(\\d+)`).exec(stack)?.[1];
  return place === undefined ? undefined : Number(place) - before;
}

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
    count++;
    return await new AsyncFunction(importer, `${code}\n//# sourceURL=${lastRun()}`)(load);
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
