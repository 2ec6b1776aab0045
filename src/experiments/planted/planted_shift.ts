/** Low-rank shifts planted in some sites of a model. @module */

import { Random } from "../../core/random.ts";
import { selectSites, type Site } from "../../adapt/mod.ts";
import { type DenseMatrix, frobeniusNorm, multiply, transposed } from "../../linalg/mod.ts";
import type { Model } from "../../models/mod.ts";
import { orthonormalRows } from "./random_matrices.ts";

/** What is planted. */
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
  readonly [field: string]: string | number | readonly string[];
}

/** Adds a shift to every site of a model, whose weights change, and returns the shifts by site name. */
export async function plantShift(
  model: Model,
  planted: PlantedShift,
): Promise<ReadonlyMap<string, DenseMatrix>> {
  const shifts = new Map<string, DenseMatrix>();
  for (const site of selectSites(model, { sites: planted.sites })) {
    shifts.set(site.name, await shiftSite(site, planted));
  }
  return shifts;
}

async function shiftSite(
  { linear: { weight }, rows, index }: Site,
  planted: PlantedShift,
): Promise<DenseMatrix> {
  const { tensor } = weight.parameter!;
  const [{ shape: [, width], data }] = await tensor.device.read(tensor);
  const own = data.subarray(rows.start * width, (rows.start + rows.count) * width);
  const norm = frobeniusNorm({ rows: rows.count, columns: width, data: Float64Array.from(own) });
  const random = new Random(planted.seed).split(index);
  const shift = randomShift(random, rows.count, width, planted, planted.share * norm);
  own.forEach((value, i) => own[i] = value + shift.data[i]);
  tensor.device.write(tensor, data);
  return shift;
}

function randomShift(
  random: Random,
  rows: number,
  columns: number,
  { rank, ratio }: PlantedShift,
  norm: number,
): DenseMatrix {
  const values = Float64Array.from({ length: rank }, (_, i) => ratio ** i);
  const left = orthonormalRows(random.split(1), rank, rows);
  const right = orthonormalRows(random.split(2), rank, columns);
  const scale = norm / Math.hypot(...values);
  const data = right.data.map((v, at) => scale * values[Math.floor(at / columns)] * v);
  return multiply(transposed(left), { ...right, data });
}
