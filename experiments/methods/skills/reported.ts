/** The reported runs on skills, each at the rate of its own search. @module */

import type { MadeRun, PlannedRun } from "../../frame/mod.ts";
import type { PlanContext } from "../../frame/planned_runs.ts";
import type { DownstreamTask } from "../../skills/tasks.ts";
import { allSizes, comparedSizes } from "../chosen.ts";
import { type ChosenMethod, type MethodRow, methodRow } from "../comparison.ts";
import { planOnSkill } from "./runs.ts";
import { type ChosenOnSkill, chosenOnSkill, type FoundOnSkills, searchedAlone } from "./search.ts";
import type { TaskMethods } from "./tasks.ts";

/** Task, method, size, rate and seed of a run; `seed` is the place among the seeds of its cell. */
export interface ChosenSkill extends ChosenMethod, ChosenOnSkill {
  /** The task. */
  readonly task: DownstreamTask;
}

/** All runs of a job: all cells of a seed before those of the next. */
export const reportedRuns = (
  found: FoundOnSkills,
  reported: readonly TaskMethods[],
  { seeds, quick }: PlanContext,
): PlannedRun<ChosenSkill>[] =>
  seeds.flatMap((place) =>
    reported.flatMap(({ task, methods }) =>
      (quick ? comparedSizes : allSizes)(methods).map((sized): PlannedRun<ChosenSkill> => {
        const [method, size] = sized, rate = chosenOnSkill(found, task, sized);
        const { learningRate } = rate, run = { learningRate, place, quick, split: "test" } as const;
        return {
          ...planOnSkill(task, searchedAlone(sized), run),
          chosen: { ...rate, method, size, task, seed: place },
        };
      })
    )
  );

/** Result of a run, or of the base, on a task. */
export interface SkillRow extends MethodRow {
  /** The task's name. */
  readonly task: string;
  /** Reported texts. */
  readonly texts: number;
  /** The loss by which the rate was chosen, in nats per character. */
  readonly validation?: number;
}

/** The row of a run: its share of right answers in percent. */
export function skillRow(made: MadeRun<ChosenSkill>): SkillRow {
  const { exact, texts } = made.metrics as Record<string, number>;
  const { task: { name: task }, validation } = made.chosen;
  return { task, texts, ...methodRow(made, 100 * exact), validation };
}
