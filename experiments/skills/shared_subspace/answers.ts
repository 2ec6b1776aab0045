/** Answers of adapters that are projected on what others share. @module */

import { injectLora, type LoraAdapter } from "../../../src/adapt/mod.ts";
import type { LowRankFactors } from "../../../src/analysis/mod.ts";
import type { TextModel } from "../../../src/models/mod.ts";
import { shareBase } from "../../../src/runs/mod.ts";
import { scoreTexts } from "../runs.ts";
import { heldByMean, projectionWeights } from "./held.ts";
import { type Starts, type Trained, unseenTexts } from "./runs.ts";
import type { Family } from "./tasks.ts";
import { normsOf, productsOf } from "./views.ts";

/** Right answers to a task, in percent. */
export interface AnswerRow {
  /** The repeat. */
  readonly seed: number;
  /** The starts of A. */
  readonly starts: Starts;
  /** The task. */
  readonly task: string;
  /** Its family. */
  readonly family: Family;
  /** Of the base. */
  readonly base: number;
  /** Of the adapter. */
  readonly whole: number;
  /** Of its projection on the mean of the others and their first 16 directions. */
  readonly projected: number;
  /** Of its projection on the direction of the others' mean. */
  readonly mean: number;
}

/** Directions beside the mean. */
export const keptDirections = 16;

/** Weights of all adapters in one layer, by the kind of projection. */
type Weights = readonly number[];

/** Answers of every adapter of a repeat and a start. */
export async function answerRows(
  base: TextModel,
  adapters: readonly Trained[],
): Promise<AnswerRow[]> {
  const sums = await openSums(base, adapters), rows: AnswerRow[] = [];
  using adapter = sums.adapter;
  const layers = adapters[0].updates.map((_, at) => adapters.map(({ updates }) => updates[at]));
  const products = layers.map((updates) => productsOf("ΔW", updates));
  const norms = layers.map(normsOf);
  for (const [item, { repeat: seed, starts, task, exact }] of adapters.entries()) {
    const others = [...adapters.keys()].filter((at) => at !== item), texts = unseenTexts(task);
    const score = async (weigh: (layer: number) => Weights) => {
      sums.use(layers.map((_, layer) => scaled(weigh(layer), norms[layer], item, others)));
      return 100 * (await scoreTexts(adapter.model as TextModel, texts)).exact;
    };
    rows.push({
      ...{ seed, starts, task: task.name, family: task.family },
      base: 100 * (await scoreTexts(base, texts)).exact,
      whole: 100 * exact,
      projected: await score((layer) =>
        projectionWeights(products[layer], item, others, { about: "mean", size: keptDirections })
      ),
      mean: await score((layer) => {
        const { weight } = heldByMean(products[layer], item, others);
        return others.map(() => weight / others.length);
      }),
    });
  }
  return rows;
}

/** Weights of unit updates as weights of the updates of all, for a vector of the item's norm. */
function scaled(
  weights: Weights,
  norms: readonly number[],
  item: number,
  others: readonly number[],
): number[] {
  const all = norms.map(() => 0);
  others.forEach((other, at) => all[other] = weights[at] * norms[item] / norms[other]);
  return all;
}

/** An adapter that is a sum of others: their A's one below another, B's side by side. */
export interface Sums {
  /** The adapter, on a model of its own. */
  readonly adapter: LoraAdapter;
  /** Takes weights of all adapters, for each layer. */
  use(weights: readonly Weights[]): void;
}

/** Opens a sum of adapters of one scaling. */
export function openSums(base: TextModel, adapters: readonly Trained[]): Sums {
  const [{ updates: [{ A, scaling }] }] = adapters, [own] = A.shape, rank = own * adapters.length;
  const adapter = injectLora(shareBase(base), {
    ...{ rank, alpha: rank * scaling, targetModules: "all-linear" },
  });
  const sites = adapter.sites.toSorted((one, other) => one.name < other.name ? -1 : 1);
  const layers = sites.map((_, at) => adapters.map(({ updates }) => updates[at]));
  sites.forEach(({ A: { tensor } }, at) => tensor.device.write(tensor, stackedA(layers[at])));
  return {
    adapter,
    use: (weights) =>
      sites.forEach(({ B: { tensor } }, at) =>
        tensor.device.write(tensor, besideB(layers[at], weights[at]))
      ),
  };
}

function stackedA(updates: readonly LowRankFactors[]): Float32Array {
  const { length } = updates[0].A.data, data = new Float32Array(length * updates.length);
  updates.forEach(({ A }, at) => data.set(A.data as Float32Array, at * length));
  return data;
}

function besideB(updates: readonly LowRankFactors[], weights: Weights): Float32Array {
  const [{ B: { shape: [rows, rank] } }] = updates, width = rank * updates.length;
  const data = new Float32Array(rows * width);
  updates.forEach(({ B }, at) => {
    for (let i = 0; i < rows * rank; i++) {
      const row = Math.floor(i / rank);
      data[row * width + at * rank + i % rank] = weights[at] * B.data[i];
    }
  });
  return data;
}
