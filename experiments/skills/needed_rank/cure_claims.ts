/** What makes a small rank enough where it is not: placement, steps, pretraining (docs/decisions/0055). @module */

import { rounding, signed } from "../../differences.ts";
import type { Claim } from "../../frame/mod.ts";
import {
  beyondRanks,
  each,
  meanOf,
  neededRank,
  neededText,
  on,
  pointsBetween,
  rightText,
  tasksAt,
} from "./needs.ts";
import type { MapRow, MapRows } from "./rows.ts";

/** A gap that a cure has to close, in points. */
const wideGap = 10;

/** How much of the gap between r = 1 on q and v and full fine-tuning r = 1 on all layers closes. */
export interface ClosedGap {
  /** The task. */
  readonly task: string;
  /** The gap, in points. */
  readonly gap: number;
  /** The share of it that is closed. */
  readonly closed: number;
}

/** Of every task that has a wide gap. */
export const gapsOf = (rows: readonly MapRow[]): ClosedGap[] =>
  tasksAt(rows, () => true).flatMap((task) => {
    const [full, one, all] = [on(task, "full"), on(task, "qv", 1), on(task, "all", 1)]
      .map((arm) => meanOf(rows, arm)?.right);
    if (full === undefined || one === undefined || all === undefined) return [];
    const gap = full - one;
    return gap > wideGap ? [{ task, gap, closed: (all - one) / gap }] : [];
  });

/** Placement. */
export const placementClaim: Claim<MapRows> = {
  text: "All linear layers cure it: r = 1 does what r = 1 on q and v does not",
  beyond: true,
  rule: `when on every task on which r = 1 on q and v is more than ${wideGap} points below full ` +
    "fine-tuning r = 1 on all linear layers closes half of the gap at least, and there is such a task",
  why:
    "It closes the gap of every map of letters, but not of subtraction, of facts, and of Caesar +5 under a word under " +
    "which the base does nothing: there more rank on all linear layers helps, or full fine-tuning.",
  ours: ({ mapRuns }) => `closes ${gapsOf(mapRuns).map(closedText).join(", ")}`,
  holds: ({ mapRuns }) => {
    const gaps = gapsOf(mapRuns);
    return gaps.length > 0 && gaps.every(({ closed }) => closed >= 0.5 - rounding);
  },
  found: ({ mapRuns }) =>
    `Right: ${
      each(
        gapsOf(mapRuns).map(({ task }) => task),
        (task) =>
          `r = 1 on q and v ${rightText(mapRuns, task, "qv", 1)}, r = 4 there (6,144 values) ${
            rightText(mapRuns, task, "qv", 4)
          }, r = 1 on all (6,912) ${rightText(mapRuns, task, "all", 1)}, full ${
            rightText(mapRuns, task, "full")
          }`,
      )
    }.`,
};

const closedText = ({ closed }: ClosedGap) => `${(100 * closed).toFixed(0)}%`;

/** Tasks that were also trained for fewer and for more steps. */
const stepped = (
  rows: readonly MapRow[],
) => [...new Set(rows.filter(({ steps }) => steps === 900).map(({ task }) => task))];

const neededIn = (rows: readonly MapRow[], task: string, steps: number) =>
  neededRank(rows, { task, line: "qv", steps }) ?? beyondRanks;

/** Time. */
export const stepsClaim: Claim<MapRows> = {
  text: "More steps cure it: in 900 a smaller rank on q and v is enough than in 100",
  beyond: true,
  rule:
    "when on every task that was trained in 100 and in 900 steps the needed rank among those trained is " +
    "smaller in 900; full fine-tuning's share is that of 300",
  ours: ({ mapRuns }) =>
    each(
      stepped(mapRuns),
      (task) =>
        [100, 900].map((steps) => neededText(mapRuns, { task, line: "qv", steps })).join(" to "),
    ),
  holds: ({ mapRuns }) =>
    stepped(mapRuns).length > 0 &&
    stepped(mapRuns).every((task) => neededIn(mapRuns, task, 900) < neededIn(mapRuns, task, 100)),
};

/** How far a rank on q and v of the untrained base is below r = 1 on the trained one. */
function belowTrained({ mapRuns }: MapRows, rank: number): number {
  const { task } = mapRuns.find(({ base }) => base === "untrained")!;
  return -pointsBetween(mapRuns, { ...on(task, "qv", rank), base: "untrained" }, on(task, "qv", 1))!
    .points;
}

/** Pretraining. */
export const baseClaim: Claim<MapRows> = {
  text: "Pretraining is what makes r = 1 enough: without it no rank on q and v is",
  beyond: true,
  rule:
    `when on the untrained base r = 1 and r = 64 on q and v are each more than ${wideGap} points of right ` +
    "answers below r = 1 on the trained one, on the same task",
  ours: (rows) => [1, 64].map((rank) => `${signed(-belowTrained(rows, rank))}`).join(" and "),
  holds: (rows) => [1, 64].every((rank) => belowTrained(rows, rank) > wideGap),
};
