/** A small sweep, and what it leaves. @module */

import { assertEquals } from "@std/assert";
import { filesIn } from "../../scripts/support/folders.ts";
import { writeJson } from "./arguments.ts";
import { writeBabbler } from "./babbler.ts";
import { lowrankOn } from "./lowrank.ts";

/** A model and 40 lines of text in a folder: what the sweeps of tests begin with. */
export async function smallBase(folder: string): Promise<{ model: string; data: string }> {
  await writeBabbler(folder);
  const animals = ["cat", "dog", "log"];
  const lines = Array.from({ length: 40 }, (_, i) => `the ${animals[i % 3]} sat ${i}`);
  await Deno.writeTextFile(`${folder}/mine.txt`, lines.join("\n"));
  return { model: folder, data: `${folder}/mine.txt` };
}

/** The file of a sweep of 8 trainings, changed by `more`. */
export async function smallSweep(folder: string, more: object = {}): Promise<string> {
  return await writeJson(`${folder}/sweep.json`, {
    ...await smallBase(folder),
    steps: 4,
    methods: [{ method: "full" }, { method: "lora", rank: 2 }],
    "learning-rate": [0.001, 0.01],
    seed: [1, 2],
    ...more,
  });
}

/** Makes a sweep here on the threads that a process of its own has: results name them. */
export async function sweepAsProcess(file: string, output: string): Promise<void> {
  const args = ["sweep", file, "--output", output, "--quiet"];
  const { code, stderr } = await lowrankOn(navigator.hardwareConcurrency, ...args);
  assertEquals([code, stderr], [0, ""]);
}

/** The bytes of every run's results, but not of where and when: two sweeps that agree have the same. */
export async function runBytes(output: string): Promise<Map<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  for (const run of filesIn(`${output}/runs`)) {
    for (const name of filesIn(`${output}/runs/${run}`)) {
      if (name === "times.json") continue;
      const path = `${run}/${name}`;
      const isFolder = (await Deno.stat(`${output}/runs/${path}`)).isDirectory;
      const files = isFolder
        ? filesIn(`${output}/runs/${path}`).map((file) => `${path}/${file}`)
        : [path];
      for (const file of files) found.set(file, await Deno.readFile(`${output}/runs/${file}`));
    }
  }
  return found;
}

/** Checks that two sweeps have made the same, to the byte. */
export async function assertSameSweep(one: string, other: string): Promise<void> {
  assertEquals(await runBytes(one), await runBytes(other));
  assertEquals(
    await Deno.readFile(`${one}/results.json`),
    await Deno.readFile(`${other}/results.json`),
  );
}
