/** The program: its commands, and how it ends. @module */

import { libraryWanted } from "../blas/mod.ts";
import { nearestName } from "../core/checks.ts";
import { optionsSaidBy, type SaidOption, terminalLine } from "../core/errors.ts";
import { version } from "../core/program.ts";
import { closeFfi } from "../linalg/mod.ts";
import { watchPulls } from "../storage/hub_cache.ts";
import { isHubName } from "../storage/hub_name.ts";
import { Interrupted } from "../terminal/interrupt.ts";
import {
  addCommand,
  BareModelError,
  Command,
  type Given,
  type LowrankCommand,
  type Permission,
} from "./command.ts";
import { beginCommand } from "./commands/begin.ts";
import { combineCommand } from "./commands/combine.ts";
import { compareCommand } from "./commands/compare.ts";
import { convertCommand } from "./commands/convert.ts";
import { countCommand } from "./commands/count.ts";
import { devicesCommand } from "./commands/devices.ts";
import { evaluateCommand } from "./commands/evaluate.ts";
import { extractCommand } from "./commands/extract.ts";
import { generateCommand } from "./commands/generate.ts";
import { gradientsCommand } from "./commands/gradients.ts";
import { inspectCommand } from "./commands/inspect.ts";
import { logitsCommand } from "./commands/logits.ts";
import { memoryCommand } from "./commands/memory.ts";
import { mergeCommand } from "./commands/merge.ts";
import { paperCommand } from "./commands/paper.ts";
import { pullCommand, showPull } from "./commands/pull.ts";
import { quantizeCommand } from "./commands/quantize.ts";
import { resizeCommand } from "./commands/resize.ts";
import { serveCommand } from "./commands/serve.ts";
import { sweepCommand } from "./commands/sweep/command.ts";
import { trainCommand } from "./commands/train/command.ts";
import { optionsOfBare } from "./common.ts";
import { call, CommanderError } from "./options.ts";

/** The table of commands, in the order of help. */
const commands: readonly LowrankCommand[] = [
  beginCommand,
  devicesCommand,
  countCommand,
  memoryCommand,
  paperCommand,
  trainCommand,
  sweepCommand,
  evaluateCommand,
  generateCommand,
  serveCommand,
  logitsCommand,
  gradientsCommand,
  mergeCommand,
  inspectCommand,
  compareCommand,
  resizeCommand,
  combineCommand,
  extractCommand,
  convertCommand,
  quantizeCommand,
  pullCommand,
];

/**
 * Runs the command line and returns its exit code: 0, 1 after an error, 130, 143 or 129 after a signal.
 *
 * @param begin Called with a command's name, options and arguments before it runs. What it returns is called
 *   when the command has opened its device.
 */
export async function main(
  args: readonly string[],
  begin: (
    ...called: [command: string, options: Record<string, unknown>, args: string[]]
  ) => Promise<(() => void) | undefined> = () => Promise.resolve(undefined),
): Promise<number> {
  const program = makeProgram();
  program.hook("preAction", async (_, command) => {
    const opened = await begin(command.name(), command.opts(), command.args);
    command.setOptionValue("opened", opened);
  });
  using _ = watchPulls(showPull(args));
  try {
    await program.parseAsync(args.length === 0 ? ["--help"] : args, { from: "user" });
    return 0;
  } catch (error) {
    return await exitCode(error, args);
  }
}

/** Below the list of commands. */
const beginning = `
To begin, train an adapter as docs/first_adapter.md does, or look into one, of
this folder or of yours from PEFT:
  lowrank inspect models/rank-study/qv-r8-seed1 --base models/tiny-gpt2
The help of a command is long: lowrank inspect --help. See docs/command_line.md.`;

/** Settings come first: commands inherit what the program has when they are added. */
function makeProgram(): Command {
  const program = new Command("lowrank")
    .description("Low-rank adaptation: train, merge, count and inspect adapters.")
    .version(version, "--version", "print the version")
    .helpOption("--help", "print this help")
    .helpCommand("help [command]", "print help for a command")
    .addHelpText("beforeAll", `lowrank stands for: ${call}\n`)
    .addHelpText("after", beginning)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => console.log(text.trimEnd()),
      writeErr: () => {},
      outputError: () => {},
      getOutHasColors: () => false, // help has no colors; asking would read the environment
    });
  for (const command of commands) addCommand(program, command);
  return program;
}

async function exitCode(error: unknown, args: readonly string[]): Promise<number> {
  if (error instanceof Interrupted) return error.exitCode;
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  const sentence = (await sentenceOf(error, args)).replace(/^error: /, ""); // as commander begins
  console.error(`error: ${terminalLine(sentence.replaceAll(/\s*\n\s*/g, " ").trim())}`);
  return 1;
}

async function sentenceOf(error: unknown, [, asked = ""]: readonly string[]): Promise<string> {
  if (error instanceof BareModelError) {
    const { given } = error;
    return new BareModelError(given, await optionsOfBare(given)).message;
  }
  // Commander throws this when `help` is asked for an unknown command.
  if (error instanceof CommanderError && error.code === "commander.help") {
    const meant = nearestName(asked, commands.map(({ name }) => name));
    const hint = meant ? ` (did you mean ${meant}?)` : "";
    return `unknown command '${asked}'${hint}: for a list of all, run ${call} --help`;
  }
  const sentence = error instanceof Error ? error.message : String(error);
  return optionsSaidBy(error).reduce(
    (text, { option, value, words }) => text.replace(words, () => optionWords[option](value)),
    sentence,
  );
}

/** The command line's words where the library says its own options. */
const optionWords: Readonly<Record<SaidOption["option"], (value?: string) => string>> = {
  allow: (value) => `--allow ${value}`,
  dtype: (value) => value ? `use --base-dtype ${value.toLowerCase()}` : "--base-dtype",
  maxNewTokens: () => "--max-new-tokens",
  adapter: () => "train an adapter",
};

const droppable = ["read", "write", "net", "run", "sys"] as const;

/**
 * Gives up every permission that a command does not need, for good: what a hostile file may make of a
 * fault in the code that reads it ends there. FFI, which is worth all other permissions, is given up as
 * soon as the BLAS is open. Of the environment the hub's token is given up where nothing is of the hub.
 *
 * @returns A function that gives up FFI, if the command opens a device: to be called when it is open.
 * @throws {Error} when the file of a sweep, which names its models, cannot be used.
 */
export async function keepNeeded(
  name: string,
  options: Given,
  args: readonly string[] = [],
): Promise<(() => void) | undefined> {
  if (!libraryWanted()) Deno.permissions.revokeSync({ name: "ffi" });
  const command = commands.find((one) => one.name === name)!;
  const values = [
    ...Object.values(options).flat(),
    ...args,
    ...await command.valuesIn?.(args[0]) ?? [],
  ];
  const usesHub = values.some(isHubName), kept = permissionsOf(command, options, usesHub);
  for (const name of droppable) {
    if (!kept.has(name)) Deno.permissions.revokeSync({ name });
  }
  if (!usesHub) Deno.permissions.revokeSync({ name: "env", variable: "HF_TOKEN" });
  if (kept.has("device")) return closeFfi;
  if (kept.has("library")) closeFfi();
  else Deno.permissions.revokeSync({ name: "ffi" });
}

/**
 * The permissions that a command needs. What is on the hub is downloaded to its cache; the kernels of a
 * package that is run over HTTP are fetched.
 */
function permissionsOf(
  { permissions }: LowrankCommand,
  options: Given,
  usesHub: boolean,
): ReadonlySet<string> {
  const own = typeof permissions === "function" ? permissions(options) : permissions;
  const ofHub: readonly Permission[] = usesHub ? ["read", "write", "net"] : [];
  const isRemote = !import.meta.url.startsWith("file:");
  return new Set([...own, ...ofHub, ...isRemote ? ["net"] : []]);
}
