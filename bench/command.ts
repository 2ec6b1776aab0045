/** Reads the options of this folder's commands, and ends with their exit codes. @module */

import { terminalLine } from "../src/core/errors.ts";

/** Runs a command: `--help` prints its usage, and an error is one line and exit code 1. */
export async function runCommand(
  usage: string,
  main: (args: readonly string[]) => Promise<void>,
): Promise<void> {
  if (Deno.args.includes("--help")) return console.log(usage);
  try {
    await main(Deno.args);
  } catch (error) {
    const sentence = error instanceof Error ? error.message : String(error);
    console.error(`error: ${terminalLine(sentence.trim().replaceAll(/\s*\n\s*/g, " "))}`);
    Deno.exit(1);
  }
}

/** Names in indented lines, for a usage. */
export function listed(names: readonly string[]): string {
  const lines: string[] = [];
  for (const name of names.map((name, i) => i < names.length - 1 ? `${name},` : name)) {
    const longer = `${lines.at(-1)} ${name}`;
    if (lines.length > 0 && longer.length <= 80) lines[lines.length - 1] = longer;
    else lines.push(`  ${name}`);
  }
  return lines.join("\n");
}

/**
 * A number of rounds, threads or seconds.
 *
 * @throws {RangeError} when it is not a whole number of at least 1.
 */
export function countOf(name: string, text: string): number {
  const value = text === "" ? NaN : Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  const rule = Number.isInteger(value) ? "at least 1" : "a whole number";
  throw new RangeError(`${name} must be ${rule}, found ${text || '""'}`);
}

/**
 * The known names in `a,b`, or all if nothing is said.
 *
 * @throws {RangeError} when a name is not known.
 */
export function namesIn<T extends string>(what: string, known: readonly T[], text?: string): T[] {
  if (text === undefined) return [...known];
  return text.split(",").map((part) => {
    const name = part.trim(), found = known.find((own) => own === name);
    if (found !== undefined) return found;
    throw new RangeError(`${what} is one of ${known.join(", ")}, found ${name || '""'}`);
  });
}

/**
 * An earlier result, with `key` among its fields.
 *
 * @throws {Error} when the file cannot be read.
 * @throws {SyntaxError} when it is not such a result.
 */
export async function resultIn<T>(path: string, key: keyof T & string): Promise<T> {
  const text = await Deno.readTextFile(path).catch((error: Error) => {
    throw new Error(`cannot read ${path}: ${error.message.replace(/: readfile .*/, "")}`);
  });
  try {
    const result = JSON.parse(text);
    if (key in result) return result;
  } catch {
    // Said below.
  }
  throw new SyntaxError(`cannot merge into ${path}: it is not a result of this command`);
}
