/** Running experiments one after the other and keeping what they found. @module */

import { join } from "node:path";
import { writeFileAtomic, writeJsonAtomic } from "../src/core/files.ts";
import type { Device, DeviceKind } from "../src/device/device.ts";
import { loadMathJax } from "../src/figures/formula.ts";
import { renderPage, type Report } from "../src/figures/page.ts";
import type { Experiment, Outcome } from "./experiment.ts";
import { ProgressBar } from "./progress_bar.ts";
import { selectExperiments } from "./registry.ts";
import { makeShard, type Shard } from "./shard.ts";

/** What to reproduce, and how. */
export interface ReproduceOptions {
  /** Names of experiments; all where there are none. */
  readonly only: readonly string[];
  /** Seeds of every training run. */
  readonly seeds: readonly number[];
  /** The device that was asked for. */
  readonly deviceKind: DeviceKind | undefined;
  /** Folder to write to. */
  readonly out: string;
  /** Few steps. */
  readonly quick: boolean;
  /** All ranks and sizes. */
  readonly full: boolean;
  /** Only to train this part of the runs. */
  readonly shard?: Shard;
}

/** An experiment with what it found. */
interface Finished {
  readonly experiment: Experiment;
  readonly outcome: Outcome;
}

/**
 * Runs the experiments and writes `results.json` and `index.html`; adapters and logs lie under `runs`.
 * After a stop the finished ones are still written.
 *
 * @throws {RangeError} when an experiment's name is unknown.
 * @throws {Error} when the folder cannot be written.
 */
export async function reproduce(
  device: Device,
  options: ReproduceOptions,
  signal: AbortSignal,
): Promise<void> {
  const started = performance.now(), chosen = selectExperiments(options.only);
  await makeFolder(options.out);
  console.error(`device: ${device.description}`);
  if (options.shard) return await trainShard(device, options.shard, chosen, options, signal);
  const finished: Finished[] = [];
  for (const experiment of chosen) {
    if (signal.aborted) break;
    const outcome = await runOne(device, experiment, options, signal);
    if (outcome) finished.push({ experiment, outcome });
  }
  const facts = factsOf(device, options, performance.now() - started);
  await writeResults(options.out, facts, finished);
  printFindings(finished, options.out);
}

async function trainShard(
  device: Device,
  shard: Shard,
  chosen: readonly Experiment[],
  options: ReproduceOptions,
  signal: AbortSignal,
): Promise<void> {
  const bar = new ProgressBar(`shard ${shard.index}/${shard.count}`);
  const report = (share: number, text: string) => bar.report(share, text);
  try {
    const count = await makeShard(chosen, shard, { ...options, device, signal, report });
    console.log(`${count} runs in ${join(options.out, "runs")}; without --shard they are read`);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function runOne(
  device: Device,
  experiment: Experiment,
  options: ReproduceOptions,
  signal: AbortSignal,
): Promise<Outcome | undefined> {
  const bar = new ProgressBar(experiment.name.padEnd(10));
  const report = (share: number, text: string) => bar.report(share, text);
  try {
    return await experiment.run({ ...options, device, signal, report });
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
}

async function makeFolder(folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true }).catch((error: Error) => {
    throw new Error(`cannot write results to ${folder}: ${error.message}`, { cause: error });
  });
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
): Promise<void> {
  const results = finished.map(({ experiment, outcome }) => ({
    name: experiment.name,
    title: experiment.title,
    source: experiment.source,
    settings: outcome.settings,
    findings: outcome.findings,
    tables: outcome.tables,
  }));
  await writeJsonAtomic(join(out, "results.json"), { facts: Object.fromEntries(facts), results });
  const sections = finished.map(({ experiment, outcome }) => ({
    id: experiment.name,
    title: experiment.title,
    question: experiment.question,
    source: experiment.source,
    ...outcome,
  }));
  const report = { title: "LoRA, reproduced", facts, sections };
  const page = await renderPage(report, await loadMathJax());
  await writeFileAtomic(join(out, "index.html"), page);
}

function printFindings(finished: readonly Finished[], out: string): void {
  for (const { experiment, outcome } of finished) {
    if (outcome.findings.length === 0) console.log(`${experiment.name}: ${outcome.settings}`);
    for (const { claim, found, verdict } of outcome.findings) {
      console.log(`${verdict}: ${claim}\n    ${found}`);
    }
  }
  console.log(`\nreport: ${join(out, "index.html")}`);
}
