/** Running experiments one after the other and keeping what they found. @module */

import { join } from "node:path";
import { blasAdvice } from "../../src/blas/mod.ts";
import { claimFolder } from "../../src/storage/folder.ts";
import { openInBrowser } from "./open_in_browser.ts";
import { JobBar, unlessStopped, withProgress } from "../../src/terminal/progress.ts";
import type { Device, DeviceKind } from "../../src/device/device.ts";
import { loadMathJax } from "../../src/figures/formula.ts";
import { JobRecord } from "./job.ts";
import { PageRenderer } from "../../src/report/page.ts";
import { ReportFolder } from "./report_folder.ts";
import { experiments, selectExperiments } from "../registry.ts";
import type { Experiment, Outcome } from "./experiment.ts";
import type { ExperimentContext, PlanContext } from "./planned_runs.ts";
import { tallies, wordsOf } from "./report_words.ts";
import type { Shard } from "../../src/runs/plan.ts";
import { makeShard } from "./shard.ts";

/** Options of a reproduction. */
export interface ReproduceOptions extends PlanContext {
  /** Names of experiments; all where there are none. */
  readonly only: readonly string[];
  /** The device that was asked for. */
  readonly deviceKind: DeviceKind | undefined;
  /** Folder to write to. */
  readonly out: string;
  /** Train only this part of the runs. */
  readonly shard?: Shard;
  /** Show the growing page in the browser. Default false. */
  readonly open?: boolean;
}

type Job = Omit<ExperimentContext, "report">;

/**
 * Runs the experiments and writes `results.json` and `index.html`; adapters and logs are in `runs`. The page
 * is there from the start and grows; until every experiment has finished, the data is `partial.json`.
 * Where an earlier whole report is, it stays until then, and the page that grows is `partial.html`.
 * A crash leaves a whole report as it was, or one of its two files new; the same call continues.
 *
 * @throws {RangeError} when an experiment's name is unknown.
 * @throws {Error} when the folder is in use or cannot be written, or, once the others are, an experiment fails.
 */
export async function reproduce(
  device: Device,
  options: ReproduceOptions,
  signal: AbortSignal,
): Promise<void> {
  const chosen = selectExperiments(options.only), job = { ...options, device, signal };
  using _ = options.shard ? undefined : await claimFolder(options.out); // Shards share a folder.
  console.error(`device: ${device.description}`);
  const advice = device.kind === "cpu" ? blasAdvice() : undefined;
  if (advice !== undefined) console.error(advice);
  if (options.shard) return await trainShard(chosen, options.shard, job);
  const folder = await ReportFolder.open(options.out, new PageRenderer(await loadMathJax()));
  const all = experiments.map(({ name }) => name), said = await wordsOf(device, options);
  const record = new JobRecord(chosen, all, said);
  await folder.write(record.report(), record.data());
  console.error(`report, which grows as the job runs: ${folder.address}`);
  if (options.open) show(folder.address);
  await runAll(chosen, job, record, folder);
  record.end();
  const whole = record.isWhole && await folder.finish(record.report(), record.data());
  if (!whole) await folder.write(record.report(), record.data());
  if (record.partial !== undefined) console.log(`\npartial: ${record.partial}`);
  for (const line of tallies(record.report())) console.log(line);
  console.log(`\nreport: ${whole || folder.address}`);
  for (const error of record.errors) throw error;
}

async function runAll(
  chosen: readonly Experiment[],
  job: Job & ReproduceOptions,
  record: JobRecord,
  folder: ReportFolder,
): Promise<void> {
  const isUsual = !job.quick && !job.full, names = chosen.map(({ name }) => name);
  const expected = Object.fromEntries(chosen.map(({ name, seconds }) => [name, seconds]));
  const bar = new JobBar("reproduce", names, isUsual ? expected : undefined);
  for (const experiment of chosen) {
    if (job.signal.aborted) break;
    const { name } = experiment, fails = (error: Error) => record.fail(name, error);
    const started = performance.now(), report = bar.begin(name);
    record.begin(name, bar.left);
    await folder.write(record.report(), record.data());
    const work = () => experiment.run({ ...job, report });
    const outcome = await unlessStopped(job.signal, work).catch(fails);
    if (!outcome) continue;
    record.add(experiment, outcome, performance.now() - started);
    bar.say(linesOf(name, outcome));
  }
}

function linesOf(name: string, { settings, findings }: Outcome): string {
  if (findings.length === 0) return `${name}: ${settings}`;
  return findings.map(({ claim, ours, found, verdict }) =>
    [`${verdict}: ${claim}`, ours, found].filter((one) => one).join("\n    ")
  ).join(
    "\n",
  );
}

/** A job does not depend on whether somebody can watch. */
function show(address: string): void {
  try {
    openInBrowser(address);
  } catch (error) {
    console.error(`note: ${(error as Error).message}`);
  }
}

async function trainShard(chosen: readonly Experiment[], shard: Shard, job: Job): Promise<void> {
  const train = (report: (share: number, text: string) => void) =>
    makeShard(chosen, shard, { ...job, report });
  const made = await withProgress(`shard ${shard.index}/${shard.count}`, job.signal, train);
  const where = `${join(job.out, "runs")}; run without --shard to read them`;
  if (made !== undefined) console.log(`${made} runs in ${where}`);
}
