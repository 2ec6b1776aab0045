/** Running experiments one after the other and keeping what they found. @module */

import { join } from "node:path";
import { writeFileAtomic, writeJsonAtomic } from "../../src/core/files.ts";
import { claimFolder } from "../../src/core/folder_claim.ts";
import { ProgressBar } from "../../src/core/progress_bar.ts";
import type { Device, DeviceKind } from "../../src/device/device.ts";
import { loadMathJax } from "../../src/figures/formula.ts";
import { renderPage, type Report } from "../../src/figures/page.ts";
import { experiments, selectExperiments } from "../registry.ts";
import type { Experiment, Outcome } from "./experiment.ts";
import type { ExperimentContext, PlanContext } from "./planned_runs.ts";
import { makeShard, type Shard } from "./shard.ts";

/** What to reproduce, and how. */
export interface ReproduceOptions extends PlanContext {
  /** Names of experiments; all where there are none. */
  readonly only: readonly string[];
  /** The device that was asked for. */
  readonly deviceKind: DeviceKind | undefined;
  /** Folder to write to. */
  readonly out: string;
  /** Train only this part of the runs. */
  readonly shard?: Shard;
}

/** An experiment with what it found. */
type Finished = Experiment & Outcome;

/**
 * Runs the experiments and writes `results.json` and `index.html`; adapters and logs are in `runs`.
 * Where not all experiments were asked for, or finished before a stop, what there is goes to
 * `partial.json` and `partial.html`, which name the others. A crash leaves the reports as they were, or
 * one of the two files new; the same call continues.
 *
 * @throws {RangeError} when an experiment's name is unknown.
 * @throws {Error} when another save or training uses the folder, or it cannot be written.
 */
export async function reproduce(
  device: Device,
  options: ReproduceOptions,
  signal: AbortSignal,
): Promise<void> {
  const started = performance.now(), chosen = selectExperiments(options.only), { out } = options;
  using _ = options.shard ? undefined : await claimFolder(out); // Shards share a folder.
  console.error(`device: ${device.description}`);
  /** Works under a progress bar; gives nothing if it was stopped. */
  const under = async <T>(title: string, work: (context: ExperimentContext) => Promise<T>) => {
    const bar = new ProgressBar(title), report = bar.report.bind(bar);
    const stopped = (error: unknown) => error === signal.reason ? undefined : Promise.reject(error);
    return await work({ ...options, device, signal, report }).catch(stopped);
  };
  if (options.shard) {
    const { shard } = options, title = `shard ${shard.index}/${shard.count}`;
    const made = await under(title, (context) => makeShard(chosen, shard, context));
    const where = `${join(out, "runs")}; run without --shard to read them`;
    return made === undefined ? undefined : console.log(`${made} runs in ${where}`);
  }
  const finished: Finished[] = [];
  for (const experiment of chosen) {
    if (signal.aborted) break;
    const outcome = await under(experiment.name.padEnd(10), experiment.run);
    if (outcome) finished.push({ ...experiment, ...outcome });
  }
  const left = experiments.filter(({ name }) => !finished.some((one) => one.name === name));
  const missing = left.map(({ name }) => name);
  const facts = [...factsOf(device, options, performance.now() - started)];
  const why = finished.length < chosen.length ? "stopped before it was finished" : "by --only";
  if (missing.length > 0) facts.push(["partial", `${why}; without ${missing.join(", ")}`]);
  await writeResults(out, facts, finished, missing);
}

function factsOf(device: Device, { seeds, quick }: ReproduceOptions, ms: number): Report["facts"] {
  return [
    ["device", device.description],
    ["seeds", seeds.join(", ")],
    ["made", `${new Date().toISOString().slice(0, 10)} in ${Math.round(ms / 1000)} s`],
    ...(quick ? [["note", "quick run: too few steps to judge claims about quality"] as const] : []),
  ];
}

async function writeResults(
  out: string,
  facts: Report["facts"],
  finished: readonly Finished[],
  missing: readonly string[],
): Promise<void> {
  const isWhole = missing.length === 0, page = join(out, isWhole ? "index.html" : "partial.html");
  const results = finished.map(({ name, title, source, settings, findings, tables }) => {
    return { name, title, source, settings, findings, tables };
  });
  const json = { facts: Object.fromEntries(facts), missing, results };
  await writeJsonAtomic(join(out, isWhole ? "results.json" : "partial.json"), json);
  const sections = finished.map((one) => ({ ...one, id: one.name })), title = "LoRA, reproduced";
  await writeFileAtomic(page, await renderPage({ title, facts, sections }, await loadMathJax()));
  printFindings(finished, facts, page);
}

function printFindings(finished: readonly Finished[], facts: Report["facts"], page: string): void {
  for (const { name, settings, findings } of finished) {
    if (findings.length === 0) console.log(`${name}: ${settings}`);
    for (const { claim, found, verdict } of findings) {
      console.log(`${verdict}: ${claim}\n    ${found}`);
    }
  }
  for (const [name, text] of facts) if (name === "partial") console.log(`\n${name}: ${text}`);
  console.log(`\nreport: ${page}`);
}
