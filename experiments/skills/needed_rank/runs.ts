/** Runs of the map: its tasks and arms, the search of their rates, and a run of each. @module */

import type { JsonRecord, MethodSpec } from "../../../src/runs/mod.ts";
import type { PlannedRun, RunContext } from "../../../src/runs/plan.ts";
import { type ChosenRate, withEnd } from "../../methods/rates.ts";
import { type RateGrid, searchRates, searchSeed } from "../../rate_search.ts";
import { planSkill, type SkillRun, type SkillsBase, skillSteps } from "../runs.ts";
import { type DownstreamTask, downstreamTasks, taskNamed } from "../tasks.ts";
import found from "./learning_rates.json" with { type: "json" };

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

/** A near task and two far ones, which several studies train; every job trains the first and the last. */
export const liveTasks = ["reverse, new word", "Caesar's cipher +5", "random alphabet"] as const;

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

/** Right answers and loss of each rate on the texts to choose by; `null` where training diverged. */
export type TriedShares = Readonly<Record<string, Share | null>>;

/** Right answers, from 0 to 1, and the loss. */
type Share = { readonly exact: number; readonly loss: number };

/** The highest share of right answers; of equals, the lowest loss. */
export function bestRate(tried: TriedShares): ChosenRate {
  const rates = Object.keys(tried).map(Number).sort((a, b) => a - b);
  const of = (rate: number) => tried[rate] ?? { exact: -1, loss: Infinity };
  const isBetter = (one: number, other: number) =>
    of(one).exact > of(other).exact ||
    of(one).exact === of(other).exact && of(one).loss < of(other).loss;
  return withEnd(rates.reduce((best, next) => isBetter(next, best) ? next : best), rates);
}

/** Tasks whose rates are searched. */
const searchedTasks = [
  "reverse, new word",
  "Caesar's cipher +5",
  "subtraction",
  "256 facts",
  "random alphabet",
];

/** Ranks that are searched on a line; another has the rate of the one below, by 1/√r. */
const searchedRanks: Readonly<Record<"qv" | "all", readonly number[]>> = {
  qv: [1, 8, 64],
  all: [1, 16],
};

/** Ranks of q and v where those below 8 are searched as well: what r = 1 has right there is too little to tell a rate. */
const closely = [1, 2, 4, 8, 64], closelySearched = ["Caesar's cipher +5", "random alphabet"];

/** The task whose rates serve a task: its own, or those of one that is about as far. */
function rateTask({ name, level, moved = 0 }: DownstreamTask): string {
  const own = searchedTasks.find((one) => name.startsWith(one));
  if (own) return own;
  return moved > 0 || level === 4 ? "random alphabet" : "reverse, new word";
}

/** The searched rank whose rate serves a cell; an untrained base has its own. */
export function rateRank({ task, arm: { line, rank = 1, base } }: Cell): number {
  if (line === "full" || line === "bitfit" || base === "untrained") return rank;
  const isClose = line === "qv" && closelySearched.includes(rateTask(task));
  return (isClose ? closely : searchedRanks[line]).findLast((one) => one <= rank)!;
}

/** A rate for a rank, of a rate for r = 1. */
export const forRank = (rate: number, rank: number): number =>
  Number((rate / Math.sqrt(rank)).toPrecision(3));

const rates = found.tried as Readonly<Record<string, Readonly<Record<string, TriedShares>>>>;

/** The rate of an arm on a task. Those of 300 steps serve 100 and 900. */
export function mapRateOf(task: DownstreamTask, arm: Arm): ChosenRate {
  const searched = { ...arm, rank: arm.rank && rateRank({ task, arm }) };
  const base = arm.base === "untrained" ? "untrained, " : "";
  const best = bestRate(rates[base + rateTask(task)][armKey(searched)]);
  if (searched.rank === arm.rank) return best;
  const learningRate = forRank(best.learningRate, arm.rank! / searched.rank!);
  return { ...best, learningRate };
}

/** Rates for r = 1 that are tried first. */
const firstRates: Readonly<Record<Line, readonly number[]>> = {
  qv: [0.01, 0.02, 0.04],
  all: [0.005, 0.01, 0.02],
  full: [1e-3, 2e-3, 4e-3],
  bitfit: [0.01, 0.02, 0.04],
};

/** A share of right answers beyond which no other rate is tried. */
const plenty = 0.99;

/** The cells whose rates are searched: those of 300 steps that no other serves. */
export const searchedCells: readonly Cell[] = mapCells.filter(({ task, arm }) =>
  arm.steps === undefined && rateTask(task) === task.name &&
  (arm.rank === undefined || rateRank({ task, arm }) === arm.rank)
);

/** Tries the rates of every searched cell on inputs for validation; the results are by task and arm. */
export async function searchNeededRank(context: RunContext): Promise<JsonRecord> {
  const tried: Record<string, Record<string, JsonRecord>> = {};
  for (const { task, arm } of searchedCells) {
    const name = arm.base === "untrained" ? `untrained, ${task.name}` : task.name;
    const planned = (learningRate: number) => planSearched({ task, arm }, learningRate);
    (tried[name] ??= {})[armKey(arm)] = await searchShares(gridOf(arm), planned, context);
  }
  return { split: "validation", steps: skillSteps, tried };
}

const planSearched = ({ task, arm }: Cell, learningRate: number): PlannedRun =>
  planSkill({
    ...{ method: methodOf(arm), learningRate, steps: skillSteps, seed: armSeed(arm, 0) },
    ...{ task, split: "validation", base: arm.base },
  }, armName(arm));

/** Tries rates, and chooses by the share of right answers, of equals by the loss. */
export const searchShares = (
  grid: RateGrid,
  planned: (learningRate: number) => PlannedRun,
  context: RunContext,
): Promise<JsonRecord> =>
  searchRates<Share>(grid, {
    ...{ planned, best: bestRate },
    read: ({ exact, loss }) => ({ exact, loss }),
    isEnough: ({ exact }) => exact >= plenty,
  }, context);

/** The map's grid for an arm. */
const gridOf = ({ line, rank = 1 }: Arm): RateGrid => ({
  ...{ first: firstRates[line].map((rate) => forRank(rate, rank)), factor: 2, most: 5 },
});

/** Answers that are reported of a task, at most. */
const answers = 600;

/** Sizes of a run that shows that everything works. */
const quickSizes = { steps: 2, measured: 20, examples: 64 } as const;

/** A run of the map. */
export interface MapRun extends SkillRun, Cell {
  /** The repeat, from 1: a reader knows it as the seed. */
  readonly repeat: number;
  /** Its rate, with the end of the grid that it is, if it is one. */
  readonly rate: ChosenRate;
}

/** Runs of some cells: all of a repeat before the next. */
export const planCells = (
  cells: readonly Cell[],
  repeats: readonly number[],
  quick: boolean,
): PlannedRun<MapRun>[] =>
  repeats.flatMap((repeat) => cells.map((cell) => planCell(cell, repeat, quick)));

function planCell({ task, arm }: Cell, repeat: number, quick: boolean): PlannedRun<MapRun> {
  const { steps = skillSteps, base } = arm, rate = mapRateOf(task, arm), method = methodOf(arm);
  const seed = armSeed(arm, repeat);
  return planReported({ task, arm, repeat, rate, base, steps, method, seed }, armName(arm), quick);
}

/** A run whose answers are reported, at the rate that was chosen for it. */
export const planReported = <Chosen extends { readonly rate: ChosenRate }>(
  chosen: Chosen & Omit<SkillRun, "learningRate" | "split" | "measured">,
  name: string,
  quick: boolean,
): PlannedRun<Chosen & SkillRun> =>
  planSkill({
    ...{ ...chosen, measured: answers, ...quick && quickSizes },
    ...{ learningRate: chosen.rate.learningRate, split: "test" },
  }, name);
