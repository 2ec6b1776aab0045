/** The search of every method's rate on skills, at every size and on each task. @module */

import type { JsonRecord } from "../../../src/runs/mod.ts";
import type { RunContext } from "../../../src/runs/plan.ts";
import { tryRates } from "../../rate_search.ts";
import type { DownstreamTask } from "../../skills/tasks.ts";
import { allSizes, type SizedMethod, triedOf } from "../chosen.ts";
import type { StudiedMethod } from "../methods.ts";
import { chooseLeast, type ChosenRate, ratesAround, type TriedRates } from "../rates.ts";
import { planOnSkill } from "./runs.ts";
import type { TaskMethods } from "./tasks.ts";

/** Rates that are tried for every method at every size. */
export const skillRates = 3;

/** Results of a search: by task, and by the method's key and size. */
export interface FoundOnSkills {
  /** The loss of each rate. */
  readonly tasks: Readonly<Record<string, Readonly<Record<string, TriedRates>>>>;
}

/** A method at one size, which is searched by itself. */
export const searchedAlone = ([method, size]: SizedMethod): StudiedMethod => ({
  ...method,
  key: `${method.key} ${size.size}`,
  prior: size.prior ?? method.prior,
  sizes: [size],
});

/** The loss of every rate on the validation split. */
export async function searchOnSkills(
  searched: readonly TaskMethods[],
  context: RunContext,
): Promise<JsonRecord> {
  const tasks: Record<string, Record<string, JsonRecord>> = {};
  for (const { task, methods } of searched) {
    const tried: Record<string, JsonRecord> = tasks[task.name] = {};
    for (const method of allSizes(methods).map(searchedAlone)) {
      const rates = ratesAround(method.prior, skillRates);
      tried[method.key] = await tryRates(rates, planned(task, method), lossOf, context);
    }
  }
  return { split: "validation", tasks };
}

const planned = (task: DownstreamTask, method: StudiedMethod) => (learningRate: number) =>
  planOnSkill(task, method, { learningRate, place: searchPlace, split: "validation" });

const lossOf = ({ loss }: JsonRecord) => loss;

/** The place of a search among the seeds, none of those that are reported. */
const searchPlace = 0;

/** The rate with the lowest loss, and that loss. */
export interface ChosenOnSkill extends ChosenRate {
  /** Nats per character on the validation split. */
  readonly validation: number;
}

/**
 * The rate that a search chose for a method at a size on a task.
 *
 * @throws {RangeError} when it has not tried the whole grid.
 */
export function chosenOnSkill(
  { tasks }: FoundOnSkills,
  { name }: DownstreamTask,
  sized: SizedMethod,
): ChosenOnSkill {
  const tried = triedOf({ tried: tasks[name] ?? {} }, searchedAlone(sized), skillRates);
  const rate = chooseLeast(tried);
  return { ...rate, validation: tried[rate.learningRate] ?? Infinity };
}
