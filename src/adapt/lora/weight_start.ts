/** Adapters that begin at a part of the weights, which is taken out of what is frozen. @module */

import { indicesOf } from "../../core/row_range.ts";
import { gather } from "../../formats/join_updates.ts";
import { type DenseMatrix, transposed } from "../../linalg/mod.ts";
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
 * The tensors of such an adapter without their values, which come from the weights: for the dry device, which
 * holds none.
 */
export function allocateAtWeights(
  model: Model,
  action: string,
  options: WeightStartOptions,
): LoraAdapter {
  const plans = plansOf(model, action, options).map((plan) => ({ ...plan, isStart: true }));
  return new LoraAdapter(model, plans, injectedParts(model, plans, options));
}

/** Plans of LoRA on linear layers, whose values are to come. */
function plansOf(model: Model, action: string, options: WeightStartOptions): LoraPlan[] {
  assertModel(action, model);
  assertOptions(action, options, names);
  const plans = planLora(model, action, options);
  const embedding = plans.find(({ site: { linear } }) => linear instanceof Embedding);
  if (embedding === undefined) return plans;
  throw new RangeError(`${action} needs linear layers, found the embedding ${embedding.site.name}`);
}

async function startedPlan(plan: LoraPlan, start: WeightStart): Promise<LoraPlan> {
  const { site: { linear, rows } } = plan;
  using own = linear.weight.dense();
  const [{ shape, data }] = await own.device.read(own);
  const part = gather({ shape, data }, indicesOf(rows));
  const [count, columns] = part.shape;
  const weight = { rows: count, columns, data: Float64Array.from(part.data) };
  const { A, turnedB } = start(weight, plan), B = transposed(turnedB);
  return { ...plan, A: Float32Array.from(A.data), B: Float32Array.from(B.data), isStart: true };
}
