/** What a finished run has written, as one set: read only if every file is the one that was written. @module */

import { canonicalJson, fileDigests, sha256 } from "../core/digest.ts";
import { jsonText, readBytes, writeFileAtomic } from "../core/files.ts";
import { isRecord, parseJsonOf } from "../core/json.ts";
import { mostJsonBytes } from "../core/limits.ts";
import { kindOf } from "../core/storage.ts";
import { isLog } from "../train/log.ts";
import { type Provenance, type RunFiles, type RunResult, specText } from "./run_folder.ts";
import type { JsonRecord, RunSpec } from "./spec.ts";

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
  { spec, log, ledger, metrics, device, exact }: RunResult,
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
