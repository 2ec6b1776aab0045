/** Needed ranks by distance, and where no rank is enough (docs/decisions/0055). @module */

import { parPoints, rounding, signed } from "../../differences.ts";
import type { Claim } from "../../frame/mod.ts";
import type { Level } from "../tasks.ts";
import { mapRanks } from "./arms.ts";
import {
  each,
  isFar,
  leastReference,
  meanOf,
  neededRank,
  on,
  ranksOf,
  rankText,
  tasksAt,
} from "./needs.ts";
import type { MapRow, MapRows } from "./rows.ts";

/** The largest needed rank of some tasks on q and v; 0 where none has one. */
const mostNeeded = (rows: readonly MapRow[], tasks: readonly string[]): number =>
  Math.max(0, ...tasks.map((task) => neededRank(rows, { task, line: "qv" }) ?? 0));

/** A rule: needs never fall, and the last is larger than the first. */
export function neverFalls(needs: readonly number[]): boolean {
  return needs.every((need, at) => at === 0 || need >= needs[at - 1]) && needs.at(-1)! > needs[0];
}

const levels = [0, 1, 2, 3, 4] as const satisfies readonly Level[];

const needsByLevel = ({ mapRuns }: MapRows): number[] =>
  levels.map((own) => mostNeeded(mapRuns, tasksAt(mapRuns, ({ level }) => level === own)));

const needsText = (needs: readonly number[]) => needs.map((need) => rankText(need)).join(", ");

/** Needed rank by distance. */
export const distanceClaim: Claim<MapRows> = {
  text: "A task farther from what the base knows needs a larger rank on q and v",
  beyond: true,
  rule:
    "when the largest needed rank of a distance never falls from one distance to the next, and is " +
    "larger at the last than at the first",
  ours: (rows) => `r = ${needsText(needsByLevel(rows))}`,
  holds: (rows) => neverFalls(needsByLevel(rows)),
};

/** Needed ranks on q and v by letters moved. */
const needsByMoved = ({ mapRuns }: MapRows): number[] =>
  axisOf(mapRuns).map(({ task }) => mostNeeded(mapRuns, [task]));

/** The points of the smooth axis, in order. */
export const axisOf = (rows: readonly MapRow[]): { task: string; moved: number }[] =>
  [...new Map(rows.flatMap(({ task, moved }) => moved === undefined ? [] : [[task, moved]]))]
    .map(([task, moved]) => ({ task, moved })).sort((a, b) => a.moved - b.moved);

/** Needed rank on the smooth axis. */
export const axisClaim: Claim<MapRows> = {
  text: "The more letters a map moves away from a known one, the larger a rank it needs on q and v",
  beyond: true,
  rule:
    "when the needed rank never falls from one number of moved letters to the next, and is larger at " +
    "the last than at the first",
  ours: (rows) => `r = ${needsText(needsByMoved(rows))}`,
  holds: (rows) => neverFalls(needsByMoved(rows)),
  found: ({ mapRuns }) => `Letters moved: ${axisOf(mapRuns).map(({ moved }) => moved).join(", ")}.`,
};

/** The best rank on q and v minus full fine-tuning; undefined where that has learned nothing. */
function bestAgainstFull(rows: readonly MapRow[], task: string): number | undefined {
  const full = meanOf(rows, on(task, "full"));
  if (!full || full.right < leastReference) return undefined;
  return Math.max(...ranksOf(rows, on(task, "qv")).map(({ right }) => right)) - full.right;
}

/** Where no rank is enough. */
export const stopsClaim: Claim<MapRows> = {
  text: "There are far tasks on which no rank on q and v is on a par with full fine-tuning",
  beyond: true,
  rule:
    `when on some far task, of which full fine-tuning gets ${leastReference}% at least, the best rank ` +
    `up to ${mapRanks.at(-1)} is more than ${parPoints} points below it`,
  ours: ({ mapRuns }) =>
    each(
      tasksAt(mapRuns, isFar).filter((task) => bestAgainstFull(mapRuns, task) !== undefined),
      (task) => signed(bestAgainstFull(mapRuns, task)!),
    ),
  holds: ({ mapRuns }) =>
    tasksAt(mapRuns, isFar).some((task) =>
      (bestAgainstFull(mapRuns, task) ?? 0) < -parPoints - rounding
    ),
};
