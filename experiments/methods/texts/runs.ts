/** Runs of every method on texts. @module */

import type { MethodSpec } from "../../../src/runs/mod.ts";
import type { PlannedRun } from "../../frame/mod.ts";
import {
  openStudy,
  planOnTask,
  type StudyData,
  type StudyRun,
  type StudySizes,
} from "../../encoder_study/runs.ts";
import { findStudyData, type StudyTask } from "../../encoder_study/tasks.ts";
import type { StudiedMethod } from "../methods.ts";

/** Sizes of every run: one pass, of which the rate rises in 5%. */
export const textSizes: StudySizes = {
  ...{ train: 1280, validation: 256, test: 500, words: 16 },
  ...{ batch: 16, epochs: 1, window: 8, warmupSteps: 4, clipNorm: 1 },
};

const quickSizes = { ...textSizes, train: 32, validation: 32, test: 32, warmupSteps: 1 };

/** The base and the tasks, if `LOWRANK_DATA` has them. */
export async function openTexts(quick: boolean): Promise<StudyData | undefined> {
  const data = await findStudyData();
  return data === undefined ? undefined : openStudy(data, quick ? quickSizes : textSizes);
}

/** What of a run is chosen. */
export type TextRun = StudyRun<{ readonly spec: MethodSpec }>;

/** A method's run on a task. */
export const planTexts = (
  study: StudyData,
  task: StudyTask,
  { label, sizes: [method] }: StudiedMethod,
  run: Pick<TextRun, "learningRate" | "seed" | "part" | "base">,
): PlannedRun<TextRun> => planOnTask(study, { ...run, task, method }, label);
