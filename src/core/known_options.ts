/** Options of the programs that parse theirs with `node:util`. @module */

import { nearestName } from "./nearest_name.ts";

/**
 * What `parseArgs` says of an unknown option is long, and does not say which one was meant.
 *
 * @throws {RangeError} when an argument names an option that is not known.
 */
export function assertKnownOptions(args: readonly string[], known: readonly string[]): void {
  for (const arg of args) {
    const name = /^--(.*?)(=|$)/.exec(arg)?.[1];
    if (!name || known.includes(name)) continue;
    const meant = nearestName(name, known);
    throw new RangeError(
      `there is no option --${name}${meant ? ` (did you mean --${meant}?)` : ""}`,
    );
  }
}
