/** Trainings that are cut off, and what they leave. @module */

import { assert } from "@std/assert";
import { replaceDisk } from "../../src/core/disk.ts";
import { filesIn } from "../support/folders.ts";
import { trainArgs } from "./arguments.ts";
import { type Outcome, outcomeOf, spawnLowrank } from "./lowrank.ts";

/** Steps of a training that takes long enough to be cut off. */
export const steps = 1200;
/** Its method. */
export const lora = { name: "lora", rank: 2, sites: "all", dropout: 0.1 };
const settings = { steps, learningRate: 1e-3, schedule: "cosine" };

/** The arguments of a training but for the place of its output. */
export async function argsFor(
  folder: string,
  config: object,
  ...more: string[]
): Promise<string[]> {
  const args = await trainArgs(folder, "", { ...settings, ...config });
  return [...args.slice(0, -2), ...more, "--output"];
}

/** Starts training and sends a signal as soon as there is a checkpoint; returns what it printed. */
export async function cut(
  args: readonly string[],
  output: string,
  signal: Deno.Signal,
): Promise<Outcome> {
  const child = spawnLowrank(...args), ended = outcomeOf(child);
  await untilCheckpoint(output);
  child.kill(signal);
  return await ended;
}

/** Waits until the training in a folder has a checkpoint. */
export async function untilCheckpoint(output: string): Promise<void> {
  const until = performance.now() + 30_000;
  while (!await hasCheckpoint(`${output}/run`)) {
    assert(performance.now() < until, "no checkpoint after 30 s");
    await new Promise((done) => setTimeout(done, 2));
  }
}

async function hasCheckpoint(runs: string): Promise<boolean> {
  const list = (folder: string) => Promise.try(filesIn, folder).catch((): string[] => []);
  const [name] = await list(runs);
  return name !== undefined &&
    (await list(`${runs}/${name}`)).includes("checkpoint.safetensors");
}

/**
 * The disk, on which the checkpoint after the first so many gets no name: a training fails there, saves what it has
 * learned, and can be resumed. All in this process, where {@link cut} takes seconds.
 */
export function failingAfter(checkpoints: number): Disposable {
  let made = 0;
  return replaceDisk((system) => ({
    ...system,
    rename: (from, to) =>
      to.endsWith("/checkpoint.safetensors") && made++ === checkpoints
        ? Promise.reject(new Error("it is made to fail"))
        : system.rename(from, to),
  }));
}

/** Every file of a folder but that of times, which no two trainings share. */
export const contents = (folder: string): Promise<[string, Uint8Array][]> =>
  Promise.all(
    filesIn(folder).filter((name) => name !== "times.json")
      .map(async (name) => [name, await Deno.readFile(`${folder}/${name}`)]),
  );
