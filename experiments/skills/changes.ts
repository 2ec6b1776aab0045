/** Changes that a run made in the weights of its base. @module */

import { selectSites, type Site } from "../../src/adapt/mod.ts";
import { addressOf } from "../../src/adapt/sites.ts";
import {
  energyRank,
  type LowRankFactors,
  matrixFactors,
  updateSvd,
} from "../../src/analysis/mod.ts";
import type { HostTensor } from "../../src/core/tensor.ts";
import { indicesOf, type LowRankUpdate } from "../../src/core/update.ts";
import { gather } from "../../src/formats/peft/comparable.ts";
import { largeFrobeniusNorm } from "../../src/linalg/mod.ts";
import type { TextModel } from "../../src/models/mod.ts";

/** Layers whose weights are read: the paper's two, or every linear layer of the blocks. */
export type ReadSites = readonly ["q", "v"] | "all";

/** Weights before training, by module. */
export type WeightsBefore = ReadonlyMap<string, HostTensor>;

const sitesOf = (model: TextModel, sites: ReadSites): Site[] => selectSites(model, { sites });

/** Reads the weights without what is adapted. */
export async function readWeights(
  model: TextModel,
  sites: ReadSites = ["q", "v"],
): Promise<WeightsBefore> {
  const weights = new Map<string, HostTensor>();
  for (const { name, linear, rows } of sitesOf(model, sites)) {
    const dense = linear.weight.dense(), [whole] = await model.device.read(dense);
    dense[Symbol.dispose]();
    weights.set(name, gather(whole, indicesOf(rows)));
  }
  return weights;
}

/** A weight before training, and its change. */
export interface WeightChange {
  /** `transformer.h.0.attn.c_attn:q`. */
  readonly name: string;
  /** The weight before. */
  readonly weight: HostTensor;
  /** Its change: LoRA's factors, or those of the difference. */
  readonly update: LowRankUpdate;
  /** True where LoRA made it. */
  readonly isLowRank: boolean;
}

/** Reads the changes of LoRA, or of the weights themselves. */
export async function readChanges(
  model: TextModel,
  before: WeightsBefore,
  sites: ReadSites = ["q", "v"],
): Promise<WeightChange[]> {
  const after = await readWeights(model, sites), changes: WeightChange[] = [];
  for (const site of sitesOf(model, sites)) {
    const { name, linear, rows } = site, weight = before.get(name)!;
    const lowRank = await factorsOf(model, site);
    const factors = lowRank ?? matrixFactors(differenceOf(weight, after.get(name)!));
    const update = { ...factors, ...addressOf(linear, rows) };
    changes.push({ name, weight, update, isLowRank: lowRank !== undefined });
  }
  return changes;
}

/** A and B of a site, where it has LoRA. */
async function factorsOf(
  { device }: TextModel,
  { linear, rows }: Site,
): Promise<LowRankFactors | undefined> {
  const own = indicesOf(rows);
  const found = linear.adaptations.map(({ lowRank }) =>
    lowRank && { lowRank, all: indicesOf(lowRank.rows) }
  )
    .find((one) => one?.all.includes(own[0]));
  if (!found) return undefined;
  const { lowRank, all } = found, [A, B] = await device.read(lowRank.A.tensor, lowRank.B.tensor);
  // An update of a whole layer has the rows of q, k and v.
  return { A, B: gather(B, own.map((row) => all.indexOf(row))), scaling: lowRank.scaling };
}

const differenceOf = ({ shape, data }: HostTensor, after: HostTensor): HostTensor => ({
  shape,
  data: Float32Array.from(data, (value, at) => after.data[at] - value),
});

/** The update of one module. */
export interface UpdateReading {
  /** `transformer.h.0.attn.c_attn:q`. */
  readonly module: string;
  /** ‖ΔW‖ / ‖W‖. */
  readonly size: number;
  /** Directions that hold 90% of ‖ΔW‖². */
  readonly directions: number;
  /** The first right-singular vector of A, as in the paper's Figure 3; absent where there is no A. */
  readonly ofA?: readonly number[];
  /** The first right-singular vector of ΔW, in its input. */
  readonly input: readonly number[];
  /** The first left-singular vector of ΔW, in its output. */
  readonly output: readonly number[];
}

/** The updates of q and v, of LoRA or of the weights themselves; none of a module that is as it was. */
export const readUpdates = async (
  model: TextModel,
  before: WeightsBefore,
): Promise<UpdateReading[]> => (await readChanges(model, before)).flatMap(readingOf);

function readingOf({ name, weight, update, isLowRank }: WeightChange): UpdateReading[] {
  const { left, values, right } = updateSvd(update), size = normOf(values);
  if (size === 0) return [];
  return [{
    module: name,
    size: size / normOf(weight.data),
    directions: energyRank(values, 0.9),
    ...isLowRank && { ofA: firstRow(updateSvd(matrixFactors(update.A)).right.data, weight) },
    input: firstRow(right.data, weight),
    output: rounded(left.data.subarray(0, left.columns)),
  }];
}

/** The norm of singular values, or of a matrix. */
export const normOf = (values: ArrayLike<number>): number =>
  largeFrobeniusNorm({ rows: 1, columns: values.length, data: Float64Array.from(values) });

const firstRow = (data: Float64Array, { shape: [, width] }: HostTensor) =>
  rounded(data.subarray(0, width));

/** Digits of a direction that a similarity needs. */
const rounded = (values: Float64Array): number[] =>
  Array.from(values, (value) => Number(value.toFixed(5)));
