/** Model cards, with what pretraining and the baselines have measured. @module */

import { readJson, writeFileAtomic } from "../../src/storage/files.ts";
import { type LossMarks, lossPicture } from "./loss_picture.ts";
import type { PretrainingRecord } from "./run.ts";

/** A card's words, from what is in a model's folder. */
export interface Card<Measured, Baselines> {
  /** The text. */
  readonly text: (run: PretrainingRecord & Measured, baselines: Baselines) => string;
  /** Labels of the loss curve. */
  readonly marks: LossMarks;
}

/** Writes a card and the loss curve in it. */
export async function writeCard<Measured, Baselines>(
  folder: string,
  { text, marks }: Card<Measured, Baselines>,
): Promise<void> {
  const run = await readJson(`${folder}/pretraining.json`) as PretrainingRecord & Measured;
  const baselines = await readJson(`${folder}/baselines.json`) as Baselines;
  await writeFileAtomic(`${folder}/README.md`, text(run, baselines));
  await writeFileAtomic(`${folder}/loss_curve.svg`, lossPicture(run.loss, marks));
}
