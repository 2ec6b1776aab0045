/** Processes that a signal ends while they train: the same command resumes to the same bytes. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { argsFor, contents, lora, untilCheckpoint } from "./cut.ts";
import { lowrank, lowrankJson, lowrankOn, outcomeOf, spawnLowrank } from "./lowrank.ts";
import { assertSameSweep, smallBase, smallSweep, sweepAsProcess } from "./sweeps.ts";

const exitCodes: Partial<Record<Deno.Signal, number>> = {
  SIGINT: 130,
  SIGTERM: 143,
  SIGHUP: 129,
  SIGKILL: 137,
};

/** Steps of a training that takes long enough for a signal. */
const steps = 1200;

/** Sends a signal to a training as soon as it has a checkpoint, calls it again, and compares it with a whole one. */
async function assertResumes(folder: string, args: string[], signal: Deno.Signal): Promise<void> {
  const output = `${folder}/cut`, whole = `${folder}/whole`;
  await lowrankJson(...args, whole);
  const child = spawnLowrank(...args, output, "--quiet"), ended = outcomeOf(child);
  await untilCheckpoint(output);
  child.kill(signal);
  assertEquals((await ended).code, exitCodes[signal]);
  assertEquals(filesIn(output).includes("log.json"), signal !== "SIGKILL");
  const again = await lowrank(...args, output);
  assertEquals(again.code, 0, again.stderr);
  assertMatch(again.stderr, /resuming after step \d{3,}\n/);
  assertStringIncludes(again.stderr, ` after ${steps} steps to ${output}`);
  assertEquals(await contents(output), await contents(whole));
}

const long = { steps, checkpointEvery: 100 };

for (const [what, method] of [["an adapter", lora], ["a model", "full"]] as const) {
  Deno.test(`training that was killed resumes to the bytes of one that was not: ${what}`, () =>
    withFolder(async (folder) => {
      await assertResumes(folder, await argsFor(folder, { ...long, method }), "SIGKILL");
    }));
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  Deno.test(`training that ${signal} stopped resumes to the bytes of one that it did not`, () =>
    withFolder(async (folder) => {
      await assertResumes(folder, await argsFor(folder, { ...long, method: lora }), signal);
    }));
}

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  Deno.test(`training on texts after ${signal} resumes to the bytes of one that was not cut off`, () =>
    withFolder(async (folder) => {
      const { model, data } = await smallBase(folder), times = ["--patience", "99"];
      const args = ["train", "--model", model, "--data", data, "--steps", `${steps}`, ...times];
      await assertResumes(folder, [...args, "--output"], signal);
    }));
}

Deno.test("a sweep that SIGINT stopped exits with 130 and resumes to the same bytes", () =>
  withFolder(async (folder) => {
    const file = await smallSweep(folder, { steps: 300, patience: 99, "learning-rate": 0.001 });
    const [whole, cut] = [`${folder}/whole`, `${folder}/cut`], to = ["sweep", file, "--output"];
    await sweepAsProcess(file, whole);
    const child = spawnLowrank(...to, cut), ended = outcomeOf(child);
    while (!await hasFinished(`${cut}/runs`)) await new Promise((done) => setTimeout(done, 5));
    child.kill("SIGINT");
    const { code, stdout, stderr } = await ended;
    assertEquals([code, stdout], [130, ""], stderr);
    assertMatch(
      stderr,
      /\nstopped by SIGINT after [123] of 4 trainings: run the same command again/,
    );
    assert(!filesIn(cut).includes("results.json"));
    const again = await lowrankOn(navigator.hardwareConcurrency, ...to, cut);
    assertMatch(again.stderr, /\nalready trained: [123] of 4\n/);
    await assertSameSweep(cut, whole);
  }));

/** True if a run is finished and the next has begun. */
async function hasFinished(runs: string): Promise<boolean> {
  const list = (place: string) => Promise.try(filesIn, place).catch((): string[] => []);
  const folders = await list(runs);
  const files = await Promise.all(folders.map((name) => list(`${runs}/${name}`)));
  return folders.length > 1 && files.some((names) => names.includes("done.json"));
}
