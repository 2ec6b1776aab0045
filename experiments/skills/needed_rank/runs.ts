/** The runs of the map. @module */

import type { PlannedRun } from "../../frame/mod.ts";
import { planSkill, type SkillRun, skillSteps } from "../runs.ts";
import { armName, armSeed, type Cell, methodOf } from "./arms.ts";
import { type MapRate, mapRateOf } from "./rates.ts";

/** Answers that are reported of a task, at most. */
const answers = 600;

/** Sizes of a run that shows that everything works. */
const quickSizes = { steps: 2, measured: 20, examples: 64 } as const;

/** A run of the map. */
export interface MapRun extends SkillRun, Cell {
  /** The repeat, from 1: a reader knows it as the seed. */
  readonly repeat: number;
  /** Its rate, with the end of the grid that it is, if it is one. */
  readonly rate: MapRate;
}

/** Runs of some cells: all of a repeat before the next. */
export const planCells = (
  cells: readonly Cell[],
  repeats: readonly number[],
  quick: boolean,
): PlannedRun<MapRun>[] =>
  repeats.flatMap((repeat) => cells.map((cell) => planCell(cell, repeat, quick)));

function planCell({ task, arm }: Cell, repeat: number, quick: boolean): PlannedRun<MapRun> {
  const { steps = skillSteps, base } = arm, rate = mapRateOf(task, arm);
  return planSkill<MapRun>({
    ...{ task, arm, repeat, rate, base, steps, measured: answers, ...quick && quickSizes },
    ...{ method: methodOf(arm), learningRate: rate.learningRate },
    ...{ seed: armSeed(arm, repeat), split: "test" },
  }, armName(arm));
}
