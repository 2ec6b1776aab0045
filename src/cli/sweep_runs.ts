/** Making the trainings of a sweep, each in a folder of its own, and reading those that are made. @module */

import { readJson, writeJsonAtomic } from "../core/files.ts";
import { isRecord, isText } from "../core/json.ts";
import { kindOf } from "../core/storage.ts";
import type { Device } from "../device/mod.ts";
import { accuracyOn, loadModel } from "../models/mod.ts";
import { applyMethod, run, type RunFiles, runFiles, type RunResult } from "../runs/mod.ts";
import { isDiverged } from "../train/finite_result.ts";
import { removeCheckpoint, type StepEvent } from "../train/mod.ts";
import { baseTypeOf } from "./arguments.ts";
import type { SweepTraining } from "./sweep_plan.ts";
import { measuredOf, recordOf, type TrainedRecord } from "./train_record.ts";

/** What came of one training of a sweep. */
export interface SweepRow {
  /** What sets it apart, learning rate and seed excepted. */
  readonly setting: string;
  /** Its learning rate. */
  readonly learningRate: number;
  /** Its seed. */
  readonly seed: number;
  /** Number of trained values. */
  readonly trainable: number;
  /** The name of its folder. */
  readonly run: string;
  /** Completed steps. */
  readonly steps?: number;
  /** The held-out loss before training and at its lowest. */
  readonly heldOut?: TrainedRecord["heldOut"];
  /** The share of held-out texts whose label is right, of a classifier. */
  readonly accuracy?: number;
  /** How many held-out prompts are answered right, where texts have prompts. */
  readonly answers?: TrainedRecord["answers"];
  /** Why it has no result: a value that is not finite. */
  readonly diverged?: string;
}

/** Where trainings are made. */
export interface SweepPlace {
  /** The device. */
  readonly device: Device;
  /** Folder of all runs. */
  readonly folder: string;
  /** Stops at the next step. */
  readonly signal: AbortSignal;
  /** Called after each step. */
  readonly onStep: (event: StepEvent) => void;
}

/**
 * Makes a training, or reads it where it is finished. One that has diverged is not made again: it would
 * diverge again.
 *
 * @throws {Error} when another process makes it, or the folder cannot be written.
 * @throws The signal's reason when it was stopped; call again to resume.
 */
export async function makeTraining(training: SweepTraining, place: SweepPlace): Promise<SweepRow> {
  const { setting, spec, trainable, hash } = training, { training: { learningRate }, seed } = spec;
  const row = { setting, learningRate, seed, trainable, run: hash };
  const files = await runFiles(place.folder, spec), file = divergedIn(files);
  const known = await readDivergence(file);
  if (known !== undefined) return { ...row, diverged: known };
  try {
    const { log, metrics } = await runTraining(training, place);
    const { steps, heldOut } = recordOf(log, trainable);
    return { ...row, steps, heldOut, ...metrics };
  } catch (error) {
    if (!isDiverged(error)) throw error;
    await writeJsonAtomic(file, { diverged: error.message });
    await removeCheckpoint(files.checkpoint);
    return { ...row, diverged: error.message };
  }
}

function runTraining(
  { options, request, spec }: SweepTraining,
  { onStep, ...place }: SweepPlace,
): Promise<RunResult> {
  const { batches, validation, labels, newLabels } = request, { device } = place;
  const dtype = baseTypeOf(options);
  return run(spec, {
    ...place,
    openModel: () => loadModel(device, options.model, { labels: newLabels, dtype }),
    openBatches: () => batches,
    openValidation: () => validation,
    adapt: (model) => applyMethod(model, spec.method, spec.seed, options.model),
    checkpointEvery: request.checkpointEvery,
    onProgress: onStep,
    measure: async (model) =>
      labels ? { accuracy: await accuracyOn(model, validation) } : await measuredOf(model, request),
  });
}

/** The trainings, by their hashes, that are finished or have diverged. */
export async function madeIn(
  folder: string,
  trainings: readonly Pick<SweepTraining, "spec" | "hash">[],
): Promise<Set<string>> {
  const made = new Set<string>();
  for (const { spec, hash } of trainings) {
    const files = await runFiles(folder, spec), ends = [files.done, divergedIn(files)];
    if ((await Promise.all(ends.map(kindOf))).includes("file")) made.add(hash);
  }
  return made;
}

const divergedIn = ({ folder }: RunFiles): string => `${folder}/diverged.json`;

/** Why a training diverged; undefined where it has not. */
async function readDivergence(file: string): Promise<string | undefined> {
  if (await kindOf(file) !== "file") return undefined;
  const found = await readJson(file);
  if (isRecord(found) && isText(found.diverged)) return found.diverged;
  throw new SyntaxError(`cannot read ${file}: it is not what a sweep wrote; remove it`);
}
