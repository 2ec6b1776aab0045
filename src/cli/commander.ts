/**
 * The command-line parser. It is imported by its full name so that `cli.ts` also runs over HTTP, where
 * no import map is read.
 *
 * @module
 */

import { Command as Parser, type ErrorOptions } from "npm:commander@15.1.0";
import { nearestName } from "../core/nearest_name.ts";
import { call } from "./call.ts";

export { CommanderError, InvalidArgumentError, Option } from "npm:commander@15.1.0";

/** What to write here for options that other programs, or other commands, have. */
const instead: Readonly<Record<string, string>> = {
  "combine --weights": "an adapter's weight is after a colon, as in out/a:0.5 out/b:0.5",
  "quantize --output": "the folder to write is the second argument",
  "train --init": 'it is "init" of "method" in the file of --config',
  "train --lr": "it is --learning-rate",
};

/** A command that says what an unknown option may mean, before it asks for a required one. */
export class Command extends Parser {
  /** Makes a command of this kind. */
  override createCommand(name?: string): Command {
    return new Command(name);
  }

  /** Ends the program with a message. */
  override error(message: string, options?: ErrorOptions): never {
    if (
      options?.code === "commander.excessArguments" &&
      this.options.some(({ long }) => long === "--prompt")
    ) {
      return super.error(`${message} A text with spaces needs quotes.`, options);
    }
    const isMissing = options?.code === "commander.missingMandatoryOptionValue";
    const isUnknown = options?.code === "commander.unknownOption";
    const [unknown] = this.args.find((argument) => argument.startsWith("-"))?.split("=") ??
      /(?<=^error: unknown option ')[^']*/.exec(isUnknown ? message : "") ?? [];
    const other = instead[`${this.name()} ${unknown}`];
    if (other && (isMissing || isUnknown)) {
      return super.error(`unknown option '${unknown}': ${other}`, options);
    }
    const isHinted = isUnknown && message.includes("Did you mean");
    if (unknown === undefined || isHinted || !(isMissing || isUnknown)) {
      return super.error(message, options);
    }
    const meant = nearestName(unknown, this.options.map(({ long }) => long ?? ""));
    const command = this.parent ? `${call} ${this.name()}` : call;
    const hint = meant ? ` (did you mean ${meant}?)` : `: for a list of all, run ${command} --help`;
    return super.error(`unknown option '${unknown}'${hint}`, { code: "commander.unknownOption" });
  }
}
