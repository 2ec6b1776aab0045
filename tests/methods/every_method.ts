/** Tables of tests that need a row of every method. @module */

import { assert } from "@std/assert";
import { type MethodKind, methodKinds } from "../../src/methods/mod.ts";

/**
 * Throws unless a table of a test has a row of every method.
 *
 * @param table The table and its file, for the message.
 * @param rows The methods of its rows.
 * @param without Methods that need none.
 */
export function assertEveryMethod(
  table: string,
  rows: readonly MethodKind[],
  without: readonly MethodKind[] = [],
): void {
  const missing = methodKinds.filter((kind) => !rows.includes(kind) && !without.includes(kind));
  const names = missing.map((kind) => JSON.stringify(kind)).join(", ");
  assert(missing.length === 0, `${table} needs a row of ${names}: docs/adding_a_method.md, step 4`);
}
