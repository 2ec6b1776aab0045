/**
 * Changes of the weights of q and v in training: the size of ΔW, and its first directions.
 *
 * @module
 */

import { selectSites, type Site } from "../../src/adapt/mod.ts";
import {
  energyRank,
  type LowRankFactors,
  matrixFactors,
  updateSvd,
} from "../../src/analysis/mod.ts";
import type { HostTensor } from "../../src/core/tensor.ts";
import { indicesOf } from "../../src/core/update.ts";
import { largeFrobeniusNorm } from "../../src/linalg/mod.ts";
import { gather } from "../../src/formats/peft/comparable.ts";
import type { TextModel } from "../../src/models/mod.ts";

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

/** The weights of q and v before training, by module. */
export type WeightsBefore = ReadonlyMap<string, HostTensor>;

const sitesOf = (model: TextModel): Site[] => selectSites(model, { sites: ["q", "v"] });

/** Reads the weights of q and v. */
export async function readWeights(model: TextModel): Promise<WeightsBefore> {
  const weights = new Map<string, HostTensor>();
  for (const { name, linear, rows } of sitesOf(model)) {
    const dense = linear.weight.dense(), [whole] = await model.device.read(dense);
    dense[Symbol.dispose]();
    weights.set(name, gather(whole, indicesOf(rows)));
  }
  return weights;
}

/** The updates of q and v, of LoRA or of the weights themselves; none of a module that is as it was. */
export async function readUpdates(
  model: TextModel,
  before: WeightsBefore,
): Promise<UpdateReading[]> {
  const after = await readWeights(model), readings: UpdateReading[] = [];
  for (const site of sitesOf(model)) {
    const weight = before.get(site.name)!, lowRank = await factorsOf(model, site);
    const factors = lowRank ?? matrixFactors(changeOf(weight, after.get(site.name)!));
    const { left, values, right } = updateSvd(factors), size = normOf(values);
    if (size === 0) continue;
    readings.push({
      module: site.name,
      size: size / normOf(weight.data),
      directions: energyRank(values, 0.9),
      ...lowRank && { ofA: firstRow(updateSvd(matrixFactors(lowRank.A)).right.data, weight) },
      input: firstRow(right.data, weight),
      output: rounded(left.data.subarray(0, left.columns)),
    });
  }
  return readings;
}

/** A and B of a site, where it has LoRA. */
async function factorsOf(
  { device }: TextModel,
  { linear, rows }: Site,
): Promise<LowRankFactors | undefined> {
  const [start] = indicesOf(rows);
  const own = linear.adaptations.map(({ lowRank }) => lowRank)
    .find((lowRank) => lowRank && indicesOf(lowRank.rows)[0] === start);
  if (!own) return undefined;
  const [A, B] = await device.read(own.A.tensor, own.B.tensor);
  return { A, B, scaling: own.scaling };
}

const changeOf = ({ shape, data }: HostTensor, after: HostTensor): HostTensor => ({
  shape,
  data: Float32Array.from(data, (value, at) => after.data[at] - value),
});

const normOf = (values: ArrayLike<number>): number =>
  largeFrobeniusNorm({ rows: 1, columns: values.length, data: Float64Array.from(values) });

const firstRow = (data: Float64Array, { shape: [, width] }: HostTensor) =>
  rounded(data.subarray(0, width));

/** Digits of a direction that a similarity needs. */
const rounded = (values: Float64Array): number[] =>
  Array.from(values, (value) => Number(value.toFixed(5)));
