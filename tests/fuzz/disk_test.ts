/** Paths to something other than a file: the command line says so in one line, and soon. */

import { assertEquals } from "@std/assert";
import {
  assertFailed,
  lowrank,
  lowrankArgs,
  type Outcome,
  outcomeOf,
  spawnProgram,
} from "../cli/lowrank.ts";
import { deadline } from "../../scripts/support/deadline.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { golden } from "../support/golden.ts";
import { wrongWithSentence } from "./judge.ts";

/** A program starts within a second; a read without an end takes forever. */
const patienceMs = 30_000;

/** Puts something at a path. */
type Make = (path: string) => void | Promise<void>;

const pipe: Make = async (path) => {
  const { success } = await new Deno.Command("mkfifo", { args: [path] }).output();
  assertEquals(success, true);
};
const endless: Make = (path) => Deno.symlinkSync("/dev/zero", path);
const circle: Make = (path) => Deno.symlinkSync(path, path);
const folder: Make = (path) => Deno.mkdirSync(path);
const secret: Make = (path) => Deno.writeTextFileSync(path, "{}", { mode: 0o200 });
const special: Make = (path) => Deno.symlinkSync("/proc/self/status", path);
const sparse: Make = (path) => {
  Deno.writeFileSync(path, new Uint8Array());
  Deno.truncateSync(path, 2 ** 36);
};

const count = (folder: string, name: string) => ["count", `${folder}/${name}`];
const inspect = (folder: string) => ["inspect", folder];
const generate = (folder: string) => {
  Deno.copyFileSync(`${golden("gpt2_tiny")}/config.json`, `${folder}/config.json`);
  return ["generate", "--model", folder, "--prompt", "a"];
};
const train = (folder: string, name: string) => [
  ...["train", "--model", golden("gpt2_tiny"), "--batches", `${folder}/${name}`],
  ...["--config", `${folder}/${name}`, "--output", `${folder}/output`],
];

/** A thing at a path, the command that reads it, and a part of its sentence. */
type Case = [what: string, make: Make, name: string, command: typeof count, reason?: string];

const cases: readonly Case[] = [
  ["a pipe", pipe, "config.json", count],
  ["a pipe", pipe, "model.safetensors", count],
  ["a pipe", pipe, "adapter_config.json", inspect],
  ["a pipe", pipe, "config.json", train],
  ["a device without an end", endless, "config.json", count],
  ["a device without an end", endless, "model.safetensors", count],
  ["a device without an end", endless, "tokenizer.json", generate],
  ["a file of 64 GiB of nothing", sparse, "config.json", count],
  ["a file of 64 GiB of nothing", sparse, "model.safetensors", count],
  ["a link to itself", circle, "config.json", count],
  ["a folder", folder, "model.safetensors", count],
  ["a folder", folder, "adapter_config.json", inspect],
];

/** Cases that the system or Deno forbids programs that have no more rights than a user's. */
const forbidden: readonly Case[] = [
  ["a pipe", pipe, "config.json", count],
  ["a file that cannot be read", secret, "config.json", count, "it is not readable"],
  ["a file of the system's", special, "config.json", count, "only with all permissions"],
];

const isUnix = Deno.build.os !== "windows";

/** Makes what a case has at its path, and checks how the command ends. */
async function check(
  [, make, name, command, reason = ""]: Case,
  run: (...args: string[]) => Promise<Outcome>,
): Promise<void> {
  await withFolder(async (folder) => {
    await make(`${folder}/${name}`);
    const ending = run(...command(folder, name), "--quiet");
    const outcome = await deadline(ending, patienceMs, `${command.name} ${name}`);
    assertFailed(outcome, name, reason);
    assertEquals(wrongWithSentence(outcome.stderr.trimEnd()), undefined, outcome.stderr);
  });
}

for (const one of cases) {
  const [what, , name, command] = one;
  Deno.test({
    name: `${what} as ${name} for ${command.name} gives one line and exit code 1`,
    ignore: !isUnix,
    fn: () => check(one, lowrank),
  });
}

for (const one of forbidden) {
  Deno.test({
    name: `${one[0]} as ${one[2]} for a process of a user's gives one line and exit code 1`,
    ignore: !isUnix,
    fn: () =>
      check(one, async (...args) => {
        const child = spawnAsUser(...args);
        const timer = setTimeout(() => child.kill("SIGKILL"), patienceMs);
        return await outcomeOf(child).finally(() => clearTimeout(timer));
      }),
  });
}

/** The system's administrator gives up the right to read every file. */
function spawnAsUser(...args: string[]): Deno.ChildProcess {
  const words = [Deno.execPath(), ...lowrankArgs(...args)];
  if (Deno.uid() !== 0) return spawnProgram(words[0], ...words.slice(1));
  return spawnProgram("setpriv", "--bounding-set=-dac_override,-dac_read_search", ...words);
}
