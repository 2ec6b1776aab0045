/** `lowrank sweep`. @module */

import { join } from "node:path";
import { prepareFolder, writeJsonAtomic } from "../core/files.ts";
import { howMany } from "../core/how_many.ts";
import { Interrupt, Interrupted } from "../core/interrupt.ts";
import { version } from "../core/version.ts";
import type { Device } from "../device/mod.ts";
import { partOf, shardOf } from "../runs/shard.ts";
import type { StepEvent } from "../train/mod.ts";
import type { Command } from "./commander.ts";
import { type CommonOptions, note, openChosen, print, printWritten } from "./common.ts";
import { readGrid } from "./sweep_grid.ts";
import { planSweep, type SweepTraining } from "./sweep_plan.ts";
import { bestOf, bestTable, remarksOn } from "./sweep_results.ts";
import { SweepProgress } from "./sweep_progress.ts";
import { madeIn, makeTraining, type SweepRow } from "./sweep_runs.ts";

interface SweepOptions extends CommonOptions {
  readonly output: string;
  readonly shard?: string;
}

const help = `
The file has options of train, with one value or a list of values, of which
every combination is trained; those in "methods" are of that method alone:
  {"model": "models/tiny-gpt2", "data": "examples/pairs.jsonl", "steps": 60,
   "methods": [{"method": "full"}, {"method": "lora", "rank": [1, 8]}],
   "learning-rate": [0.001, 0.004], "seed": [1, 2, 3]}

Everything is checked before the first training. Each is in a folder of its own,
OUTPUT/runs/HASH, with its adapter; what is there is not done again, and Ctrl-C
loses at most a step. A training that diverges is a result.

The table has for each setting the rate with the lowest held-out loss, averaged
over the seeds, and its standard deviation. That loss chose the rate and the
step: to report one, measure other texts with evaluate. A seed also chooses the
held-out texts, unless "validation" names a file.

--shard makes only a part of the trainings: every n-th, from the i-th. In a
Slurm array numbered from 1 and in a Kubernetes indexed job, /n is enough. Then
run the command without it: it reads all, makes what is missing, and writes the
results.

JSON, as in OUTPUT/results.json: {"version", "sweep", "device", "runs", "best"}.`;

/** Adds `sweep`, which trains every combination of settings and compares them. */
export function addSweep(program: Command): void {
  program.command("sweep").description("train every combination of settings, and compare them")
    .argument("<file>", "JSON file with options of train, and lists of values")
    .requiredOption("--output <folder>", "folder to write")
    .option("--shard <i/n>", "make only the i-th of n parts; in a job array /n will do")
    .addHelpText("after", help)
    .action(run);
}

async function run(path: string, options: SweepOptions): Promise<void> {
  const shard = shardOf(options.shard), grid = await readGrid(path);
  using device = await openChosen(options);
  const all = await planSweep(path, grid, options.output, device.kind);
  const own = shard ? partOf(all, shard) : all;
  const part = shard ? `, part ${shard.index} of ${shard.count}, of ${all.length}` : "";
  note(options, `${howMany(own.length, "training")}${part}`);
  await prepareFolder(options.output);
  const runs = await makeAll(own, device, options);
  if (shard) {
    const made = { shard, runs: runs.map(({ run }) => run) };
    return printWritten(options, made, "made: run without --shard to compare all");
  }
  const best = bestOf(runs), sweep = grid.content;
  const found = { version, sweep, device: device.description, runs, best };
  await writeJsonAtomic(join(options.output, "results.json"), found);
  print(options, found, () => bestTable(best));
  for (const line of remarksOn(runs, best)) note(options, line);
}

/** Makes the trainings one after the other. */
async function makeAll(
  trainings: readonly SweepTraining[],
  device: Device,
  options: SweepOptions,
): Promise<SweepRow[]> {
  using interrupt = new Interrupt().listen();
  const { signal } = interrupt, folder = join(options.output, "runs"), rows: SweepRow[] = [];
  const made = await madeIn(folder, trainings), progress = new SweepProgress(trainings, made);
  if (made.size > 0) note(options, `already trained: ${made.size} of ${trainings.length}`);
  try {
    for (const training of trainings) {
      interrupt.throwIfStopped();
      const onStep = (event: StepEvent) => {
        if (!options.quiet) progress.report(rows.length, event);
      };
      rows.push(await makeTraining(training, { device, folder, signal, onStep }));
    }
    return rows;
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    const after = `${error.message} after ${rows.length} of ${
      howMany(trainings.length, "training")
    }`;
    progress.clear();
    note(options, `${after}: run the same command again to resume`);
    throw error;
  }
}
