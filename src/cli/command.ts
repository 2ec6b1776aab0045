/** A command as a value, and what commander is told of it. @module */

import { type Argument, Command as Parser, type ErrorOptions } from "npm:commander@15.1.0";
import { nearestName } from "../core/checks.ts";
import { call, Option, pathWord, seedNumber } from "./options.ts";

/**
 * A permission that a command keeps: the network, files in and out, and the system's BLAS, which `device` opens for a
 * device with its threads, and `library` for a decomposition. No command starts a program, asks for anything about the
 * system, or imports.
 */
export type Permission = "read" | "write" | "net" | "device" | "library";

/** Values of options by their names. */
export type Given = Readonly<Record<string, unknown>>;

/** All that the program knows of a command. */
export interface LowrankCommand {
  /** The word that calls it. */
  readonly name: string;
  /** Its description in a line. */
  readonly summary: string;
  /** Its arguments in their order. */
  readonly arguments?: readonly Argument[];
  /** Its own options in the order of help. */
  readonly options?: readonly Option[];
  /** The common options that it uses, which are in its help; it accepts all. */
  readonly uses?: readonly ("--device" | "--seed")[];
  /** The permissions that it keeps, or that it keeps with these options. */
  readonly permissions: readonly Permission[] | ((options: Given) => readonly Permission[]);
  /** Reads the values in a file, its first argument, that may name models of the hub as options do. */
  readonly valuesIn?: (file: string) => Promise<readonly string[]>;
  /** Advice for options that other programs, or other commands, have. */
  readonly instead?: Readonly<Record<string, string>>;
  /** The text of its help below the options. */
  readonly help?: string;
  /** A call for the end of its help, where the text shows none. */
  readonly example?: string;
  /** Does it, with the values of the arguments and then of the options. */
  readonly run: (...given: never[]) => Promise<void>;
}

/** An option that may be left out. */
export const option = <T>(
  flags: string,
  help: string,
  parse?: (text: string, before: T) => T,
  otherwise?: T,
): Option => {
  const made = new Option(flags, help).default(otherwise);
  return parse ? made.argParser(parse) : made;
};

/** An option that must be given. */
export const required = <T>(
  flags: string,
  help: string,
  parse?: (text: string, before: T) => T,
): Option => option(flags, help, parse).makeOptionMandatory();

/** Options under a heading of help. */
export const group = (heading: string, options: readonly Option[]): Option[] =>
  options.map((one) => one.helpGroup(heading));

/**
 * The options of all commands, so that a script can pass the same ones to each; help shows those that the command
 * uses.
 */
export function commonOptions({ uses = [] }: LowrankCommand): Option[] {
  const device = new Option(
    "--device <kind>",
    "where to compute; auto uses a GPU if there is one, otherwise the CPU",
  ).choices(["auto", "cpu", "webgpu"]).default("auto");
  return group("Common options:", [
    device.hideHelp(!uses.includes("--device")),
    option("--json", "print a single JSON document on standard output"),
    option("--seed <n>", "seed of all random numbers", seedNumber, 0)
      .hideHelp(!uses.includes("--seed")),
    option("--quiet", "print no progress and no notes on standard error"),
  ]);
}

/** Adds a command to a program, whose settings it inherits. */
export function addCommand(program: Command, command: LowrankCommand): void {
  const added = program.command(command.name).description(command.summary);
  for (const argument of command.arguments ?? []) added.addArgument(argument);
  for (const one of command.options ?? []) added.addOption(one);
  added.usage(usageOf(added)).optionsGroup("Common options:").helpOption(
    "--help",
    "print this help",
  );
  for (const one of commonOptions(command)) added.addOption(one);
  if (command.help) added.addHelpText("after", command.help);
  if (command.example) added.addHelpText("after", `\nExample:\n  lowrank ${command.example}`);
  added.instead = command.instead ?? {};
  added.action((...given) => command.run(...given as never[]));
}

/** The usage line: arguments, then the required options. */
function usageOf({ options, registeredArguments }: Command): string {
  const required = options.filter(({ mandatory }) => mandatory).map(({ flags }) => flags);
  return [
    ...registeredArguments.map((item) => {
      const name = item.variadic ? `${item.name()}...` : item.name();
      return item.required ? `<${name}>` : `[${name}]`;
    }),
    ...required,
    "[options]",
  ].join(" ");
}

/** A model that was given as a word of its own, by a command that takes it as an option. */
export class BareModelError extends Error {
  /** The model as it was given. */
  readonly given: string;

  /** Advises to give it as an option, or as these options. */
  constructor(given: string, options = `--model ${pathWord(given)}`) {
    super(`required option '--model <folder>' not specified: give ${options}`);
    this.given = given;
  }
}

/** A parser that says what an unknown option may mean, before it asks for a required one. */
export class Command extends Parser {
  /** Advice for options that it does not have. */
  instead: Readonly<Record<string, string>> = {};

  /** Makes a command of this kind. */
  override createCommand(name?: string): Command {
    return new Command(name);
  }

  /** Ends the program with a message. */
  override error(message: string, options?: ErrorOptions): never {
    const has = (name: string) => this.options.some(({ long }) => long === name);
    const isExcess = options?.code === "commander.excessArguments";
    if (isExcess && has("--prompt")) {
      return super.error(`${message} A text with spaces needs quotes.`, options);
    }
    const command = this.parent ? `${call} ${this.name()}` : call;
    const list = `for a list of all, run ${command} --help`;
    if (options?.code === "commander.unknownCommand" && !message.includes("Did you mean")) {
      return super.error(`${message}: ${list}`, options);
    }
    if (options?.code === "commander.missingArgument") {
      return super.error(`${message}: it is ${command} ${this.usage()}`, options);
    }
    const missing = "commander.missingMandatoryOptionValue", [given] = this.args;
    const takesModel = has("--model") && this.opts().model === undefined &&
      this.registeredArguments.length === 0;
    if (takesModel && given && !given.startsWith("-") && (isExcess || options?.code === missing)) {
      throw new BareModelError(given);
    }
    const isMissing = options?.code === missing;
    const isUnknown = options?.code === "commander.unknownOption";
    const [unknown] = this.args.find((argument) => argument.startsWith("-"))?.split("=") ??
      /(?<=^error: unknown option ')[^']*/.exec(isUnknown ? message : "") ?? [];
    const other = unknown && this.instead[unknown];
    if (other && (isMissing || isUnknown)) {
      return super.error(`unknown option '${unknown}': ${other}`, options);
    }
    const isHinted = isUnknown && message.includes("Did you mean");
    if (unknown === undefined || isHinted || !(isMissing || isUnknown)) {
      return super.error(message, options);
    }
    const meant = nearestName(unknown, this.options.map(({ long }) => long ?? ""));
    const hint = meant ? ` (did you mean ${meant}?)` : `: ${list}`;
    return super.error(`unknown option '${unknown}'${hint}`, { code: "commander.unknownOption" });
  }
}
