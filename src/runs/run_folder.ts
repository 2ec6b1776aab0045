/** The folder of one run: what is in it, and when it counts as finished. @module */

import { join } from "node:path";
import { canonicalJson } from "../core/digest.ts";
import {
  listFolder,
  makeFolder,
  readJson,
  removeFile,
  writeFileAtomic,
  writeJsonAtomic,
} from "../core/files.ts";
import type { BytesByRole } from "../device/ledger.ts";
import { hasCheckpoint, type TrainingLog } from "../train/mod.ts";
import { hashOf, type JsonRecord, type RunSpec } from "./spec.ts";

/** Bytes of a run on its device, excluding those that were there before. */
export interface RunLedger {
  /** Between steps, by role. */
  readonly byRole: BytesByRole;
  /** At the moment of the peak of all roles together. */
  readonly peakByRole: BytesByRole;
  /** Between steps, all roles. */
  readonly live: number;
  /** At the peak, all roles. */
  readonly peak: number;
}

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
  /** {@link RunLedger}. */
  readonly ledger: string;
  /** What was measured at its end. */
  readonly metrics: string;
  /** {@link Provenance}. Written last: without it the run is not finished. */
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
    ledger: file("ledger.json"),
    metrics: file("metrics.json"),
    done: file("done.json"),
  };
}

/** Creates the folder with the specification in it. */
export async function createRunFolder(files: RunFiles, spec: RunSpec): Promise<void> {
  await makeFolder(files.folder);
  await writeFileAtomic(files.spec, canonicalJson(spec) + "\n");
}

/** The result of a finished run; `undefined` if it is not finished. */
export async function readRun(files: RunFiles, spec: RunSpec): Promise<RunResult | undefined> {
  if (!await hasCheckpoint(files.done)) return undefined;
  return {
    folder: files.folder,
    spec,
    log: await readJson(files.log) as TrainingLog,
    ledger: await readJson(files.ledger) as RunLedger,
    metrics: await readJson(files.metrics) as JsonRecord,
    ...await readJson(files.done) as Provenance,
  };
}

/** Writes everything but the weights, `done.json` last, and removes what is only needed to resume. */
export async function finishRun(
  files: RunFiles,
  { log, ledger, metrics, device, exact }: RunResult,
): Promise<void> {
  await writeFileAtomic(files.log, JSON.stringify(log) + "\n");
  await writeJsonAtomic(files.ledger, ledger);
  await writeJsonAtomic(files.metrics, metrics);
  await writeJsonAtomic(files.done, { device, exact });
  await removeLeftovers(files);
}

/** Removes the checkpoint, and partial files of a killed process. */
async function removeLeftovers({ folder, checkpoint }: RunFiles): Promise<void> {
  await removeFile(checkpoint);
  for (const name of await listFolder(folder)) {
    if (name.endsWith(".tmp")) await removeFile(join(folder, name));
  }
}
