/** What a path may lead to besides a file: the command line says so in one line, and soon. */

import { assertEquals } from "@std/assert";
import { assertFailed, outcomeOf, spawnLowrank } from "../cli/lowrank.ts";
import { deadline } from "../support/deadline.ts";
import { withFolder } from "../support/folders.ts";
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
/** The system's administrator may read every file but the first page of a process's memory. */
const secret: Make = (path) =>
  Deno.uid() === 0
    ? Deno.symlinkSync("/proc/self/mem", path)
    : Deno.writeTextFileSync(path, "{}", { mode: 0o200 });
const sparse: Make = (path) => {
  Deno.writeFileSync(path, new Uint8Array());
  Deno.truncateSync(path, 2 ** 36);
};

const count = (folder: string, name: string) => ["count", `${folder}/${name}`];
const inspect = (folder: string) => ["inspect", folder];
const generate = (folder: string) => ["generate", "--model", folder, "--prompt", "a"];
const train = (folder: string, name: string) => [
  ...["train", "--model", golden("gpt2_tiny"), "--batches", `${folder}/${name}`],
  ...["--config", `${folder}/${name}`, "--output", `${folder}/output`],
];

const cases: [what: string, make: Make, name: string, command: typeof count][] = [
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
  ["a file that cannot be read", secret, "config.json", count],
];

for (const [what, make, name, command] of cases) {
  Deno.test({
    name: `${what} as ${name} for ${command.name} gives one line and exit code 1`,
    ignore: Deno.build.os === "windows",
    fn: () =>
      withFolder(async (folder) => {
        await make(`${folder}/${name}`);
        const child = spawnLowrank(...command(folder, name), "--quiet");
        try {
          const outcome = await deadline(outcomeOf(child), patienceMs, `${command.name} ${name}`);
          assertFailed(outcome, name);
          assertEquals(wrongWithSentence(outcome.stderr.trimEnd()), undefined, outcome.stderr);
        } finally {
          end(child);
        }
      }),
  });
}

/** Ends a process, if it has not ended. */
function end(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has.
  }
}
