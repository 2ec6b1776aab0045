/** Measurements of the map, and their reading: means of seeds, needed ranks, and differences in points (decision 0055). @module */

import { mean } from "../../../src/core/numbers.ts";
import type { Device } from "../../../src/device/device.ts";
import { rounding, seedNoise, shareNoise } from "../../differences.ts";
import type { MadeRun, Margin } from "../../frame/mod.ts";
import type { UpdateReading } from "../changes.ts";
import { openSkillsBase, reportedTexts, scoreTexts, type SkillsBase, skillSteps } from "../runs.ts";
import type { DownstreamTask, Level } from "../tasks.ts";
import { type Line, mapRanks, type MapRun } from "./runs.ts";

/** One training. */
export interface MapRow {
  /** The task's name. */
  readonly task: string;
  /** Its distance, where it has one. */
  readonly level?: Level;
  /** Letters moved, on the smooth axis. */
  readonly moved?: number;
  /** The trained values. */
  readonly line: Line;
  /** Rank of LoRA; absent for other methods. */
  readonly rank?: number;
  /** The adapted base. */
  readonly base: SkillsBase;
  /** Steps; a quick run takes two of them. */
  readonly steps: number;
  /** The repeat: each has seeds of its own for each arm. */
  readonly seed: number;
  /** Rate. */
  readonly learningRate: number;
  /** The end of the search's grid that it is, if it is one. */
  readonly end?: MapRun["rate"]["end"];
  /** Trained values. */
  readonly trained: number;
  /** Share of answers that are right to their end, in percent. */
  readonly right: number;
  /** Share of right answers of the trained base before any of this, in percent. */
  readonly before: number;
  /** Nats per character of the answers. */
  readonly loss: number;
  /** Answers that were measured. */
  readonly texts: number;
  /** ‖ΔW‖ / ‖W‖ of q and v, the mean of the modules. */
  readonly size?: number;
  /** Directions that hold 90% of ‖ΔW‖², the mean of the modules. */
  readonly directions?: number;
}

/** The compared updates. */
type Pair = "8 and 64" | "64 and 64" | "two tasks";

/** φ(1, 1) of the first directions of two updates, the mean of seeds. */
export interface SharedRow extends Pick<MapRow, "task" | "level" | "moved"> {
  /** r = 8 and r = 64; two seeds of r = 64; or r = 8 and r = 64 of the task that follows. */
  readonly pair: Pair;
  /** The module, `h.0 q`. */
  readonly module: string;
  /** Similarity of A's rows. */
  readonly ofA: number;
  /** Similarity of ΔW's inputs. */
  readonly input: number;
  /** Similarity of ΔW's outputs. */
  readonly output: number;
}

/** Everything that the map measured. */
export interface MapRows {
  /** All trainings. */
  readonly mapRuns: readonly MapRow[];
  /** Directions of LoRA on q and v. */
  readonly mapDirections: readonly SharedRow[];
}

/** The rows of runs. */
export async function mapRows(made: readonly MadeRun<MapRun>[], device: Device): Promise<MapRows> {
  const before = await sharesBefore(made, device);
  return {
    mapRuns: made.map((run) => rowOf(run, before.get(run.chosen.task.name)!)),
    mapDirections: sharedRows(made),
  };
}

const percent = (share: number): number => 100 * share;

/** The base's share of right answers on each task. */
async function sharesBefore(
  made: readonly MadeRun<MapRun>[],
  device: Device,
): Promise<ReadonlyMap<string, number>> {
  using base = await openSkillsBase(device, "trained", 0);
  const shares = new Map<string, number>();
  for (const { chosen: { task, measured } } of made) {
    if (shares.has(task.name)) continue;
    shares.set(task.name, percent((await scoreTexts(base, reportedTexts(task, measured))).exact));
  }
  return shares;
}

const updatesOf = ({ metrics }: MadeRun<MapRun>): readonly UpdateReading[] =>
  metrics.updates as unknown as readonly UpdateReading[];

const placeOf = ({ name: task, level, moved }: DownstreamTask) => ({ task, level, moved });

function rowOf(run: MadeRun<MapRun>, before: number): MapRow {
  const { chosen: { task, arm, base = "trained", repeat, rate }, metrics } = run;
  const { exact, loss, texts, trained } = metrics as Record<string, number>;
  const updates = updatesOf(run);
  return {
    ...{ ...placeOf(task), line: arm.line, rank: arm.rank, base, seed: repeat },
    ...{
      steps: arm.steps ?? skillSteps,
      ...rate,
      trained,
      right: percent(exact),
      before,
      loss,
      texts,
    },
    ...updates.length > 0 && {
      size: mean(updates.map(({ size }) => size)),
      directions: mean(updates.map(({ directions }) => directions)),
    },
  };
}

/** Two runs whose first directions are compared. */
type Two = readonly [MadeRun<MapRun>, MadeRun<MapRun>];

function sharedRows(made: readonly MadeRun<MapRun>[]): SharedRow[] {
  const plain = made.filter(({ chosen: { arm } }) =>
    arm.line === "qv" && arm.steps === undefined && arm.base === undefined
  );
  const tasks = [...new Set(plain.map(({ chosen }) => chosen.task))];
  const of = (task: DownstreamTask, rank: number) =>
    plain.filter(({ chosen }) => chosen.task === task && chosen.arm.rank === rank);
  return tasks.flatMap((task, at) => {
    const small = of(task, 8), large = of(task, 64), other = of(tasks[(at + 1) % tasks.length], 64);
    const zip = (one: typeof small, two: typeof small) =>
      one.slice(0, two.length).map((run, i): Two => [run, two[i]]);
    const next = [...large.slice(1), large[0]]; // Of three seeds: 1 and 2, 2 and 3, 3 and 1.
    return [
      ...similarities(task, "8 and 64", zip(small, large)),
      ...large.length > 1 ? similarities(task, "64 and 64", zip(large, next)) : [],
      ...tasks.length > 1 ? similarities(task, "two tasks", zip(small, other)) : [],
    ];
  });
}

/** Similarities of each module that both have changed, the mean of the pairs. */
function similarities(task: DownstreamTask, pair: Pair, pairs: readonly Two[]): SharedRow[] {
  const found = pairs.flatMap(([one, other]) =>
    updatesOf(one).flatMap((own) => {
      const theirs = updatesOf(other).find(({ module }) => module === own.module);
      return theirs ? [{ own, theirs }] : [];
    })
  );
  return [...Map.groupBy(found, ({ own }) => own.module)].map(([module, both]): SharedRow => {
    const phi = (read: (update: UpdateReading) => readonly number[]) =>
      mean(both.map(({ own, theirs }) => firstSimilarity(read(own), read(theirs))));
    return {
      ...{ ...placeOf(task), pair, module: moduleName(module) },
      ofA: phi(({ ofA = [] }) => ofA),
      ...{ input: phi(({ input }) => input), output: phi(({ output }) => output) },
    };
  });
}

/** φ(1, 1): the square of the cosine. */
export const firstSimilarity = (one: readonly number[], other: readonly number[]): number =>
  one.reduce((sum, value, at) => sum + value * other[at], 0) ** 2;

/** `h.0 q` of `transformer.h.0.attn.c_attn:q`. */
const moduleName = (module: string): string => module.replace(/^transformer\.(h\.\d+)\..*:/, "$1 ");

/** Points below the reference that are enough. */
export const enoughPoints = 1;

/** Nats per character above the least that are enough. */
const enoughNats = 0.01;

/** The reference below which a task has no needed rank, in percent. */
export const leastReference = 10;

/** The rank that no rank of the map reaches. */
export const beyondRanks = Infinity;

/** The task that is a language of its own. */
export const language = "random alphabet";

/** The runs of a way to train on a task. */
interface ArmOfTask extends Pick<MapRow, "task" | "line"> {
  /** Rank of LoRA; absent for other methods. */
  readonly rank?: number;
  /** Default: 300. */
  readonly steps?: number;
  /** Default: the trained one. */
  readonly base?: MapRow["base"];
}

/** The mean of an arm's seeds. */
interface ArmMean {
  /** Right answers, in percent. */
  readonly right: number;
  /** Nats per character. */
  readonly loss: number;
  /** Answers of all seeds. */
  readonly texts: number;
  /** Its runs. */
  readonly runs: readonly MapRow[];
}

/** The mean of an arm on a task; undefined where it was not trained. */
export function meanOf(rows: readonly MapRow[], arm: ArmOfTask): ArmMean | undefined {
  const { task, line, rank, steps = skillSteps, base = "trained" } = arm;
  const runs = rows.filter((row) =>
    row.task === task && row.line === line && row.rank === rank && row.base === base &&
    row.steps === steps
  );
  if (runs.length === 0) return undefined;
  return {
    right: mean(runs.map(({ right }) => right)),
    loss: mean(runs.map(({ loss }) => loss)),
    texts: runs.reduce((sum, { texts }) => sum + texts, 0),
    runs,
  };
}

/** A rank's mean on a line. */
interface RankMean extends ArmMean {
  /** The rank. */
  readonly rank: number;
}

/** The means of a line's ranks on a task, those that were trained. */
export function ranksOf(rows: readonly MapRow[], arm: Omit<ArmOfTask, "rank">): RankMean[] {
  return mapRanks.flatMap((rank) => {
    const found = meanOf(rows, { ...arm, rank });
    return found ? [{ ...found, rank }] : [];
  });
}

/** Full fine-tuning on a task, in the usual number of steps. */
const fullOf = (rows: readonly MapRow[], task: string): ArmMean | undefined =>
  meanOf(rows, { task, line: "full" });

/**
 * The smallest rank that is at most a point below the better of the line's best and full fine-tuning; Infinity where
 * none is, undefined where there is nothing to reach or no rank.
 */
export function neededRank(
  rows: readonly MapRow[],
  arm: Omit<ArmOfTask, "rank">,
): number | undefined {
  const means = ranksOf(rows, arm), full = fullOf(rows, arm.task);
  const reference = Math.max(...means.map(({ right }) => right), full?.right ?? 0);
  if (means.length === 0 || reference < leastReference) return undefined;
  const enough = reference - enoughPoints - rounding;
  return means.find(({ right }) => right >= enough)?.rank ?? beyondRanks;
}

/** The needed rank by the loss. */
export function neededByLoss(
  rows: readonly MapRow[],
  arm: Omit<ArmOfTask, "rank">,
): number | undefined {
  const means = ranksOf(rows, arm), full = fullOf(rows, arm.task);
  if (means.length === 0) return undefined;
  const least = Math.min(...means.map(({ loss }) => loss), full?.loss ?? Infinity);
  return means.find(({ loss }) => loss <= least + enoughNats)?.rank ?? beyondRanks;
}

/** `8`, `> 64` where the largest rank is not enough, and `–` for none. */
export function rankText(rank: number | undefined, largest: number = mapRanks.at(-1)!): string {
  if (!rank) return "–";
  return rank === beyondRanks ? `> ${largest}` : `${rank}`;
}

/** The needed rank of a line in words; where none is enough, above the largest that was trained. */
export const neededText = (rows: readonly MapRow[], arm: Omit<ArmOfTask, "rank">): string =>
  rankText(neededRank(rows, arm), ranksOf(rows, arm).at(-1)?.rank);

/** The names of tasks at some distances, in the order of the rows. */
export const tasksAt = (
  rows: readonly MapRow[],
  keeps: (row: Pick<MapRow, "level" | "moved">) => boolean,
): string[] => [...new Set(rows.filter(keeps).map(({ task }) => task))];

/** Points of a task between two lines at some ranks: the first minus the second; undefined where one is missing. */
export function pointsBetween(
  rows: readonly MapRow[],
  one: ArmOfTask,
  other: ArmOfTask,
): { points: number; noise: number } | undefined {
  const [a, b] = [meanOf(rows, one), meanOf(rows, other)];
  if (!a || !b) return undefined;
  const noise = shareNoise(a.right, b.right, Math.min(a.texts, b.texts));
  return { points: a.right - b.right, noise };
}

/**
 * Two standard errors of the difference of two means of shares, in points: those of the seeds, whose texts are other draws
 * and whose shares have the noise of 600 answers in them; but at least those of all answers, as few shares may be alike
 * by chance. One right and one wrong answer are added to each side's, without which shares of 100% would have none (Agresti
 * and Caffo 2000).
 */
export function pointsNoise(
  one: readonly Pick<MapRow, "right" | "texts">[],
  other: readonly Pick<MapRow, "right" | "texts">[],
): number {
  const sides = [one, other], shares = sides.map((rows) => rows.map(({ right }) => right));
  const answers = Math.min(
    ...sides.map((rows) => rows.reduce((sum, { texts }) => sum + texts, 0)),
  );
  const [a, b] = shares.map((own) => (mean(own) * answers + 100) / (answers + 2));
  return Math.max(seedNoise(shares) || 0, shareNoise(a, b, answers + 2)); // One seed has no noise of seeds.
}

/** The points by which a rule is broken, beside the noise of the two means that it reads. */
export const marginOf = (
  beyond: number,
  { runs: one }: ArmMean,
  { runs: other }: ArmMean,
): Margin => ({
  beyond,
  noise: pointsNoise(one, other),
  seeds: Math.min(one.length, other.length),
  freedom: one.length + other.length - 2,
});

/** An arm of full fine-tuning or LoRA on a task, in short. */
export const on = (task: string, line: Line, rank?: number): ArmOfTask => ({ task, line, rank });

/** Two known skills in a row, at the most. */
export const isNear = ({ level }: Pick<MapRow, "level">): boolean =>
  level !== undefined && level <= 2;

/** An unknown map, at the least. */
export const isFar = ({ level }: Pick<MapRow, "level">): boolean =>
  level !== undefined && level > 2;

/** `reverse: −0.2; …`. */
export const each = (tasks: readonly string[], text: (task: string) => string): string =>
  tasks.map((task) => `${task}: ${text(task)}`).join("; ");

/** `99.3%`. */
export const rightText = (
  rows: readonly MapRow[],
  task: string,
  line: MapRow["line"],
  rank?: number,
): string => {
  const found = meanOf(rows, on(task, line, rank));
  return found ? `${found.right.toFixed(1)}%` : "not trained";
};
