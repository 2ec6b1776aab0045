/** The folder of one run: what is in it, and when it counts as finished. @module */

import { join } from "node:path";
import { isRecord, parseJsonOf } from "../core/checks.ts";
import { mostJsonBytes } from "../core/limits.ts";
import type { Device } from "../device/device.ts";
import { type BytesByRole, roles } from "../device/ledger.ts";
import { canonicalJson, fileDigests, sha256 } from "../storage/digest.ts";
import { jsonText, readBytes, removeLeftovers, writeFileAtomic } from "../storage/files.ts";
import { kindOf } from "../storage/storage.ts";
import { removeCheckpoint, type TrainingLog } from "../train/mod.ts";
import { isLog } from "../train/train.ts";
import { hashOf, type JsonRecord, type RunSpec } from "./spec.ts";

/** Device and exactness of a run, which its specification does not have. */
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
  /** Measurements at its end. */
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
  /** Measurements at its end. */
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

/** Text of `spec.json`. */
const specText = (spec: RunSpec): string => canonicalJson(spec) + "\n";

/** Removes the checkpoints of a finished run, and partial files of a killed process. */
export async function tidyRunFolder({ folder, checkpoint, ...files }: RunFiles): Promise<void> {
  await removeCheckpoint(checkpoint);
  for (const place of [folder, files.adapter, files.model]) {
    if (await kindOf(place) === "folder") await removeLeftovers(place);
  }
}

/** The files whose digests are in `done.json`, besides that of all weights. */
const parts = ["spec", "log", "ledger", "metrics"] as const;

/** `done.json`. */
interface Done extends Provenance {
  readonly sha256: Readonly<Record<typeof parts[number] | "weights", string>>;
}

/**
 * The result of a finished run; `undefined` if it is not finished, or lacks digests, as those of older
 * versions do. Reads the weights that the run has saved in its folder too, 1 GB/s.
 *
 * @throws {SyntaxError} when a JSON file of the run is not JSON.
 * @throws {RangeError} when a file is not as the run wrote it: remove the folder to make the run again.
 */
export async function readRun(files: RunFiles, spec: RunSpec): Promise<RunResult | undefined> {
  if (await kindOf(files.done) !== "file") return undefined;
  const done = await readPart<Done>(files, "done", isDone);
  if (!hasDigests(done)) return undefined;
  const read = <T>(part: typeof parts[number], isGood: (value: unknown) => boolean) =>
    readPart<T>(files, part, isGood, done.sha256[part]);
  await read("spec", isRecord);
  if (done.sha256.weights !== await weightsDigest(files)) {
    throw changed(files, `${files.folder}: its weights are`);
  }
  const { steps, patience } = spec.training, { folder } = files, { device, exact } = done;
  const hasSteps = (log: unknown) =>
    isLog(log) && (patience ? log.loss.length <= steps : log.loss.length === steps);
  return {
    folder,
    spec,
    log: await read("log", hasSteps),
    ledger: await read("ledger", isLedger),
    metrics: await read<JsonRecord>("metrics", isRecord),
    device,
    exact,
  };
}

/**
 * Writes the numbers of a run that is saved, and finally `done.json` with the digests of all of them: a
 * crash leaves a run that is not finished, whatever files it has, or a finished one.
 */
export async function writeResult(
  files: RunFiles,
  { spec, log, ledger, metrics, device, exact }: Omit<RunResult, "folder">,
): Promise<void> {
  const texts = {
    spec: specText(spec),
    log: JSON.stringify(log) + "\n",
    ledger: jsonText(ledger),
    metrics: jsonText(metrics),
  };
  const digests: Record<string, string> = { weights: await weightsDigest(files) };
  for (const part of parts) {
    digests[part] = await sha256(new TextEncoder().encode(texts[part]));
    await writeFileAtomic(files[part], texts[part]);
  }
  await writeFileAtomic(files.done, jsonText({ device, exact, sha256: digests }));
}

/** SHA-256 of the digests of every file of the saved adapter or model. */
async function weightsDigest({ adapter, model }: RunFiles): Promise<string> {
  const names = /\.(safetensors|json)$/;
  const digests = [await fileDigests(adapter, names), await fileDigests(model, names)];
  return await sha256(new TextEncoder().encode(canonicalJson(digests)));
}

/** Reads a JSON file, of which the digest may be known, and checks that it is what was written. */
async function readPart<T>(
  files: RunFiles,
  part: typeof parts[number] | "done",
  isGood: (value: unknown) => boolean,
  digest?: string,
): Promise<T> {
  const file = files[part], bytes = await readBytes(file, mostJsonBytes);
  const value = parseJsonOf(file, bytes);
  if (isGood(value) && (digest === undefined || digest === await sha256(bytes))) return value as T;
  throw changed(files, `${file}: it is`);
}

const changed = ({ folder }: RunFiles, what: string): RangeError =>
  new RangeError(`cannot read ${what} not what the run wrote; remove ${folder} to make it again`);

const isDone = (value: unknown): boolean =>
  isRecord(value) && typeof value.device === "string" && typeof value.exact === "boolean" &&
  (value.sha256 === undefined || isRecord(value.sha256));

const hasDigests = ({ sha256 }: Partial<Done>): boolean =>
  sha256 !== undefined && [...parts, "weights" as const].every((part) => part in sha256);

const isLedger = (value: unknown): boolean =>
  isRecord(value) && [value.live, value.peak].every(Number.isFinite) &&
  [value.byRole, value.peakByRole].every((bytes) =>
    isRecord(bytes) && Object.values(bytes).every(Number.isFinite)
  );

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

/** Starts counting; the returned function measures the bytes in addition to those already there. */
export function watchLedger({ ledger }: Device): () => RunLedger {
  ledger.resetPeak();
  const before = ledger.read();
  return () => {
    const { byRole, peakByRole, live, peak } = ledger.read();
    const added = (bytes: typeof byRole) =>
      Object.fromEntries(
        roles.map((role) => [role, bytes[role] - before.byRole[role]]),
      ) as typeof byRole;
    return {
      byRole: added(byRole),
      peakByRole: added(peakByRole),
      live: live - before.live,
      peak: peak - before.live,
    };
  };
}
