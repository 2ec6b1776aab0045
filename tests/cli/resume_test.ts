/** `lowrank train` called again: it resumes what was killed or stopped, to the same bytes. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { filesIn, withFolder } from "../support/folders.ts";
import { trainArgs } from "./arguments.ts";
import { lowrank, lowrankJson, model, outcomeOf, spawnLowrank } from "./lowrank.ts";

const steps = 1200;
const lora = { name: "lora", rank: 2, sites: "all", dropout: 0.1 };
const settings = { steps, learningRate: 1e-3, schedule: "cosine" };

/** Starts training and sends a signal as soon as there is a checkpoint; returns what it printed. */
async function cut(args: readonly string[], output: string, signal: Deno.Signal) {
  const child = spawnLowrank(...args), ended = outcomeOf(child);
  while (!await hasCheckpoint(`${output}/run`)) await new Promise((done) => setTimeout(done, 2));
  child.kill(signal);
  return await ended;
}

async function hasCheckpoint(runs: string): Promise<boolean> {
  const [name] = await Promise.resolve(runs).then(filesIn).catch(() => []);
  return name !== undefined && filesIn(`${runs}/${name}`).includes("checkpoint.safetensors");
}

/** Every file of a folder. */
const contents = (folder: string) =>
  Promise.all(
    filesIn(folder).map(async (name) => [name, await Deno.readFile(`${folder}/${name}`)]),
  );

/** Cuts a training off, calls it again and compares it with one that was not cut off. */
async function assertResumes(folder: string, args: string[], signal: Deno.Signal): Promise<void> {
  const output = `${folder}/cut`,
    whole = `${folder}/whole`,
    to = (place: string) => [...args, place];
  await lowrankJson(...to(whole));
  const { code } = await cut([...to(output), "--quiet"], output, signal);
  assertEquals(code, signal === "SIGINT" ? 130 : 137);
  const again = await lowrank(...to(output));
  assertEquals(again.code, 0, again.stderr);
  assert(/resuming after step \d{3,}\n/.test(again.stderr), again.stderr);
  assertStringIncludes(again.stderr, `after ${steps} steps to ${output}`);
  assertEquals(await contents(output), await contents(whole));
}

/** The arguments of a training but for the place of its output. */
async function argsFor(folder: string, config: object, ...more: string[]): Promise<string[]> {
  const args = await trainArgs(folder, "", { ...settings, ...config });
  return [...args.slice(0, -2), ...more, "--output"];
}

Deno.test("training that was killed resumes to the bytes of one that was not: an adapter", () =>
  withFolder(async (folder) => {
    await assertResumes(folder, await argsFor(folder, { method: lora }), "SIGKILL");
  }));

Deno.test("training that was killed resumes to the bytes of one that was not: a model", () =>
  withFolder(async (folder) => {
    await assertResumes(folder, await argsFor(folder, { method: "full" }), "SIGKILL");
  }));

Deno.test("training that Ctrl-C stopped resumes to the bytes of one that it did not", () =>
  withFolder(async (folder) => {
    await assertResumes(folder, await argsFor(folder, { method: lora }), "SIGINT");
  }));

Deno.test("training an existing adapter in its own folder can be stopped and resumed", () =>
  withFolder(async (folder) => {
    const first = `${folder}/first`, copy = `${folder}/cut`;
    await lowrankJson(...await argsFor(folder, { steps: 3, method: lora }), first);
    const args = await argsFor(folder, { method: "lora" });
    await lowrankJson(...args, `${folder}/whole`, "--adapter", first);
    await Deno.rename(first, copy);
    const onto = [...args, copy, "--adapter", copy];
    assertEquals((await cut(onto, copy, "SIGINT")).code, 130);
    assertStringIncludes((await lowrank(...onto)).stderr, "resuming after step ");
    assertEquals(await contents(copy), await contents(`${folder}/whole`));
  }));

Deno.test("other arguments start from the beginning, and leave no run behind when finished", () =>
  withFolder(async (folder) => {
    const output = `${folder}/out`, args = await argsFor(folder, { method: lora });
    await cut([...args, output], output, "SIGKILL");
    const other = await lowrank(...args, output, "--seed", "5");
    assertEquals([other.code, other.stderr.includes("resuming")], [0, false]);
    assertEquals(filesIn(output).includes("run"), false);
    const { modules } = await lowrankJson("inspect", output);
    assert(modules.length > 0, `an adapter of ${model} in ${output}`);
  }));

Deno.test("two trainings at once in one folder: the second is refused, the first unharmed", () =>
  withFolder(async (folder) => {
    const args = await argsFor(folder, { method: lora }), output = `${folder}/out`;
    await lowrankJson(...args, `${folder}/whole`);
    const child = spawnLowrank(...args, output), first = outcomeOf(child);
    while (!await hasCheckpoint(`${output}/run`)) await new Promise((done) => setTimeout(done, 2));
    child.kill("SIGSTOP"); // so that it cannot finish first
    for (const more of [[], ["--seed", "5"]]) {
      const { code, stderr } = await lowrank(...args, output, ...more);
      assertEquals(code, 1, stderr);
      assertStringIncludes(stderr, "another process is working in it");
    }
    child.kill("SIGCONT");
    assertEquals((await first).code, 0);
    assertEquals(await contents(output), await contents(`${folder}/whole`));
  }));
