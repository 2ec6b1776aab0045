/** Intruder dimensions scaled down beside a control: what is left of the task's gain, and of what was forgotten. @module */

import { injectUpdates, type LowRankUpdate } from "../../src/adapt/mod.ts";
import { intruders, toTensor, updateDirections } from "../../src/analysis/mod.ts";
import { Random } from "../../src/core/random.ts";
import type { Device } from "../../src/device/device.ts";
import type { BaseWeights } from "../../src/inspect/second_moments.ts";
import { openBaseWeights } from "../../src/inspect/mod.ts";
import {
  type DenseMatrix,
  denseOf,
  multiply,
  orthonormalRows,
  rowsOf,
  scaledBy,
  squaredNorm,
  stackedRows,
  svd,
  transposed,
} from "../../src/linalg/mod.ts";
import { openBase } from "../methods/e2e/runs.ts";
import { methodOf } from "./plan.ts";
import { measureLosses } from "./runs.ts";
import type { RealTask } from "./task.ts";

/** The factors by which the intruders' part of ΔW is multiplied. */
export const shares: readonly number[] = [0.75, 0.5, 0.25, 0];

/** Ranks of q and v whose intruders are scaled. */
export const scaledKeys: readonly string[] = ["qv-1", "qv-8"];

/** The part of ΔW that is scaled: the intruders', or as much of ‖ΔW‖ along random directions of ΔW. */
export type ScaledPart = "intruders" | "control";

/** The losses of an adapter with a part of its ΔW scaled. */
export interface ScaledRow {
  /** `qv-1`. */
  readonly key: string;
  /** Seed of its data. */
  readonly seed: number;
  /** The part. */
  readonly part: ScaledPart;
  /** The factor by which it was multiplied. */
  readonly share: number;
  /** The part's share of ‖ΔW‖², summed over the modules: that of the control is the intruders'. */
  readonly held: number;
  /** Held-out loss in nats per token. */
  readonly value: number;
  /** Loss on the base's own texts. */
  readonly own: number;
  /** Loss on a novel. */
  readonly novel: number;
  /** Commit, device and date of the measurement. */
  readonly source?: string;
}

/** ΔW. */
const changeOf = ({ A, B, scaling }: LowRankUpdate): DenseMatrix =>
  scaledBy(multiply(denseOf(B), denseOf(A)), scaling);

/** The left singular vectors of W + ΔW that are intruders, one a row; undefined where there are none. */
function intruding(update: LowRankUpdate, weight: DenseMatrix): DenseMatrix | undefined {
  const threshold = 0.5, { directions } = intruders(update, weight, { threshold });
  const places = directions.flatMap(({ cosine }, i) => cosine < threshold ? [i] : []);
  if (places.length === 0) return undefined;
  const change = changeOf(update), data = weight.data.map((value, at) => value + change.data[at]);
  const { left } = svd({ ...weight, data });
  return stackedRows(places.map((i) => rowsOf(left, i, 1)));
}

/** ‖UΔW‖², what ΔW writes along some directions, one a row. */
const heldAlong = (directions: DenseMatrix, change: DenseMatrix): number =>
  squaredNorm(multiply(directions, change));

/**
 * Random orthogonal directions of ΔW's outputs, one a row, along which as much of ‖ΔW‖ is taken out as along some others.
 * The last of them is shorter than one, so that it is no more.
 */
export function asMuchAlong(
  update: LowRankUpdate,
  directions: DenseMatrix,
  random: Random,
): DenseMatrix {
  const change = changeOf(update), { left } = updateDirections(update);
  const drawn = multiply(orthonormalRows(left.rows, left.rows, random), left);
  const rows: DenseMatrix[] = [];
  let wanted = heldAlong(directions, change);
  for (let i = 0; i < drawn.rows && (i === 0 || wanted > 0); i++) {
    const row = rowsOf(drawn, i, 1), held = heldAlong(row, change);
    rows.push(scaledBy(row, Math.min(1, (wanted / held) ** 0.25))); // wuuᵀΔW has w²‖uᵀΔW‖².
    wanted -= held;
  }
  return stackedRows(rows);
}

/** An update whose part along some directions of the outputs is multiplied by a share: (I − (1 − share) UᵀU) ΔW. */
export function scaledAlong(
  update: LowRankUpdate,
  directions: DenseMatrix,
  share: number,
): LowRankUpdate {
  const B = denseOf(update.B), along = multiply(directions, B);
  const part = multiply(transposed(directions), along);
  const data = B.data.map((value, at) => value - (1 - share) * part.data[at]);
  return { ...update, B: toTensor({ ...B, data }) };
}

/** An update with the directions of its parts; none where it has no intruder. */
interface Divided {
  readonly update: LowRankUpdate;
  readonly parts?: Readonly<Record<ScaledPart, DenseMatrix>>;
}

/** An adapter's updates with their parts. */
const divided = (
  updates: readonly LowRankUpdate[],
  weights: BaseWeights,
  random: Random,
): Promise<Divided[]> =>
  Promise.all(updates.map(async (update, place): Promise<Divided> => {
    const found = intruding(update, denseOf(await weights.weightOf(update)));
    if (!found) return { update };
    const control = asMuchAlong(update, found, random.split(place));
    return { update, parts: { intruders: found, control } };
  }));

/** The share of ‖ΔW‖² that the intruders hold. */
function heldByIntruders(all: readonly Divided[]): number {
  let held = 0, whole = 0;
  for (const { update, parts } of all) {
    const change = changeOf(update);
    whole += squaredNorm(change);
    if (parts) held += heldAlong(parts.intruders, change);
  }
  return held / whole;
}

/** The base's losses with some updates. */
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

/** The scalings of an adapter: the control is only taken out whole, where the rule reads it. */
const scalings: readonly Pick<ScaledRow, "part" | "share">[] = [
  ...shares.map((share) => ({ part: "intruders", share } as const)),
  { part: "control", share: 0 },
];

/** An adapter with its intruders scaled by every share, and with the control taken out. */
export async function scaleAdapter(
  { key, seed }: Pick<ScaledRow, "key" | "seed">,
  updates: readonly LowRankUpdate[],
  task: RealTask,
  device: Device,
): Promise<ScaledRow[]> {
  using weights = await openBaseWeights(task.heldOut.base);
  const random = new Random(methodOf(key).starts + 50 + seed); // No run starts with it.
  const all = await divided(updates, weights, random);
  const held = heldByIntruders(all), rows: ScaledRow[] = [];
  for (const { part, share } of scalings) {
    const scaled = all.map(({ update, parts }) =>
      parts ? scaledAlong(update, parts[part], share) : update
    );
    rows.push({ key, seed, part, share, held, ...await lossesWith(scaled, task, device) });
  }
  return rows;
}
