/** Rows of the trainings: the new task, the base's own texts, and both with intruders scaled. @module */

import { mean } from "../../../src/core/numbers.ts";
import { pooledVariance, seedNoise } from "../../differences.ts";
import type { ExperimentContext, MadeRun } from "../../frame/mod.ts";
import type { ScaledPart, Scaling } from "../../intruders.ts";
import { type Arm, armName } from "../needed_rank/runs.ts";
import { openSkillsBase } from "../runs.ts";
import { type ForgettingRun, type Kept, measureOwn, scaledSteps } from "./runs.ts";

/** A model on the new task and on the base's own texts. */
export interface Both {
  /** Right answers to the new task, in percent. */
  readonly right: number;
  /** Loss on the base's own texts, in nats per character of the answers. */
  readonly own: number;
  /** Right answers to them, in percent. */
  readonly ownRight: number;
}

/** A model whose ΔW has a part scaled. */
export interface ScaledBoth extends Both, Scaling {}

/** One training. */
export interface ForgettingRow extends Both {
  /** The task's name. */
  readonly task: string;
  /** `LoRA on all linear layers, r = 4`. */
  readonly arm: string;
  /** LoRA's rank; absent for full fine-tuning. */
  readonly rank?: number;
  /** Steps. */
  readonly steps: number;
  /** The share of the map's rate that was taken. */
  readonly share: number;
  /** The repeat. */
  readonly seed: number;
  /** Rate at its highest. */
  readonly learningRate: number;
  /** Trained values. */
  readonly trained: number;
  /** ‖ΔW‖ / ‖W‖ over the linear layers of the blocks. */
  readonly size: number;
  /** Intruders of 120 directions, where they were counted. */
  readonly intruders?: number;
  /** Their share of ‖ΔW‖². */
  readonly held?: number;
  /** The model with its intruders, or the control, scaled. */
  readonly scaled?: readonly ScaledBoth[];
}

/** All rows, with the base's own. */
export interface ForgettingRows {
  /** The base on its own texts. */
  readonly base: Pick<Both, "own" | "ownRight">;
  /** The trainings. */
  readonly runs: readonly ForgettingRow[];
}

/** Rows of trainings; the base is measured. */
export async function forgettingRows(
  made: readonly MadeRun<ForgettingRun>[],
  { device }: Pick<ExperimentContext, "device">,
): Promise<ForgettingRows> {
  using base = await openSkillsBase(device, "trained", 0);
  const { own, ownExact } = await measureOwn(base);
  return { base: { own, ownRight: 100 * ownExact }, runs: made.map(rowOf) };
}

type Metrics = Kept & Pick<ForgettingRow, "trained" | "size" | "intruders" | "held"> & {
  readonly exact: number;
  readonly scaled?: readonly (Kept & Scaling & { readonly exact: number })[];
};

function rowOf({ chosen, metrics }: MadeRun<ForgettingRun>): ForgettingRow {
  const { task, arm, steps, share, repeat, learningRate } = chosen;
  const measured = metrics as unknown as Metrics, { trained, size, intruders, held } = measured;
  const scaled = measured.scaled?.map((one) => ({
    ...{ part: one.part, share: one.share },
    ...bothOf(one),
  }));
  return {
    ...{ task: task.name, arm: armName(arm), ...arm.rank && { rank: arm.rank } },
    ...{ steps, share, seed: repeat, learningRate, trained, ...bothOf(measured), size },
    ...scaled && { intruders, held, scaled },
  };
}

const bothOf = (
  { exact, own, ownExact }: Kept & { readonly exact: number },
): Both => ({ right: 100 * exact, own, ownRight: 100 * ownExact });

// Reading.

/** The trainings of an arm on a task with the same steps and rate. */
export interface CellOf {
  /** The task's name. */
  readonly task: string;
  /** Steps. Default 300. */
  readonly steps?: number;
  /** Share of the rate. Default 1. */
  readonly share?: number;
}

/** The seeds of a cell. */
export const seedsOf = (
  { runs }: ForgettingRows,
  arm: Arm,
  { task, steps = scaledSteps, share = 1 }: CellOf,
): ForgettingRow[] => {
  const name = armName(arm);
  return runs.filter((row) =>
    row.arm === name && row.task === task && row.steps === steps && row.share === share
  );
};

/** The base's own texts: the loss of every seed. */
export const ownOf = (runs: readonly Both[]): number[] => runs.map(({ own }) => own);

/** Losses of one mean and of another, by task. */
export interface Compared {
  /** Of the one. */
  readonly one: readonly number[];
  /** Of the other. */
  readonly other: readonly number[];
}

/** The mean difference over tasks, the other's less the one's, and two standard errors of it. */
export function difference(tasks: readonly Compared[]): { by: number; noise: number } {
  const by = mean(tasks.map(({ one, other }) => mean(other) - mean(one)));
  const groups = tasks.flatMap(({ one, other }) => [one, other]);
  return { by, noise: seedNoise(groups) / Math.sqrt(tasks.length) };
}

/** The mean of differences within runs, and two standard errors of it: a group for each arm and task. */
export function changeWithin(groups: readonly (readonly number[])[]) {
  const count = groups.reduce((sum, { length }) => sum + length, 0);
  return { by: mean(groups.flat()), noise: 2 * Math.sqrt(pooledVariance(groups) / count) };
}

/** A run's model with a part scaled. */
export const scaledOf = (row: ForgettingRow, part: ScaledPart, share: number): ScaledBoth =>
  row.scaled!.find((one) => one.part === part && one.share === share)!;
