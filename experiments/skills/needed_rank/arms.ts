/** The map's trainings: ranks on two lines, and controls. @module */

import type { MethodSpec } from "../../../src/runs/mod.ts";
import { searchSeed } from "../../rate_search.ts";
import type { SkillsBase } from "../base.ts";
import { type DownstreamTask, downstreamTasks, taskNamed } from "../tasks.ts";

/** Ranks of both lines. */
export const mapRanks = [1, 2, 4, 8, 16, 32, 64] as const;

/** The trained values: LoRA on q and v or on all linear layers, all weights, or the biases. */
export type Line = "qv" | "all" | "full" | "bitfit";

/** The lines, as a reader sees them. */
export const lineNames: Readonly<Record<Line, string>> = {
  qv: "LoRA on q and v",
  all: "LoRA on all linear layers",
  full: "full fine-tuning",
  bitfit: "BitFit",
};

/** One way to train. */
export interface Arm {
  /** The trained values. */
  readonly line: Line;
  /** Rank of LoRA; absent for other methods. */
  readonly rank?: number;
  /** Steps. Default 300. */
  readonly steps?: number;
  /** The adapted base. Default: the trained one. */
  readonly base?: SkillsBase;
}

/** A way to train on a task. */
export interface Cell {
  /** The task. */
  readonly task: DownstreamTask;
  /** The way. */
  readonly arm: Arm;
}

/** Steps that are tried. */
const mapSteps = [100, 300, 900] as const;

/** α = 2r: a rate then goes as 1/√r. */
export function methodOf({ line, rank = 0 }: Arm): MethodSpec {
  if (line === "full" || line === "bitfit") return { kind: line };
  return { kind: "lora", rank, alpha: 2 * rank, sites: line === "all" ? "all" : ["q", "v"] };
}

/** `qv r = 8`; the key of a rate. */
export const armKey = ({ line, rank }: Arm): string => rank ? `${line} r = ${rank}` : line;

/** `LoRA on q and v, r = 8, untrained base`. */
export const armName = (arm: Arm): string =>
  [
    lineNames[arm.line],
    arm.rank && `r = ${arm.rank}`,
    arm.steps && `${arm.steps} steps`,
    arm.base === "untrained" && "untrained base",
  ].filter((part) => part).join(", ");

/** A line's arms of all ranks. */
const ranksOf = (line: "qv" | "all", ranks: readonly number[] = mapRanks): Arm[] =>
  ranks.map((rank) => ({ line, rank }));

/** A seed that no other arm has: of a repeat, from 1, or of the search, 0. */
export function armSeed({ line, rank = 1, steps = 300, base }: Arm, repeat: number): number {
  const place = Object.keys(lineNames).indexOf(line) * mapRanks.length + Math.log2(rank);
  const kind = 2 * mapSteps.findIndex((one) => one === steps) + Number(base === "untrained");
  const own = 100 * kind + place;
  return repeat === 0 ? searchSeed + own : 10_000 * repeat + own;
}

/** Tasks whose second line has several ranks, one at least at each distance, and that have BitFit. */
const wholeTasks = [
  "reverse, new word",
  "upper case and !",
  "reverse, then Caesar's cipher",
  "Caesar's cipher +5",
  "subtraction",
  "256 facts",
  "random alphabet",
];

/** Tasks that are also trained for fewer and for more steps. */
const steppedTasks = ["Caesar's cipher +5", "random alphabet"];

const steppedRanks = [1, 2, 8];

/** Ranks of the second line, and of q and v where the base knows the skills. */
const ranksOnAll = [1, 4, 16], nearRanks = [1, 2, 4, 8, 64];

/** The task on which the untrained base is trained, and the ranks. */
const controlTask = "reverse, new word", controlRanks = [1, 64];

/** The task that is also asked under words from which it is farther, and nearer: under `mwk` the base does nothing. */
const wordTask = "Caesar's cipher +5", otherWords = ["mwk", "zic"];

const wordArms: readonly Arm[] = [
  ...ranksOf("qv", [1, 8]),
  { line: "all", rank: 1 },
  { line: "full" },
];

/** A task that is asked by another word. */
const underWord = (task: DownstreamTask, word: string): DownstreamTask => ({
  ...{ ...task, name: `${task.name}, under ${word}`, words: [word] },
  level: undefined,
});

function onTask({ name, level = 4 }: DownstreamTask): Arm[] {
  const isWhole = wholeTasks.includes(name);
  return [
    ...ranksOf("qv", level <= 2 ? nearRanks : mapRanks),
    ...ranksOf("all", isWhole ? ranksOnAll : [1]),
    { line: "full" },
    ...isWhole ? [{ line: "bitfit" } as const] : [],
  ];
}

const untrained: Arm[] = [
  ...ranksOf("qv", controlRanks),
  ...ranksOf("all", controlRanks),
  { line: "full" } as const,
].map((arm) => ({ ...arm, base: "untrained" }));

/** Tasks of the map: dates are long, and two other tasks are as near as the first. */
const mapTasks = downstreamTasks.filter(({ name }) => name !== "date, new word");

/** Everything that the map trains, for each seed. */
export const mapCells: readonly Cell[] = [
  ...mapTasks.flatMap((task) => onTask(task).map((arm) => ({ task, arm }))),
  ...untrained.map((arm) => ({ task: taskNamed(controlTask), arm })),
  ...steppedTasks.flatMap((name) =>
    [100, 900].flatMap((steps) =>
      ranksOf("qv", steppedRanks).map((arm) => ({ task: taskNamed(name), arm: { ...arm, steps } }))
    )
  ),
  ...otherWords.flatMap((word) =>
    wordArms.map((arm) => ({ task: underWord(taskNamed(wordTask), word), arm }))
  ),
];
