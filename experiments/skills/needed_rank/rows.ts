/** The map's measurements of its runs. @module */

import { mean } from "../../../src/core/numbers.ts";
import type { Device } from "../../../src/device/device.ts";
import type { MadeRun } from "../../frame/mod.ts";
import { openSkillsBase, type SkillsBase } from "../base.ts";
import { reportedTexts, scoreTexts, skillSteps } from "../runs.ts";
import type { DownstreamTask, Level } from "../tasks.ts";
import type { UpdateReading } from "../updates.ts";
import type { Line } from "./arms.ts";
import type { MapRun } from "./runs.ts";

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
export type Pair = "8 and 64" | "64 and 64" | "two tasks";

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
