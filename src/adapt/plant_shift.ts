/** A low-rank shift planted in some sites of a model: a task whose answer is known. @module */

import { Random } from "../core/random.ts";
import { indicesOf } from "../core/update.ts";
import type { Tensor } from "../device/device.ts";
import { gather } from "../formats/peft/comparable.ts";
import {
  type DenseMatrix,
  frobeniusNorm,
  multiply,
  orthonormalRows,
  transposed,
} from "../linalg/mod.ts";
import type { Model } from "../models/mod.ts";
import { Embedding } from "../nn/embedding.ts";
import { selectSites, type Site } from "./sites.ts";

/** Options of the planted update. */
export interface PlantedShift {
  /** Roles or names of the sites. */
  readonly sites: readonly string[];
  /** Rank of each site's D. */
  readonly rank: number;
  /** Singular values are ratio^i. */
  readonly ratio: number;
  /** ‖D‖ as a share of ‖W‖, site by site. */
  readonly share: number;
  /** Seed of the directions. */
  readonly seed: number;
}

/**
 * W ← W + D at each site, with D = Σ σᵢ uᵢ vᵢᵀ of random orthonormal u and v: the model's own weights change.
 *
 * @returns D by the site's name, (out, in).
 * @throws {RangeError} when no site matches, in which case the message lists those that exist, or one is an
 * embedding, or a weight is not stored in F32.
 */
export async function plantShift(
  model: Model,
  planted: PlantedShift,
): Promise<Map<string, DenseMatrix>> {
  const shifts = new Map<string, DenseMatrix>();
  for (const site of selectSites(model, { sites: planted.sites })) {
    shifts.set(site.name, await shiftSite(site, planted));
  }
  return shifts;
}

async function shiftSite(site: Site, planted: PlantedShift): Promise<DenseMatrix> {
  const tensor = weightOf(site), [{ shape, data }] = await tensor.device.read(tensor);
  const places = indicesOf(site.rows), width = shape[1];
  const own = Float64Array.from(gather({ shape, data }, places).data);
  const shift = drawShift({ rows: places.length, columns: width, data: own }, site.index, planted);
  places.forEach((row, i) => {
    for (let j = 0; j < width; j++) data[row * width + j] += shift.data[i * width + j];
  });
  tensor.device.write(tensor, data);
  return shift;
}

/** The weight of a site, which has to be in F32. */
function weightOf({ name, linear }: Site): Tensor {
  if (linear instanceof Embedding) {
    throw new RangeError(`planting a shift needs linear layers, found the embedding ${name}`);
  }
  const { parameter } = linear.weight;
  if (parameter) return parameter.tensor;
  throw new RangeError(`planting a shift needs weights in F32, found another storage in ${name}`);
}

/** D for one W: its directions are those of the seed and of the site's place. */
function drawShift(
  weight: DenseMatrix,
  index: number,
  { share, seed, rank, ratio }: PlantedShift,
): DenseMatrix {
  const { rows, columns } = weight, random = new Random(seed).split(index);
  const values = Float64Array.from({ length: rank }, (_, i) => ratio ** i);
  const scale = share * frobeniusNorm(weight) / Math.hypot(...values);
  const left = orthonormalRows(rank, rows, random.split(1));
  const right = orthonormalRows(rank, columns, random.split(2));
  const scaled = right.data.map((v, at) => scale * values[Math.floor(at / columns)] * v);
  return multiply(transposed(left), { ...right, data: scaled });
}
