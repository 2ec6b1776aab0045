/** Adapters of A and B alone from those of DoRA, or with biases of B. @module */

import {
  matrixFactors,
  rankForError,
  truncateUpdate,
  updateSingularValues,
} from "../../analysis/mod.ts";
import { boundsOf } from "../../core/numbers.ts";
import { formatShape, type HostTensor, sameShape } from "../../core/tensor.ts";
import { deltaWeight, type LowRankUpdate } from "../../core/update.ts";
import type { AdapterRecord, TrainedUpdate } from "../../formats/mod.ts";
import type { BaseFile } from "../../models/base_file.ts";
import { changedBias, doraDelta } from "../merge/change.ts";

/** What {@link plainRecord} needs. */
export interface PlainOptions {
  /** The base model, on whose weights DoRA and biases depend. */
  readonly base?: BaseFile;
  /** The relative error that is allowed for an update of DoRA, below 1. Default: that of rounding. */
  readonly error?: number;
}

/** What became of an update of DoRA. */
export interface FoldedDora {
  /** Path of the layer. */
  readonly module: string;
  /** The rank that it needs. */
  readonly rank: number;
  /** ‖ΔW − s B A‖ / ‖ΔW‖ of the factors as they are written. */
  readonly residual: number;
  /** The same at the rank of the adapter. */
  readonly atOwnRank: number;
}

/** A record without magnitudes and biases of B, and what became of the updates of DoRA. */
export interface PlainRecord {
  readonly record: AdapterRecord;
  readonly folded: readonly FoldedDora[];
}

/** What rounding ΔW and its factors to F32 leaves. */
const rounding = 1e-6;

/**
 * Folds magnitudes and biases of B into what a loader of A and B understands. A bias of B becomes part of the
 * base's bias, b + s · bias, which the file then holds (`bias: "lora_only"`). DoRA's
 * ΔW = m · V / ‖V‖ − W is of full rank in general: its best approximation of the least rank that is within
 * `error` is written (Eckart and Young 1936).
 *
 * Memory: one weight and its singular vectors in float64.
 *
 * @throws {RangeError} when that needs more than the adapter's rank and no error is allowed, a layer has no
 * bias, or the base is needed and not given.
 */
export async function plainRecord(
  record: AdapterRecord,
  { base, error }: PlainOptions,
): Promise<PlainRecord> {
  const updates: TrainedUpdate[] = [], folded: FoldedDora[] = [];
  const biases = new Map(record.biases);
  for (const update of record.updates) {
    const { bias, magnitude, ...plain } = update;
    const delta = magnitude && inFloats(await doraDelta(update, needed(base, "DoRA", update)));
    if (bias) {
      const name = `${update.module}.bias`;
      const own = biases.get(name) ?? await biasOf(update, needed(base, "a bias of B", update));
      biases.set(name, changedBias(own, bias, update.scaling));
    }
    if (!delta) updates.push(plain);
    else folded.push(approximate(plain, delta, error, updates));
  }
  assertAllowed(folded, error);
  const biasMode = biases.size > 0 && (record.biasMode ?? "none") === "none"
    ? "lora_only"
    : record.biasMode;
  return { record: { ...record, updates, biases, biasMode }, folded };
}

function needed(base: BaseFile | undefined, what: string, { module }: LowRankUpdate): BaseFile {
  if (base) return base;
  throw new RangeError(
    `--plain needs the base's weights to fold ${what}, found it on "${module}": give --base`,
  );
}

const inFloats = ({ shape, data }: HostTensor): HostTensor => ({
  ...{ shape, data: Float32Array.from(data) },
});

async function biasOf({ module, bias }: TrainedUpdate, base: BaseFile) {
  const [key] = base.find(`${module}.bias`);
  const own = key === undefined ? undefined : await base.file.read(key);
  if (own && sameShape(own.shape, bias!.shape)) return own;
  const size = Math.hypot(...bias!.data).toPrecision(3);
  throw new RangeError(
    `--plain needs a bias of the layer to fold a bias of B (of norm ${size}) into, found ${
      own ? formatShape(own.shape) : "none"
    } of "${module}" in ${base.folder}: a loader of A and B cannot hold it`,
  );
}

/** Adds the approximation of a change to `updates`, and measures it. */
function approximate(
  plain: LowRankUpdate,
  delta: HostTensor,
  error: number | undefined,
  updates: TrainedUpdate[],
): FoldedDora {
  const factors = matrixFactors(delta, plain.module), { module, A: { shape: [own] } } = plain;
  const values = updateSingularValues(factors);
  const rank = Math.max(1, rankForError(values, error ?? rounding));
  const { A, B, scaling } = truncateUpdate(factors, rank);
  updates.push({ module, A, B, scaling });
  const { data } = deltaWeight({ A, B, scaling });
  const rest = data.map((value, i) => value - delta.data[i]);
  const atOwnRank = truncateUpdate(factors, own).error.relative;
  return { module, rank, residual: ratio(rest, delta.data), atOwnRank };
}

const ratio = (part: ArrayLike<number>, whole: ArrayLike<number>): number =>
  Math.sqrt(squaresOf(part) / (squaresOf(whole) || 1));

function squaresOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] ** 2;
  return sum;
}

/** Without an error that is allowed, DoRA must be what LoRA of the same rank can be. */
function assertAllowed(folded: readonly FoldedDora[], error: number | undefined): void {
  if (error !== undefined || folded.length === 0) return;
  const worst = folded.reduce((a, b) => b.atOwnRank > a.atOwnRank ? b : a);
  if (worst.atOwnRank <= rounding) return;
  throw new RangeError(
    `--plain needs an --error for DoRA, whose dW is of full rank in general, found rank ${worst.rank} of ` +
      `"${worst.module}", and an error of ${
        worst.atOwnRank.toPrecision(3)
      } at the adapter's own rank: ` +
      "merge it, or allow an error",
  );
}

/** How many times as large zeros may make an adapter. */
const mostGrowth = 64;

/**
 * The same updates with a scaling of 1 and one rank for all modules: α = r, whichever of `use_rslora`,
 * `rank_pattern`, `alpha_pattern` and α itself a reader passes over. B is multiplied by the scaling, and the
 * last update of a module with a lower rank gets zeros.
 *
 * @throws {RangeError} when these would be nearly all of the adapter.
 */
export function bakeUpdates(updates: readonly TrainedUpdate[]): TrainedUpdate[] {
  const modules = Map.groupBy(updates, ({ module }) => module);
  const most = boundsOf(Array.from(modules.values(), rankOf))[1];
  assertGrowth([...modules.values()], most);
  return [...modules.values()].flatMap((sites) => {
    const baked = sites.map(scaled), missing = most - rankOf(sites), last = baked.at(-1)!;
    return missing === 0 ? baked : [...baked.slice(0, -1), padded(last, missing)];
  });
}

const rankOf = (sites: readonly LowRankUpdate[]): number =>
  sites.reduce((sum, { A }) => sum + A.shape[0], 0);

function assertGrowth(modules: readonly (readonly LowRankUpdate[])[], most: number): void {
  const wide = ([{ A, B, outputs = B.shape[0] }]: readonly LowRankUpdate[]) => A.shape[1] + outputs;
  const sum = (sizes: readonly number[]) => sizes.reduce((total, size) => total + size, 0);
  const before = sum(modules.map((sites) => rankOf(sites) * wide(sites)));
  const after = most * sum(modules.map(wide));
  if (after <= mostGrowth * before) return;
  throw new RangeError(
    `--bake gives every module the largest rank, which must make the adapter at most ${mostGrowth} times as ` +
      `large, found ${Math.round(after / before)} times at rank ${most}`,
  );
}

function scaled(update: TrainedUpdate): TrainedUpdate {
  const { scaling, bias } = update, B = times(update.B, scaling);
  return { ...update, B, scaling: 1, ...bias && { bias: times(bias, scaling) } };
}

const times = ({ shape, data }: HostTensor, factor: number): HostTensor => ({
  ...{ shape, data: Float32Array.from(data, (value) => value * factor) },
});

/** With more rows of zeros in A, and as many columns in B. */
function padded<Update extends LowRankUpdate>(update: Update, missing: number): Update {
  const { A, B } = update, [rank, inner] = A.shape, [out] = B.shape, wide = rank + missing;
  const a = new Float32Array(wide * inner), b = new Float32Array(out * wide);
  a.set(A.data);
  for (let i = 0; i < out; i++) b.set(B.data.subarray(i * rank, (i + 1) * rank), i * wide);
  return { ...update, A: { shape: [wide, inner], data: a }, B: { shape: [out, wide], data: b } };
}
