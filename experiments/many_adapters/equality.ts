/** Rows of a batch of many adapters, compared with passes of single ones. @module */

import { injectUpdates } from "../../src/adapt/mod.ts";
import type { HostData } from "../../src/core/tensor.ts";
import { countChangedBits, largestDifference, largestOf } from "../../src/core/numbers.ts";
import type { Device } from "../../src/device/device.ts";
import { type ModelInputs, outputsOf, type TextModel } from "../../src/models/mod.ts";
import { shareBase } from "../../src/runs/mod.ts";
import { loadBase } from "../base_model.ts";
import { batchRows, nameOf, openSet, randomAdapter, randomBatch, ruledRank } from "./variants.ts";

/** Differences of rows from those of single adapters. */
export interface RowDifferences {
  /** The device. */
  readonly device: string;
  /** Largest difference of a logit, of the largest logit. */
  readonly difference: number;
  /** Logits of rows with an adapter that have other bits. */
  readonly changed: number;
  /** Logits of rows of the base that have other bits. */
  readonly changedOfBase: number;
}

/** The rows that are compared by their adapters, the base's with none. */
const compared = { rows: [0, 1, 127], ofBase: [5, 77] } as const;

/** Runs the batch in which row i has adapter i, but for two rows of the base, and its rows one by one. */
export async function compareRows(
  device: Device,
  seed: number,
  length: number,
): Promise<RowDifferences> {
  using base = await loadBase(device);
  const inputs = randomBatch(base, length, seed);
  const mixed = await mixedOutputs(base, inputs, seed);
  const rowOf = (all: HostData, row: number) =>
    all.subarray(row * all.length / batchRows, (row + 1) * all.length / batchRows) as Float32Array;
  let [difference, changed, changedOfBase] = [0, 0, 0];
  for (const row of compared.rows) {
    const model = shareBase(base);
    using _ = injectUpdates(model, randomAdapter(base, ruledRank, seed, row));
    const pair = [mixed, (await outputsOf(model, inputs)).data].map((all) => rowOf(all, row));
    difference = Math.max(difference, largestDifference(pair[0], pair[1]) / largestOf(pair[1]));
    changed += countChangedBits(pair[0], pair[1]);
  }
  const plain = (await outputsOf(base, inputs)).data;
  for (const row of compared.ofBase) {
    changedOfBase += countChangedBits(rowOf(mixed, row), rowOf(plain, row));
  }
  return { device: device.description, difference, changed, changedOfBase };
}

async function mixedOutputs(base: TextModel, inputs: ModelInputs, seed: number): Promise<HostData> {
  const model = shareBase(base), { ofBase } = compared;
  using set = openSet(model, { adapters: batchRows, ranks: [ruledRank] }, seed);
  const isOfBase = (row: number) => ofBase.some((one) => one === row);
  set.use(Array.from({ length: batchRows }, (_, row) => isOfBase(row) ? undefined : nameOf(row)));
  return (await outputsOf(model, inputs)).data;
}
