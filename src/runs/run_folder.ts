/** The folder of one run: what is in it, and when it counts as finished. @module */

import { join } from "node:path";
import { canonicalJson } from "../core/digest.ts";
import { writeFileAtomic } from "../core/files.ts";
import { removeLeftovers } from "../core/leftovers.ts";
import { kindOf } from "../core/storage.ts";
import { removeCheckpoint, type TrainingLog } from "../train/mod.ts";
import type { RunLedger } from "./run_ledger.ts";
import { hashOf, type JsonRecord, type RunSpec } from "./spec.ts";

/** How a run was made, apart from its specification. */
export interface Provenance {
  /** Description of the device on which it finished. */
  readonly device: string;
  /** False if it was resumed in a way that does not reproduce an uninterrupted run's bits. */
  readonly exact: boolean;
}

/** The results of a finished run. */
export interface RunResult extends Provenance {
  /** Its folder. */
  readonly folder: string;
  /** Its specification. */
  readonly spec: RunSpec;
  /** One number per step. */
  readonly log: TrainingLog;
  /** Bytes on the device. */
  readonly ledger: RunLedger;
  /** What was measured at its end. */
  readonly metrics: JsonRecord;
}

/** The files of a run's folder. */
export interface RunFiles {
  /** The folder. */
  readonly folder: string;
  /** The specification, canonical. */
  readonly spec: string;
  /** The training so far; removed when the run is finished. */
  readonly checkpoint: string;
  /** PEFT folder of a `lora` run. */
  readonly adapter: string;
  /** Hugging Face folder of a `full` run. */
  readonly model: string;
  /** {@link TrainingLog}. */
  readonly log: string;
  /** Its times; unlike the others, this differs between runs of one specification. */
  readonly times: string;
  /** {@link RunLedger}. */
  readonly ledger: string;
  /** What was measured at its end. */
  readonly metrics: string;
  /** {@link Provenance} and digests of the others. Written last: without it the run is not finished. */
  readonly done: string;
}

/** The paths of the files of a specification's run within the folder of all runs. */
export async function runFiles(runs: string, spec: RunSpec): Promise<RunFiles> {
  const folder = join(runs, await hashOf(spec));
  const file = (name: string) => join(folder, name);
  return {
    folder,
    spec: file("spec.json"),
    checkpoint: file("checkpoint.safetensors"),
    adapter: file("adapter"),
    model: file("model"),
    log: file("log.json"),
    times: file("times.json"),
    ledger: file("ledger.json"),
    metrics: file("metrics.json"),
    done: file("done.json"),
  };
}

/** Writes the specification into the folder. */
export async function writeSpec(files: RunFiles, spec: RunSpec): Promise<void> {
  await writeFileAtomic(files.spec, specText(spec));
}

/** What is in `spec.json`. */
export const specText = (spec: RunSpec): string => canonicalJson(spec) + "\n";

/** Removes the checkpoints of a finished run, and partial files of a killed process. */
export async function tidyRunFolder({ folder, checkpoint, ...files }: RunFiles): Promise<void> {
  await removeCheckpoint(checkpoint);
  for (const place of [folder, files.adapter, files.model]) {
    if (await kindOf(place) === "folder") await removeLeftovers(place);
  }
}
