/** Running the command line from tests, in this process and in another. @module */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { main } from "../../src/cli/program.ts";
import { golden } from "../support/golden.ts";
import { rootPath, sourceText } from "../../scripts/support/source_files.ts";

/** Exit code and output of a program. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `lowrank ARGS` in this process on the cpu device with one thread: to start others takes longer. */
export const lowrank = (...args: string[]): Promise<Outcome> => lowrankOn(1, ...args);

/** The same with so many threads. */
export async function lowrankOn(threads: number, ...args: string[]): Promise<Outcome> {
  using _ = seeProcessors(threads);
  const lines = { log: [] as string[], error: [] as string[] };
  const { log, error } = console;
  console.log = (text) => void lines.log.push(`${text}\n`);
  console.error = (text) => void lines.error.push(`${text}\n`);
  try {
    const code = await main(withCpu(args));
    return { code, stdout: lines.log.join(""), stderr: lines.error.join("") };
  } finally {
    Object.assign(console, { log, error });
  }
}

/** Lets this process see so many processors, which are the threads of a device, until it is disposed. */
function seeProcessors(count: number): Disposable {
  const before = navigator.hardwareConcurrency;
  const set = (value: number) =>
    Object.defineProperty(navigator, "hardwareConcurrency", { value, configurable: true });
  set(count);
  return { [Symbol.dispose]: () => void set(before) };
}

/** Runs it and returns the one JSON document that it prints. */
// deno-lint-ignore no-explicit-any -- what commands print is for the tests to say
export async function lowrankJson(...args: string[]): Promise<any> {
  const { code, stdout, stderr } = await lowrank(...args, "--json");
  assertEquals(code, 0, stderr);
  return JSON.parse(stdout);
}

/** Starts `lowrank ARGS` as a process of its own, with the permissions of the task. */
export function spawnLowrank(...args: string[]): Deno.ChildProcess {
  return spawnProgram(Deno.execPath(), ...lowrankArgs(...args));
}

/** Arguments with which Deno runs `lowrank ARGS` as the task does. */
export function lowrankArgs(...args: string[]): string[] {
  return ["run", "--no-check", ...flagsOf("lowrank"), "cli.ts", ...withCpu(args)];
}

/** Starts a program in the repository, without colors. */
export function spawnProgram(program: string, ...args: string[]): Deno.ChildProcess {
  return new Deno.Command(program, {
    args,
    cwd: rootPath,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** The tasks of `deno.json`. */
export const tasks: Readonly<Record<string, string>> = JSON.parse(sourceText("deno.json")).tasks;

/** The flags of a task that is one program; what they have in "$(deno …)" is run, as by the task. */
export function flagsOf(task: string): string[] {
  const words = tasks[task].replace(/"\$\(deno (.*?)\)"/, (_, args) => outputOf(args.split(" ")))
    .split(" ");
  assertEquals(words.slice(0, 2), ["deno", "run"]);
  return words.slice(2, -1);
}

function outputOf(args: string[]): string {
  const { stdout } = new Deno.Command(Deno.execPath(), { args, cwd: rootPath }).outputSync();
  return new TextDecoder().decode(stdout).trimEnd();
}

/** Waits for its end. */
export async function outcomeOf(child: Deno.ChildProcess): Promise<Outcome> {
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Runs it quietly and checks: exit code 1, one line on standard error, nothing on standard output. */
export async function assertFails(args: readonly string[], ...sentence: string[]): Promise<void> {
  assertFailed(await lowrank(...args, ...(takesOptions(args) ? ["--quiet"] : [])), ...sentence);
}

/** The same of an outcome. */
export function assertFailed({ code, stdout, stderr }: Outcome, ...sentence: string[]): void {
  assertMatch(stderr, /^error: [^\n]+\n$/);
  for (const part of sentence) assertStringIncludes(stderr, part);
  assertEquals([code, stdout], [1, ""], stderr);
}

const takesOptions = ([first = "-"]: readonly string[]) =>
  !first.startsWith("-") && first !== "help";

function withCpu(args: readonly string[]): string[] {
  const hasDevice = args.includes("--device") || !takesOptions(args);
  return hasDevice ? [...args] : [args[0], "--device", "cpu", ...args.slice(1)];
}

/** The golden model. */
export const model: string = golden("gpt2_tiny");
