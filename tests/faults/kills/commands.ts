/** Killing a command, calling it again until it ends, and comparing with one that was never killed. @module */

import type { Random } from "../../../src/core/random.ts";
import { loadAdapter } from "../../../src/adapt/mod.ts";
import { openCpuDevice } from "../../../src/device/cpu/cpu_device.ts";
import { loadModel } from "../../../src/models/mod.ts";
import { golden } from "../../support/golden.ts";
import { rootPath } from "../../../scripts/support/source_files.ts";
import { Counts, type Found } from "./counts.ts";
import { contentsOf, sameBytes, sameContents } from "./folders.ts";

type Contents = ReadonlyMap<string, Uint8Array>;

/** A command that writes a folder. */
interface Command {
  /** Its arguments; files that it needs are written to the scratch folder. */
  args(scratch: string): Promise<(output: string) => string[]>;
  /** State that a kill has left, beside the result of a command that was not killed. */
  found(folder: string, contents: Contents, whole: Contents): Promise<Found>;
}

const model = golden("gpt2_tiny");

/** The files that are the same however often a command was killed: all but its times. */
const withoutTimes = (contents: Contents): Contents =>
  new Map(
    [...contents].filter(([name]) => !/(^|\/)(times\.json|index\.html|partial\.json)$/.test(name)),
  );

/** The commands by the names of what is killed. */
export const commands: Readonly<Record<string, Command>> = {
  train: {
    args: async (scratch) => {
      const config = `${scratch}/config.json`, method = { name: "lora", rank: 2, sites: "all" };
      const settings = { steps: 400, learningRate: 1e-3, schedule: "cosine", method };
      await Deno.writeTextFile(config, JSON.stringify(settings));
      const files = ["--model", model, "--batches", golden("trajectories/batches.json")];
      const more = ["--config", config, "--device", "cpu", "--quiet", "--output"];
      return (output) => ["cli.ts", "train", ...files, ...more, output];
    },
    found: async (folder, contents, whole) => {
      const names = ["adapter_model.safetensors", "adapter_config.json"];
      if (names.every((name) => !contents.has(name))) return "old";
      if (names.every((name) => sameBytes(contents.get(name), whole.get(name)))) return "new";
      using device = await openCpuDevice({ threads: 1 });
      using base = await loadModel(device, model);
      return await loadAdapter(base, folder).then(() => "torn" as const, () => "refused" as const);
    },
  },
  reproduce: {
    args: () => {
      const options = ["--device", "cpu", "--quick", "--only", "facts", "--out"];
      return Promise.resolve((output) => ["experiments/main.ts", ...options, output]);
    },
    found: (_, contents, whole) => {
      for (const done of whole.keys()) {
        if (!/\bdone\.json$/.test(done) || !contents.has(done)) continue;
        const folder = done.slice(0, -"done.json".length);
        for (const [name, bytes] of whole) {
          if (!name.startsWith(folder) || sameBytes(contents.get(name), bytes)) continue;
          return Promise.resolve("torn");
        }
      }
      const data = [...contents].find(([name]) => /partial\.json$/.test(name))?.[1];
      const { missing = ["facts"] } = data ? JSON.parse(new TextDecoder().decode(data)) : {};
      return Promise.resolve(missing.includes("facts") ? "old" : "new");
    },
  },
};

/**
 * Kills a command `count` times: half of them at a random moment of its time, and half a random moment
 * after one of its writes, as saves are a small part of its time.
 */
export async function killCommands(name: string, count: number, random: Random): Promise<Counts> {
  const command = commands[name], counts = new Counts();
  const scratch = await Deno.makeTempDir({ prefix: "lowrank_kills_" });
  const argsFor = await command.args(scratch);
  await start(argsFor(`${scratch}/first`)).status; // Fills the caches.
  const started = performance.now(), writes = new Writes(scratch);
  await start(argsFor(`${scratch}/whole`)).status;
  const ms = performance.now() - started,
    whole = withoutTimes(await contentsOf(`${scratch}/whole`));
  writes[Symbol.dispose]();
  if (whole.size === 0) throw new Error(`${name} has written nothing`);
  const killOne = (args: readonly string[]) =>
    random.uniform() < 0.5
      ? killAfter(start(args), ms * random.uniform())
      : killAtWrite(scratch, args, Math.ceil(writes.count * random.uniform()), random);
  for (let round = 0; counts.kills < count; round++) {
    const output = `${scratch}/${round}`, before = counts.kills;
    while (await killOne(argsFor(output))) {
      const left = await contentsOf(output);
      const hasCheckpoint = [...left.keys()].some((file) => file.includes("/checkpoint."));
      counts.killed(await command.found(output, left, whole), hasCheckpoint);
    }
    const made = withoutTimes(await contentsOf(output));
    if (counts.kills > before) counts.ended(sameContents(made, whole));
    console.log(`${counts.kills} kills of ${name}`); // It takes minutes.
    await Deno.remove(output, { recursive: true });
  }
  await Deno.remove(scratch, { recursive: true });
  return counts;
}

/** Counts what happens to the files below a folder. */
class Writes implements Disposable {
  /** Number of events. */
  count = 0;
  readonly #watcher: Deno.FsWatcher;

  /** Begins; `onWrite` is called each time with the number of times. */
  constructor(folder: string, onWrite: (count: number) => void = () => {}) {
    this.#watcher = Deno.watchFs(folder);
    void this.#watch(onWrite);
  }

  /** Ends. */
  [Symbol.dispose](): void {
    this.#watcher.close();
  }

  async #watch(onWrite: (count: number) => void): Promise<void> {
    for await (const { kind } of this.#watcher) if (kind !== "access") onWrite(++this.count);
  }
}

/** Most time from a write to the kill: a file is written, flushed and renamed in this. */
const mostMsAfterWrite = 5;

/** Kills a process up to 5 ms after its n-th write; says whether it was killed. */
async function killAtWrite(
  folder: string,
  args: readonly string[],
  place: number,
  random: Random,
): Promise<boolean> {
  const delay = mostMsAfterWrite * random.uniform();
  using _ = new Writes(folder, (count) => count === place && setTimeout(() => kill(child), delay));
  const child = start(args);
  return await wasKilled(child);
}

function start(args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", ...args],
    cwd: rootPath,
    env: { LOWRANK_BLAS: "off" },
    stdout: "null",
    stderr: "null",
  }).spawn();
}

/** Kills a process unless it ends before; says whether it was killed. */
async function killAfter(child: Deno.ChildProcess, ms: number): Promise<boolean> {
  const timer = setTimeout(() => kill(child), ms);
  return await wasKilled(child).finally(() => clearTimeout(timer));
}

/** Waits for the end of a process; says whether it was killed. */
async function wasKilled(child: Deno.ChildProcess): Promise<boolean> {
  const { success, signal, code } = await child.status;
  if (!success && signal !== "SIGKILL") throw new Error(`it ended by itself with code ${code}`);
  return signal === "SIGKILL";
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has just ended.
  }
}
