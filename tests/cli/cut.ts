/** Trainings that are cut off, most of them in this process, and what they leave. @module */

import { assert } from "@std/assert";
import { type Disk, replaceDisk } from "../../src/storage/disk.ts";
import { filesIn } from "../../scripts/support/folders.ts";
import { trainArgs } from "./arguments.ts";
import { lowrank, type Outcome } from "./lowrank.ts";

/** Steps of a training that is to be cut off; it has checkpoints after 4 and after 8. */
export const steps = 12;
/** Its method. */
export const lora = { name: "lora", rank: 2, sites: "all", dropout: 0.1 };
const settings = { steps, learningRate: 1e-3, schedule: "cosine", checkpointEvery: 4 };

/** The arguments of a training but for the place of its output. */
export async function argsFor(folder: string, config: object): Promise<string[]> {
  const args = await trainArgs(folder, "", { ...settings, ...config });
  return args.slice(0, -1);
}

/** The disk, on which something happens right after each checkpoint that gets its name; they are counted from 1. */
export function afterCheckpoint(act: (count: number) => void | Promise<void>): Disposable {
  let count = 0;
  const rename = (system: Disk) => async (from: string, to: string) => {
    await system.rename(from, to);
    if (isCheckpoint(to)) await act(++count);
  };
  return replaceDisk((system) => ({ ...system, rename: rename(system) }));
}

/** The disk, on which the checkpoint after the first so many gets no name: a training fails there. */
export function failingAfter(checkpoints: number): Disposable {
  let made = 0;
  return replaceDisk((system) => ({
    ...system,
    rename: (from, to) =>
      isCheckpoint(to) && made++ === checkpoints
        ? Promise.reject(new Error("it is made to fail"))
        : system.rename(from, to),
  }));
}

const isCheckpoint = (path: string): boolean => path.endsWith("/checkpoint.safetensors");

/** Trains until after the second checkpoint nothing changes the disk any more, as if SIGKILL had come. */
export async function kill(...args: string[]): Promise<Outcome> {
  let checkpoints = 0;
  const until = (system: Disk) => ([name, operation]: [string, unknown]) => {
    const call = async (...given: unknown[]) => {
      if (checkpoints === 2) throw new Error("killed");
      const done = await (operation as (...given: unknown[]) => unknown).apply(system, given);
      checkpoints += Number(name === "rename" && isCheckpoint(given[1] as string));
      return done;
    };
    return [name, call];
  };
  using _ = replaceDisk((system) =>
    Object.fromEntries(Object.entries(system).map(until(system))) as unknown as Disk
  );
  return await lowrank(...args);
}

/** Trains until this process gets a signal after the second checkpoint. `deno test` itself ends at SIGINT. */
export async function stop(
  signal: "SIGTERM" | "SIGHUP",
  ...args: string[]
): Promise<Outcome> {
  using _ = afterCheckpoint(async (count) => {
    if (count === 2) await receive(signal);
  });
  return await lowrank(...args);
}

/** Sends this process a signal, and waits until it is there. */
async function receive(signal: Deno.Signal): Promise<void> {
  let isThere = false;
  const listener = () => void (isThere = true);
  Deno.addSignalListener(signal, listener);
  Deno.kill(Deno.pid, signal);
  while (!isThere) await new Promise((done) => setTimeout(done, 1));
  Deno.removeSignalListener(signal, listener);
}

/** Waits until the training in a folder has a checkpoint. */
export async function untilCheckpoint(output: string): Promise<void> {
  const list = (folder: string) => Promise.try(filesIn, folder).catch((): string[] => []);
  const until = performance.now() + 30_000;
  for (let names: string[] = []; !names.includes("checkpoint.safetensors");) {
    assert(performance.now() < until, "no checkpoint after 30 s");
    await new Promise((done) => setTimeout(done, 2));
    names = await list(`${output}/run/${(await list(`${output}/run`))[0]}`);
  }
}

/** Every file of a folder but that of times, which no two trainings share. */
export const contents = (folder: string): Promise<[string, Uint8Array][]> =>
  Promise.all(
    filesIn(folder).filter((name) => name !== "times.json")
      .map(async (name) => [name, await Deno.readFile(`${folder}/${name}`)]),
  );

/** Copies a folder's files to another one, which may exist. */
export async function copyFiles(from: string, to: string, files = filesIn(from)): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for (const name of files) await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
}
