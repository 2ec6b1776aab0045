/** Runs of every method on skills. @module */

import { canonicalJson } from "../../../src/storage/digest.ts";
import type { PlannedRun } from "../../frame/mod.ts";
import { planSkill, type SkillRun, skillSteps } from "../../skills/runs.ts";
import { type DownstreamTask, taskNamed } from "../../skills/tasks.ts";
import type { StudiedMethod } from "../methods.ts";

/** Two known skills in a row, and an unknown map of a known kind: decision 0058 says why these. */
export const methodTasks: readonly DownstreamTask[] = [
  "reverse, then Caesar's cipher",
  "Caesar's cipher +5",
].map(taskNamed);

/** A known skill under a new word, which prefixes alone are trained on, too: of the other tasks they learn nothing. */
export const nearTask: DownstreamTask = taskNamed("reverse, new word");

/** A run of the study, of which rate, place among its seeds and measured split are chosen. */
export interface MethodRun extends Pick<SkillRun, "learningRate" | "split"> {
  /** 0 in a search; a job's seeds count up from 1. */
  readonly place: number;
  /** True for a few steps. Default: false. */
  readonly quick?: boolean;
}

/** Steps of a quick run. */
const quickSteps = 4;

/** A method's run at its first size. */
export function planOnSkill(
  task: DownstreamTask,
  { label, sizes: [{ size, spec: method }] }: StudiedMethod,
  { place, quick = false, ...run }: MethodRun,
): PlannedRun<SkillRun> {
  const seed = seedOf(`${task.name} ${canonicalJson(method)}`, place);
  const steps = quick ? quickSteps : skillSteps;
  return planSkill({ ...run, method, task, seed, steps }, `${label}, ${size}`);
}

/** The seed of a cell at one place: no two cells share a start or an order of texts. */
export function seedOf(cell: string, place: number): number {
  const text = `${cell} ${place}`;
  return Array.from(text).reduce(
    (hash, letter) => (Math.imul(hash, 31) + letter.codePointAt(0)!) >>> 0,
    7,
  );
}
