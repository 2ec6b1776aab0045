/** Saving what a training has learned, also one that failed. @module */

import { join } from "node:path";
import { writeJsonAtomic } from "../core/files.ts";
import { nonFiniteAt } from "../core/host_tensor.ts";
import { howMany } from "../core/how_many.ts";
import type { FloatDtype } from "../formats/mod.ts";
import { saveModel } from "../models/mod.ts";
import type { Trained } from "../runs/mod.ts";
import { isDiverged } from "../train/finite_result.ts";

/**
 * Saves what was trained, with its log and times. Values that are not finite in a narrower type are saved in F32:
 * nothing is lost.
 *
 * @returns An error that says so, then.
 */
export async function saveTrained(
  output: string,
  { model, adapter, log, times }: Trained,
  dtype: FloatDtype = "F32",
): Promise<RangeError | undefined> {
  const save = (type: FloatDtype) =>
    adapter ? adapter.save(output, { dtype: type }) : saveModel(model, output, type);
  let failure: RangeError | undefined;
  try {
    await save(dtype);
  } catch (error) {
    if (dtype === "F32" || !(error instanceof RangeError)) throw error;
    await save("F32");
    const reason = error.message.replace(/^cannot write .*?: (?=the values of )/s, "");
    failure = new RangeError(
      `${dtype} cannot hold what was trained, which is in ${output} in F32: ${reason}; give --dtype ` +
        `${dtype === "F16" ? "bf16 or " : ""}f32 and another --output`,
      { cause: error },
    );
  }
  await writeJsonAtomic(join(output, "log.json"), log);
  await writeJsonAtomic(join(output, "times.json"), times);
  return failure;
}

/** What can be saved, and how. */
export interface Remains {
  /** The output folder. */
  readonly output: string;
  /** The model in training and the log of its successful steps. */
  readonly trained: Trained;
  /** Saves everything, as after the last step. */
  readonly save: (trained: Trained) => Promise<void>;
}

/**
 * Saves what was trained before a failure. Weights that are not finite are not written: they might
 * overwrite good ones.
 *
 * @returns The failure, with a note on what was saved.
 */
export async function rescue(failure: unknown, remains: Remains): Promise<unknown> {
  if (!(failure instanceof Error) || remains.trained.log.loss.length === 0) return failure;
  const kept = await keep(remains).catch((error) =>
    `not all that was trained could be saved: ${error.message}`
  );
  const hint = isDiverged(failure) ? "; try a lower --learning-rate" : "";
  return new Error(`${failure.message}; ${kept}${hint}`, { cause: failure });
}

async function keep({ output, trained, save }: Remains): Promise<string> {
  const { model, log } = trained, steps = howMany(log.loss.length, "step");
  const parameters = model.trainable().map(({ tensor }) => tensor);
  const values = await model.device.read(...parameters);
  if (values.every(({ data }) => nonFiniteAt(data) < 0)) {
    await save(trained);
    return `wrote the weights after ${steps}, and the log, to ${output}`;
  }
  await writeJsonAtomic(join(output, "log.json"), log);
  return `wrote the log of ${steps} to ${output}, without the weights: they are not finite`;
}
