/**
 * The command-line parser. It is imported by its full name so that `cli.ts` also runs over HTTP, where
 * no import map is read.
 *
 * @module
 */

import { Command as Parser, type ErrorOptions } from "npm:commander@15.1.0";
import { nearestName } from "../core/nearest_name.ts";

export { CommanderError, InvalidArgumentError, Option } from "npm:commander@15.1.0";

/** A command that names an unknown option before a required one, of which it may be a misspelling. */
export class Command extends Parser {
  /** Makes a command of this kind. */
  override createCommand(name?: string): Command {
    return new Command(name);
  }

  /** Ends the program with a message. */
  override error(message: string, options?: ErrorOptions): never {
    const isMissing = options?.code === "commander.missingMandatoryOptionValue";
    const [unknown] = this.args.find((argument) => argument.startsWith("-"))?.split("=") ?? [];
    if (!isMissing || unknown === undefined) return super.error(message, options);
    const meant = nearestName(unknown, this.options.map(({ long }) => long ?? ""));
    const hint = meant ? ` (did you mean ${meant}?)` : "";
    return super.error(`unknown option '${unknown}'${hint}`, { code: "commander.unknownOption" });
  }
}
