/**
 * The jobs of a test run: files of tests and of documentation examples, dealt out by measured time.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { root, sourceFiles, sourceText } from "../support/source_files.ts";

/** One file of tests, or one file or folder whose documentation examples are run. */
export interface Job {
  readonly path: string;
  /** True for documentation examples. */
  readonly examples: boolean;
  /** Expected, from the last measured run. */
  readonly seconds: number;
}

/** Jobs for one process; all are tests, or all are examples. */
export type Batch = readonly Job[];

/** The tiers, told by the end of a file's name: `*_parts_test.ts`; without one of these it is core. */
export const tiers = ["core", "parts", "reference", "nightly"] as const;

/** One of {@link tiers}. */
export type Tier = typeof tiers[number];

/** Measured seconds by path, as `deno task test:times` writes them. */
export const timesPath = "scripts/test/times.json";

/** Expected of a file that was never measured. */
const unmeasured = 3;

/** Seconds before a file's first test: its modules are loaded anew. */
const loading = 0.5;

/**
 * The tiers of a test file: `*_devices_test.ts` has tests of core devices and of parts, and runs at night with
 * programs as the adapter's driver optimizes them.
 */
export function tiersOf(path: string): readonly Tier[] {
  const end = /_([a-z]+)_test\.ts$/.exec(path)?.[1];
  if (end === "devices") return ["core", "parts", "nightly"];
  return [tiers.find((tier) => tier === end) ?? "core"];
}

/** Paths of the test files of these tiers, relative to the root. */
export function testFiles(wanted: readonly Tier[]): string[] {
  const files = sourceFiles(["tests"]).filter((path) => path.endsWith("_test.ts"));
  return files.filter((path) => tiersOf(path).some((tier) => wanted.includes(tier)));
}

/** All jobs of these tiers, the longest first; the examples are core. */
export function jobsOf(wanted: readonly Tier[]): Job[] {
  const times: Record<string, number> = JSON.parse(sourceText(timesPath));
  const job = (path: string, examples: boolean): Job => ({
    path,
    examples,
    seconds: loading + (times[path] ?? unmeasured),
  });
  const tests = testFiles(wanted).map((path) => job(path, false));
  const examples = wanted.includes("core") ? documented().map((path) => job(path, true)) : [];
  return [...tests, ...examples].sort((a, b) => b.seconds - a.seconds);
}

/** The files and folders with examples that `deno test --doc` runs. */
export function documented(): string[] {
  const folders = [...Deno.readDirSync(new URL("src", root))]
    .filter(({ isDirectory }) => isDirectory).map(({ name }) => `src/${name}`);
  return ["README.md", "docs", "mod.ts", ...folders.sort(), "kernels", "experiments"]
    .filter((path) => existsSync(new URL(path, root)));
}

/** True if a path is one of these places or in one of them. */
export function isIn(path: string, places: readonly string[]): boolean {
  return places.some((place) => path === place || path.startsWith(`${place}/`));
}

/** The jobs that are reached, in the order of the steps to them; of the same steps the shortest first. */
export function nearest(jobs: readonly Job[], steps: ReadonlyMap<string, number>): Job[] {
  return jobs.filter(({ path }) => steps.has(path))
    .toSorted((a, b) => steps.get(a.path)! - steps.get(b.path)! || a.seconds - b.seconds);
}

/** The path in {@link documented} that holds the examples of a file. */
export function examplesOf(file: string): string {
  return documented().find((path) => file === path || file.startsWith(`${path}/`)) ?? file;
}

/**
 * Takes the next batch off a queue: the first job, and others up to a share of what is left, so that the
 * last batches are short and all processes end together.
 *
 * @param processes The number of processes that share the queue.
 * @param most The most seconds of a batch of several jobs.
 */
export function takeBatch(queue: Job[], processes: number, most = 60): Batch {
  const left = queue.reduce((sum, { seconds }) => sum + seconds, 0);
  const share = Math.max(5, Math.min(most, left / (3 * processes)));
  const batch = queue.splice(0, 1);
  let seconds = batch[0].seconds;
  for (let place = 0; place < queue.length && seconds < share;) {
    const job = queue[place];
    if (job.examples === batch[0].examples && seconds + job.seconds <= share) {
      batch.push(...queue.splice(place, 1));
      seconds += job.seconds;
    } else {
      place++;
    }
  }
  return batch;
}
