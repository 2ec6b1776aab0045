/** What a finished run has written, as one set: read only if every file is the one that was written. @module */

import { sha256 } from "../core/digest.ts";
import { readBytes, writeFileAtomic } from "../core/files.ts";
import { kindOf } from "../core/storage.ts";
import { isLog } from "../train/log.ts";
import { type Provenance, type RunFiles, type RunResult, specText } from "./run_folder.ts";
import { isRecord, type JsonRecord, type RunSpec } from "./spec.ts";

/** The files whose digests are in `done.json`. */
const parts = ["spec", "log", "ledger", "metrics"] as const;

/** `done.json`: older ones have no digests. */
interface Done extends Provenance {
  readonly sha256?: Readonly<Record<string, string>>;
}

/**
 * The result of a finished run; `undefined` if it is not finished.
 *
 * @throws {SyntaxError} when a file of a finished run is not JSON.
 * @throws {RangeError} when one is not as the run wrote it: remove the folder to make the run again.
 */
export async function readRun(files: RunFiles, spec: RunSpec): Promise<RunResult | undefined> {
  if (await kindOf(files.done) !== "file") return undefined;
  const done = await readPart<Done>(files, "done", isDone);
  const read = <T>(part: typeof parts[number], isGood: (value: unknown) => boolean) =>
    readPart<T>(files, part, isGood, done.sha256?.[part]);
  await read("spec", isRecord);
  const { steps } = spec.training, { folder } = files, { device, exact } = done;
  const hasSteps = (log: unknown) => isLog(log) && log.loss.length === steps;
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
 * Writes the numbers of a run that is saved, and at last `done.json` with the digests of all of them: a
 * crash leaves a run that is not finished, whatever files it has, or a finished one.
 */
export async function writeResult(
  files: RunFiles,
  { spec, log, ledger, metrics, device, exact }: RunResult,
): Promise<void> {
  const texts = {
    spec: specText(spec),
    log: JSON.stringify(log) + "\n",
    ledger: indented(ledger),
    metrics: indented(metrics),
  };
  const digests: Record<string, string> = {};
  for (const part of parts) {
    digests[part] = await sha256(new TextEncoder().encode(texts[part]));
    await writeFileAtomic(files[part], texts[part]);
  }
  await writeFileAtomic(files.done, indented({ device, exact, sha256: digests }));
}

const indented = (value: unknown): string => JSON.stringify(value, null, 2) + "\n";

/** Reads a JSON file, of which the digest may be known, and checks that it is what was written. */
async function readPart<T>(
  files: RunFiles,
  part: typeof parts[number] | "done",
  isGood: (value: unknown) => boolean,
  digest?: string,
): Promise<T> {
  const file = files[part], bytes = await readBytes(file), value = parse(file, bytes);
  if (isGood(value) && (digest === undefined || digest === await sha256(bytes))) return value as T;
  throw new RangeError(
    `cannot read ${file}: it is not what the run wrote; remove ${files.folder} to make it again`,
  );
}

function parse(file: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new SyntaxError(`cannot read ${file}: it is not JSON (${(error as Error).message})`);
  }
}

const isDone = (value: unknown): boolean =>
  isRecord(value) && typeof value.device === "string" && typeof value.exact === "boolean" &&
  (value.sha256 === undefined || isRecord(value.sha256));

const isLedger = (value: unknown): boolean =>
  isRecord(value) && [value.live, value.peak].every(Number.isFinite) &&
  [value.byRole, value.peakByRole].every((bytes) =>
    isRecord(bytes) && Object.values(bytes).every(Number.isFinite)
  );
