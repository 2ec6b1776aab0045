/** Intruder dimensions scaled down: what is left of the task's gain, and of what was forgotten. @module */

import { injectUpdates, type LowRankUpdate } from "../../src/adapt/mod.ts";
import type { Device } from "../../src/device/device.ts";
import { intruders, toTensor } from "../../src/analysis/mod.ts";
import { openBaseWeights } from "../../src/inspect/mod.ts";
import type { BaseWeights } from "../../src/inspect/second_moments.ts";
import { type DenseMatrix, multiply, rowsOf, svd, transposed } from "../../src/linalg/mod.ts";
import { openBase } from "../methods/e2e/runs.ts";
import { measureLosses } from "./runs.ts";
import type { RealTask } from "./task.ts";

/** What the intruders' part of ΔW is multiplied by. */
export const shares: readonly number[] = [0.75, 0.5, 0.25, 0];

/** Ranks of q and v whose intruders are scaled. */
export const scaledKeys: readonly string[] = ["qv-1", "qv-8"];

/** What an adapter gives with its intruders scaled. */
export interface ScaledRow {
  /** `qv-1`. */
  readonly key: string;
  /** Seed of its data. */
  readonly seed: number;
  /** What their part of ΔW was multiplied by. */
  readonly share: number;
  /** Held-out loss in nats per token. */
  readonly value: number;
  /** Loss on the base's own texts. */
  readonly own: number;
  /** Loss on a novel. */
  readonly novel: number;
}

const dense = ({ shape: [rows, columns], data }: LowRankUpdate["A"]): DenseMatrix => {
  return { rows, columns, data: Float64Array.from(data) };
};

/** The left singular vectors of W + ΔW that are intruders, one a row; undefined where there are none. */
function intruding(update: LowRankUpdate, weight: DenseMatrix): DenseMatrix | undefined {
  const { directions } = intruders(update, weight), threshold = 0.5;
  const places = directions.flatMap(({ cosine }, i) => cosine < threshold ? [i] : []);
  if (places.length === 0) return undefined;
  const delta = multiply(dense(update.B), dense(update.A));
  const data = weight.data.map((value, at) => value + update.scaling * delta.data[at]);
  const { left } = svd({ ...weight, data }), found = places.map((i) => rowsOf(left, i, 1));
  return {
    rows: found.length,
    columns: left.columns,
    data: Float64Array.from(found.flatMap((row) => [...row.data])),
  };
}

/** An update whose part along some directions of the outputs is multiplied by a share: (I − (1 − share) UᵀU) ΔW. */
export function scaledAlong(
  update: LowRankUpdate,
  directions: DenseMatrix,
  share: number,
): LowRankUpdate {
  const B = dense(update.B), along = multiply(directions, B);
  const part = multiply(transposed(directions), along);
  const data = B.data.map((value, at) => value - (1 - share) * part.data[at]);
  return { ...update, B: toTensor({ ...B, data }) };
}

/** Scales an adapter's intruders. */
async function scaledUpdates(
  updates: readonly LowRankUpdate[],
  weights: BaseWeights,
): Promise<(share: number) => LowRankUpdate[]> {
  const found = await Promise.all(
    updates.map(async (update) => intruding(update, dense(await weights.weightOf(update)))),
  );
  return (share) =>
    updates.map((update, i) => {
      const directions = found[i];
      return directions ? scaledAlong(update, directions, share) : update;
    });
}

/** What the base gives with some updates. */
async function lossesWith(
  updates: readonly LowRankUpdate[],
  task: RealTask,
  device: Device,
): Promise<Pick<ScaledRow, "value" | "own" | "novel">> {
  using model = await openBase(device, task.heldOut);
  using _ = injectUpdates(model, updates);
  const { loss, own, novel } = await measureLosses(model, task);
  return { value: loss as number, own: own as number, novel: novel as number };
}

/** An adapter with its intruders scaled by every share. */
export async function scaleAdapter(
  { key, seed }: Pick<ScaledRow, "key" | "seed">,
  updates: readonly LowRankUpdate[],
  task: RealTask,
  device: Device,
): Promise<ScaledRow[]> {
  using weights = await openBaseWeights(task.heldOut.base);
  const scaled = await scaledUpdates(updates, weights), rows: ScaledRow[] = [];
  for (const share of shares) {
    rows.push({ key, seed, share, ...await lossesWith(scaled(share), task, device) });
  }
  return rows;
}
