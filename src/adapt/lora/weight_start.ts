/** Adapters that begin at a part of the weights, which is taken out of what is frozen. @module */

import { indicesOf } from "../../core/row_range.ts";
import { gather } from "../../formats/join_updates.ts";
import { type DenseMatrix, denseOf, rowsOf, type Svd, transposed } from "../../linalg/mod.ts";
import { assertOptions } from "../../core/options.ts";
import { assertModel, type Model } from "../../models/model.ts";
import { Embedding } from "../../nn/embedding.ts";
import { assertFree } from "../attach.ts";
import { LoraAdapter } from "./adapter.ts";
import { type LoraOptions, optionNames, planLora } from "./inject.ts";
import { injectedParts } from "./injected_parts.ts";
import type { LoraPlan } from "./plan.ts";

/** {@link LoraOptions} without those that a start at the weights decides. */
export type WeightStartOptions = Omit<LoraOptions, "init" | "seed" | "dora" | "loraBias">;

const { init: _, seed: _seed, dora: _dora, loraBias: _bias, ...names } = optionNames;

/** Factors of a part of a weight: A₀ (r, in), and B₀ᵀ (r, out). */
export interface StartFactors {
  /** A₀. */
  readonly A: DenseMatrix;
  /** B₀, turned. */
  readonly turnedB: DenseMatrix;
}

/** What the sites begin with, from the rows of their weights in float64. */
export type WeightStart = (weight: DenseMatrix, plan: LoraPlan) => StartFactors;

/** Injects an adapter whose A and B begin at factors of the weights, which keeps these beside them, subtracted. */
export async function injectAtWeights(
  model: Model,
  action: string,
  options: WeightStartOptions,
  start: WeightStart,
): Promise<LoraAdapter> {
  const plans: LoraPlan[] = [];
  for (const plan of plansOf(model, action, options)) plans.push(await startedPlan(plan, start));
  assertFree(model, options, action); // Another may have come while weights were read.
  return new LoraAdapter(model, plans, injectedParts(model, plans, options));
}

/**
 * The tensors of an adapter whose values come from the weights, without these: for the dry device, which holds none.
 *
 * @param isStart Whether what it begins at is kept and subtracted.
 */
export function allocateAtWeights(
  model: Model,
  action: string,
  options: WeightStartOptions,
  isStart: boolean,
): LoraAdapter {
  const plans = plansOf(model, action, options).map((plan) => ({ ...plan, isStart }));
  return new LoraAdapter(model, plans, injectedParts(model, plans, options));
}

/**
 * The best approximation of a matrix of rank r as s B₀ A₀ (Eckart and Young 1936): A₀ = √(Σ / s) Vᵀ and
 * B₀ = U √(Σ / s), of the first r singular values.
 */
export function leadingFactors(
  { left, values, right }: Svd,
  rank: number,
  scaling: number,
): StartFactors {
  const roots = values.map((value) => Math.sqrt(value / scaling));
  const [A, turnedB] = [right, left].map((part) => scaledRows(rowsOf(part, 0, rank), roots));
  return { A, turnedB };
}

function scaledRows({ rows, columns, data }: DenseMatrix, factors: Float64Array): DenseMatrix {
  const scaled = data.map((value, at) => value * factors[Math.floor(at / columns)]);
  return { rows, columns, data: scaled };
}

/** Throws for a site whose factors would need the root of a negative number, or would be infinite. */
export function assertPositive(what: string, scaling: number, site: string): void {
  if (scaling > 0) return;
  throw new RangeError(`${what} needs a positive scaling, found ${scaling} on ${site}`);
}

/** Plans of LoRA on linear layers, whose values are to come. */
export function plansOf(model: Model, action: string, options: WeightStartOptions): LoraPlan[] {
  assertModel(action, model);
  assertOptions(action, options, names);
  const plans = planLora(model, action, options);
  const embedding = plans.find(({ site: { linear } }) => linear instanceof Embedding);
  if (embedding === undefined) return plans;
  throw new RangeError(`${action} needs linear layers, found the embedding ${embedding.site.name}`);
}

async function startedPlan(plan: LoraPlan, start: WeightStart): Promise<LoraPlan> {
  return { ...plan, ...valuesOf(start(await weightAt(plan), plan)), isStart: true };
}

/** The rows of a site's weight in float64. */
export async function weightAt({ site: { linear, rows } }: LoraPlan): Promise<DenseMatrix> {
  using own = linear.weight.dense();
  const [values] = await own.device.read(own);
  return denseOf(gather(values, indicesOf(rows)));
}

/** The values of A and B. */
export const valuesOf = ({ A, turnedB }: StartFactors): Required<Pick<LoraPlan, "A" | "B">> => ({
  A: Float32Array.from(A.data),
  B: Float32Array.from(transposed(turnedB).data),
});
