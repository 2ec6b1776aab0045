/** The program: its commands, and how it ends. @module */

import { libraryWanted } from "../blas/mod.ts";
import { nearestName } from "../core/checks.ts";
import { terminalLine } from "../core/errors.ts";
import { version } from "../core/program.ts";
import { closeFfi } from "../linalg/mod.ts";
import { watchPulls } from "../storage/hub_cache.ts";
import { isHubName } from "../storage/hub_name.ts";
import { Interrupted } from "../terminal/interrupt.ts";
import { addCombine } from "./commands/combine.ts";
import { addCompare } from "./commands/compare.ts";
import { addConvert } from "./commands/convert.ts";
import { addCount } from "./commands/count.ts";
import { addDevices } from "./commands/devices.ts";
import { addEvaluate } from "./commands/evaluate.ts";
import { addExtract } from "./commands/extract.ts";
import { addGenerate } from "./commands/generate.ts";
import { addGradients } from "./commands/gradients.ts";
import { addInspect } from "./commands/inspect.ts";
import { addLogits } from "./commands/logits.ts";
import { addMemory } from "./commands/memory.ts";
import { addMerge } from "./commands/merge.ts";
import { addPaper } from "./commands/paper.ts";
import { addPull, showPull } from "./commands/pull.ts";
import { addQuantize } from "./commands/quantize.ts";
import { addResize } from "./commands/resize.ts";
import { addServe } from "./commands/serve.ts";
import { addSweep } from "./commands/sweep.ts";
import { readGrid } from "./commands/sweep_grid.ts";
import { addTrain } from "./commands/train/command.ts";
import { addCommonOptions, nearModel } from "./common.ts";
import { call, Command, CommanderError, pathWord } from "./options.ts";

const model = "models/tiny-gpt2", adapter = "models/rank-study/qv-r8-seed1";

/** The examples of commands whose help has no text of their own that shows some. */
const examples: Readonly<Record<string, string>> = {
  devices: "devices",
  count: "count gpt2 --rank 4",
  memory: "memory gpt2 --rank 4 --batch 8 --length 512",
  paper: "paper table5",
  sweep: "sweep examples/sweep.json --output out/sweep",
  logits: "logits --model base --input in.json --output out.safetensors",
  gradients: "gradients --model base --input in.json --case a --output g.safetensors",
  merge: `merge --model ${model} --adapter out --output merged`,
  inspect: `inspect ${adapter} --base ${model}`,
  compare: `compare ${adapter} models/rank-study/qv-r8-seed2`,
  resize: `resize ${adapter} --rank 4 --output smaller`,
  combine: `combine ${adapter}:0.5 other:0.5 --output mean`,
  extract: `extract ${model} tuned --rank 8 --output adapter`,
  convert: `convert ${adapter} --to kohya --output kohya`,
  quantize: `quantize ${model} quantized`,
  pull: "pull hf:openai-community/gpt2",
};

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
    return await exitCode(error, args);
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

async function exitCode(error: unknown, args: readonly string[]): Promise<number> {
  if (error instanceof Interrupted) return error.exitCode;
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  const sentence = (await withNearModel(sentenceOf(error, args))).replace(/^error: /, "");
  console.error(`error: ${terminalLine(sentence.replaceAll(/\s*\n\s*/g, " ").trim())}`);
  return 1;
}

/** What advises a model that does not exist as it was written advises the one that was meant. */
async function withNearModel(sentence: string): Promise<string> {
  const [, advice, given] = /^(.* not specified: give --model )(.*)$/s.exec(sentence) ?? [];
  if (given === undefined) return sentence;
  return advice + pathWord(await nearModel(given) ?? given);
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

/**
 * The needs of commands: the network, files in and out, and the system's BLAS, which `device` opens for a
 * device with its threads, and `library` for a decomposition. No command starts a program, asks for anything
 * about the system, or imports.
 */
type Need = "read" | "write" | "net" | "device" | "library";

/** The options and arguments that add to what a command needs. */
type Options = Readonly<Record<string, unknown>>;

const computing = ["read", "device"] as const, saving = ["read", "write", "device"] as const;
const decomposing = ["read", "write", "library"] as const;

const needs: Readonly<Record<string, (options: Options) => readonly Need[]>> = {
  devices: () => ["device"],
  count: ({ url }) => [url === undefined ? "read" : "net"],
  memory: () => ["read"],
  paper: () => [],
  train: () => saving,
  sweep: () => saving,
  evaluate: ({ model }) => model === undefined ? ["read"] : computing,
  generate: () => computing,
  serve: () => ["read", "net", "device"],
  logits: () => saving,
  gradients: () => saving,
  merge: () => ["read", "write"],
  inspect: ({ intruders }) => intruders ? ["read", "library"] : ["read"],
  compare: ({ html }) => html === undefined ? ["read"] : ["read", "write"],
  resize: () => ["read", "write"],
  combine: () => decomposing,
  extract: () => decomposing,
  convert: () => decomposing,
  quantize: () => ["read", "write"],
  pull: () => ["read", "write", "net"],
};

const droppable = ["read", "write", "net", "run", "sys"] as const;

/**
 * Gives up every permission that a command does not need, for good: what a hostile file may make of a
 * fault in the code that reads it ends there. FFI, which is worth all other permissions, is given up as
 * soon as the BLAS is open. Of the environment the hub's token is given up where nothing is of the hub.
 *
 * @returns What gives up FFI, if the command opens a device: to be called when it is open.
 * @throws {Error} when the file of a sweep, which names its models, cannot be used.
 */
export async function keepNeeded(
  command: string,
  options: Options,
  args: readonly string[] = [],
): Promise<(() => void) | undefined> {
  if (!libraryWanted()) Deno.permissions.revokeSync({ name: "ffi" });
  const choices = command === "sweep" ? (await readGrid(args[0])).choices : [];
  const named = choices.flatMap((choice) => Object.values(choice).map(String));
  const all = [...args, ...named], kept: readonly string[] = neededBy(command, options, all);
  for (const name of droppable) {
    if (!kept.includes(name)) Deno.permissions.revokeSync({ name });
  }
  if (!usesHub(options, all)) Deno.permissions.revokeSync({ name: "env", variable: "HF_TOKEN" });
  if (kept.includes("device")) return closeFfi;
  if (kept.includes("library")) closeFfi();
  else Deno.permissions.revokeSync({ name: "ffi" });
}

/**
 * The permissions that a command needs. What is on the hub is downloaded to its cache; the kernels of a
 * package that is run over HTTP are fetched.
 */
function neededBy(
  command: string,
  options: Options,
  args: readonly string[] = [],
): readonly Need[] {
  const needed = new Set(needs[command](options));
  if (usesHub(options, args)) {
    for (const name of ["read", "write", "net"] as const) needed.add(name);
  }
  if (!import.meta.url.startsWith("file:")) needed.add("net");
  return [...needed];
}

function usesHub(options: Options, args: readonly string[]): boolean {
  return [...Object.values(options).flat(), ...args].some(isHubName);
}
