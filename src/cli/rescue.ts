/** Keeping what a training that failed midway has made. @module */

import { join } from "node:path";
import { writeJsonAtomic } from "../core/files.ts";
import { howMany } from "../core/how_many.ts";
import type { TrainableModel, TrainingLog } from "../train/mod.ts";

/** What there is to keep. */
export interface Remains {
  /** The output folder. */
  readonly output: string;
  /** The model in training. */
  readonly model: TrainableModel;
  /** The steps that went well. */
  readonly log: TrainingLog;
  /** Writes everything, as after the last step. */
  readonly save: () => Promise<void>;
}

/**
 * Writes what was trained before a failure; weights that are not finite stay out, as they would replace
 * good ones of before.
 *
 * @returns The failure, with a sentence on what was kept.
 */
export async function rescue(failure: unknown, remains: Remains): Promise<unknown> {
  if (!(failure instanceof Error) || remains.log.loss.length === 0) return failure;
  const kept = await keep(remains).catch((error) => `nothing could be written: ${error.message}`);
  return new Error(`${failure.message}; ${kept}`, { cause: failure });
}

async function keep({ output, model, log, save }: Remains): Promise<string> {
  const steps = howMany(log.loss.length, "step");
  if (await allFinite(model)) {
    await save();
    return `wrote what ${steps} had trained, and their log, to ${output}`;
  }
  await writeJsonAtomic(join(output, "log.json"), log);
  return `wrote the log of ${steps} to ${output}, without the weights: they are not finite`;
}

async function allFinite(model: TrainableModel): Promise<boolean> {
  const values = await model.device.read(...model.trainable().map(({ tensor }) => tensor));
  return values.every(({ data }) => data.every(Number.isFinite));
}
