/** The program: its commands, and how it ends. @module */

import { watchPulls } from "../core/hub/download.ts";
import { Interrupted } from "../core/interrupt.ts";
import { nearestName } from "../core/nearest_name.ts";
import { terminalLine } from "../core/terminal_text.ts";
import { version } from "../core/version.ts";
import { call } from "./call.ts";
import { Command, CommanderError } from "./commander.ts";
import { addCommonOptions } from "./common.ts";
import { addCombine } from "./combine.ts";
import { addCompare } from "./compare.ts";
import { addConvert } from "./convert.ts";
import { addCount } from "./count.ts";
import { addDevices } from "./devices.ts";
import { addEvaluate } from "./evaluate.ts";
import { examples } from "./examples.ts";
import { addExtract } from "./extract.ts";
import { addGenerate } from "./generate.ts";
import { addGradients } from "./gradients.ts";
import { addInspect } from "./inspect.ts";
import { addLogits } from "./logits.ts";
import { addMemory } from "./memory.ts";
import { addMerge } from "./merge.ts";
import { addPaper } from "./paper.ts";
import { addPull } from "./pull.ts";
import { showPull } from "./pull_progress.ts";
import { addQuantize } from "./quantize.ts";
import { addResize } from "./resize.ts";
import { addServe } from "./serve.ts";
import { addSweep } from "./sweep.ts";
import { addTrain } from "./train.ts";

const commands = [
  addDevices,
  addCount,
  addMemory,
  addPaper,
  addTrain,
  addSweep,
  addEvaluate,
  addGenerate,
  addServe,
  addLogits,
  addGradients,
  addMerge,
  addInspect,
  addCompare,
  addResize,
  addCombine,
  addExtract,
  addConvert,
  addQuantize,
  addPull,
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
    return exitCode(error, args);
  }
}

/** Settings come first: commands inherit what the program has when they are added. */
function makeProgram(): Command {
  const program = new Command("lowrank")
    .description("Low-rank adaptation: train, merge, count and inspect adapters.")
    .version(version, "--version", "print the version")
    .helpOption("--help", "print this help")
    .helpCommand("help [command]", "print help for a command")
    .addHelpText("beforeAll", `lowrank stands for: ${call}\n`)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => console.log(text.trimEnd()),
      writeErr: () => {},
      outputError: () => {},
      getOutHasColors: () => false, // help has no colors; asking would read the environment
    });
  for (const add of commands) add(program);
  for (const command of program.commands) {
    command.usage(usageOf(command));
    addCommonOptions(command);
    const example = examples[command.name()];
    if (example) command.addHelpText("after", `\nExample:\n  lowrank ${example}`);
  }
  return program;
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

function exitCode(error: unknown, args: readonly string[]): number {
  if (error instanceof Interrupted) return error.exitCode;
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  const sentence = sentenceOf(error, args).replace(/^error: /, "").replaceAll(/\s*\n\s*/g, " ");
  console.error(`error: ${terminalLine(sentence.trim())}`);
  return 1;
}

function sentenceOf(error: unknown, [, asked = ""]: readonly string[]): string {
  // Commander throws this when `help` is asked for an unknown command.
  if (error instanceof CommanderError && error.code === "commander.help") {
    const meant = nearestName(asked, makeProgram().commands.map((command) => command.name()));
    const hint = meant ? ` (did you mean ${meant}?)` : "";
    return `unknown command '${asked}'${hint}: for a list of all, run ${call} --help`;
  }
  const sentence = error instanceof Error ? error.message : String(error);
  // The library names its own options.
  return sentence.replace(/allow: \["(\w+)"\](?= lets it pass)/, "--allow $1")
    .replace(/load (the model|it) with dtype F32/, "use --base-dtype f32")
    .replace(/(use --base-dtype f32, or) inject an adapter/, "$1 train an adapter")
    .replace(/\bmaxNewTokens(?= must be)/, "--max-new-tokens")
    .replace("out the dtype, or use dtype F32", "out --base-dtype, or use --base-dtype f32");
}
