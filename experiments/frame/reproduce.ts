/** Running experiments one after the other and keeping what they found. @module */

import { join } from "node:path";
import { removeFile, writeFileAtomic, writeJsonAtomic } from "../../src/core/files.ts";
import { claimFolder } from "../../src/core/folder_claim.ts";
import { type ProgressReport, withProgress } from "../../src/core/progress_bar.ts";
import { terminalLine } from "../../src/core/terminal_text.ts";
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
type Job = Omit<ExperimentContext, "report">;

/**
 * Runs the experiments and writes `results.json` and `index.html`; adapters and logs are in `runs`.
 * Where not all were asked for or have finished, what there is goes to `partial.json` and `partial.html`.
 * A crash leaves the reports as they were, or one of the two files new; the same call continues.
 *
 * @throws {RangeError} when an experiment's name is unknown.
 * @throws {Error} when the folder is in use or cannot be written, or, once the others are, an experiment fails.
 */
export async function reproduce(
  device: Device,
  options: ReproduceOptions,
  signal: AbortSignal,
): Promise<void> {
  const started = performance.now(), chosen = selectExperiments(options.only), { out } = options;
  const job = { ...options, device, signal };
  using _ = options.shard ? undefined : await claimFolder(out); // Shards share a folder.
  console.error(`device: ${device.description}`);
  if (options.shard) return await trainShard(chosen, options.shard, job);
  const finished = new Map<string, Finished>(), errors = new Map<string, Error>();
  for (const experiment of chosen) {
    if (signal.aborted) break;
    const { name } = experiment, fails = (error: Error) => void errors.set(name, error);
    const work = (report: ProgressReport) => experiment.run({ ...job, report });
    const outcome = await withProgress(name.padEnd(10), signal, work).catch(fails);
    if (outcome) finished.set(name, { ...experiment, ...outcome });
  }
  const missing = experiments.map(({ name }) => name).filter((name) => !finished.has(name));
  const facts = [...factsOf(device, options, performance.now() - started)];
  const failed = Array.from(errors, ([name, { message }]) => `${name} failed (${message})`);
  const why = finished.size < chosen.length ? "stopped before it was finished" : "by --only";
  const partial = `${failed.join(", ") || why}; without ${missing.join(", ")}`;
  if (missing.length > 0) facts.push(["partial", terminalLine(partial)]);
  await writeResults(out, facts, [...finished.values()], missing);
  for (const error of errors.values()) throw error;
}

async function trainShard(chosen: readonly Experiment[], shard: Shard, job: Job): Promise<void> {
  const train = (report: ProgressReport) => makeShard(chosen, shard, { ...job, report });
  const made = await withProgress(`shard ${shard.index}/${shard.count}`, job.signal, train);
  const where = `${join(job.out, "runs")}; run without --shard to read them`;
  if (made !== undefined) console.log(`${made} runs in ${where}`);
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
  const outdated = isWhole ? ["partial.json", "partial.html"] : [];
  for (const name of outdated) await removeFile(join(out, name));
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
