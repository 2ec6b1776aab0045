/** Weights and updates of their size: trained ones, and random ones. @module */

import { join } from "node:path";
import type { LowRankUpdate } from "../../../src/adapt/mod.ts";
import { architectureOf } from "../../../src/architectures/mod.ts";
import type { HostTensor } from "../../../src/core/tensor.ts";
import { deltaWeight, type LowRankFactors } from "../../../src/core/update.ts";
import { Random } from "../../../src/core/random.ts";
import { readAdapter } from "../../../src/formats/mod.ts";
import { type BaseWeights, openBaseWeights } from "../../../src/inspect/mod.ts";
import { normalValues } from "../../../src/linalg/gaussian.ts";
import { denseOf, frobeniusNorm, gaussian } from "../../../src/linalg/mod.ts";
import { baseConfig, baseFolder } from "../../base_model.ts";
import type { PlanContext } from "../../frame/mod.ts";
import { shippedFolder } from "../../rank_study/adapters.ts";
import { nameOf, subspaceSeeds } from "../../rank_study/runs.ts";

/** Origins of weights and updates. */
export const kindsOfWeights = ["trained", "base", "normal"] as const;

/** One of {@link kindsOfWeights}. */
export type KindOfWeights = typeof kindsOfWeights[number];

/** A weight with an update. */
export interface UpdatedWeight {
  /** Its origin. */
  readonly kind: KindOfWeights;
  /** W. */
  readonly weight: HostTensor;
  /** ΔW, as large as W. */
  readonly update: HostTensor;
  /** Another update, as large: what chance gives. */
  readonly unrelated: HostTensor;
  /** ‖ΔW‖ / ‖W‖ as it was trained; undefined for a random one. */
  readonly trainedSize?: number;
}

/** Rank of all updates. */
export const rank = 8;

/** Rows and columns of the normal matrix; smaller in a quick run. */
const width = 512, quickWidth = 256;

/** All weights of a job: of a quick one, those that are read fast. */
export async function updatedWeights(context: PlanContext): Promise<UpdatedWeight[]> {
  const { seeds, full, quick } = context;
  using weights = await openBaseWeights(baseFolder);
  const trained = await trainedUpdates(weights, full ? subspaceSeeds : subspaceSeeds.slice(0, 1));
  const random = quick ? [] : await Promise.all(seeds.map((seed) => randomUpdates(weights, seed)));
  const normal = seeds.map((seed) => normalWeight(quick ? quickWidth : width, new Random(seed)));
  return [...trained, ...random.flat(), ...normal];
}

/** q and v of every layer, with the updates that were trained. */
async function trainedUpdates(
  weights: BaseWeights,
  seeds: readonly number[],
): Promise<UpdatedWeight[]> {
  const found: UpdatedWeight[] = [];
  for (const seed of seeds) {
    const folder = join(shippedFolder, nameOf({ sites: ["q", "v"], rank, seed }));
    for (const update of (await readAdapter(folder)).updates) {
      const weight = await weights.weightOf(update), random = new Random(seed).split(found.length);
      const trainedSize = norm(deltaWeight(update)) / norm(weight);
      found.push({ ...updated("trained", weight, update, random), trainedSize });
    }
  }
  return found;
}

/** The linear layers of the first block, with random updates. */
async function randomUpdates(weights: BaseWeights, seed: number): Promise<UpdatedWeight[]> {
  const { linears } = architectureOf(await baseConfig()), random = new Random(seed);
  const first = linears.filter(({ name, kind }) => kind === "linear" && name.includes(".h.0."));
  return await Promise.all(first.map(async ({ name, outputs, inputs }, i) => {
    const own = random.split(i);
    const update: LowRankUpdate = { module: name, ...randomFactors([outputs, inputs], own) };
    return updated("base", await weights.weightOf(update), update, own);
  }));
}

function normalWeight(width: number, random: Random): UpdatedWeight {
  const weight = { shape: [width, width], data: normalValues(width * width, 1, random) };
  return updated("normal", weight, randomFactors(weight.shape, random), random);
}

function updated(
  kind: KindOfWeights,
  weight: HostTensor,
  factors: LowRankFactors,
  random: Random,
): UpdatedWeight {
  const [update, unrelated] = [factors, randomFactors(weight.shape, random)]
    .map((one) => asLargeAs(weight, deltaWeight(one)));
  return { kind, weight, update, unrelated };
}

/** A and B of independent normal values. */
function randomFactors([rows, columns]: readonly number[], random: Random): LowRankFactors {
  const A = { shape: [rank, columns], data: gaussian(rank, columns, random).data };
  const B = { shape: [rows, rank], data: gaussian(rows, rank, random).data };
  return { A, B, scaling: 1 };
}

const asLargeAs = (weight: HostTensor, tensor: HostTensor): HostTensor =>
  scaled(tensor, norm(weight) / norm(tensor));

/** A tensor times a factor, in F32. */
export function scaled({ shape, data }: HostTensor, factor: number): HostTensor {
  const product = new Float32Array(data.length);
  for (let i = 0; i < product.length; i++) product[i] = factor * data[i];
  return { shape, data: product };
}

/** ‖W‖, Frobenius. */
export const norm = (tensor: HostTensor): number => frobeniusNorm(denseOf(tensor));
