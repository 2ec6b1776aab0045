/** Refusing options that do not exist: a misspelled one would be passed over. @module */

import { assertRecord } from "./json.ts";
import { nearestName } from "./nearest_name.ts";
import { quote } from "./quote.ts";

/** The name of every option, as fields, so that the compiler keeps the list complete. */
export type OptionNames<Options> = Readonly<Record<keyof Options, true>>;

/**
 * Throws unless options are a record of known names.
 *
 * @param what Whose options they are: `injectLora`.
 * @throws {TypeError} when they are not; the message says which name may have been meant.
 */
export function assertOptions<Options extends object>(
  what: string,
  options: Options,
  names: OptionNames<Options>,
): void {
  assertRecord(`the options of ${what}`, options);
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || Object.hasOwn(names, name)) continue;
    const known = Object.keys(names), meant = nearestName(name, known);
    throw new TypeError(
      `the options of ${what} are ${known.join(", ")}; found ${quote(name)}${
        meant === undefined ? "" : ` (did you mean ${meant}?)`
      }`,
    );
  }
}

/** The options of these names, of a record that has others too. */
export function pickOptions<Options extends object>(
  options: Options,
  names: OptionNames<Options>,
): Options {
  const own = Object.entries(options).filter(([name]) => Object.hasOwn(names, name));
  return Object.fromEntries(own) as Options;
}
