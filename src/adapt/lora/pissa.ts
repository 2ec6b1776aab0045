/** PiSSA: updates that begin at the weight's leading directions. @module */

import { indicesOf } from "../../core/row_range.ts";
import { type DenseMatrix, rowsOf, svd, transposed } from "../../linalg/mod.ts";
import { assertOptions } from "../../core/options.ts";
import { gather } from "../../formats/join_updates.ts";
import { assertModel, type Model } from "../../models/model.ts";
import { assertFree } from "../attach.ts";
import { LoraAdapter } from "./adapter.ts";
import { type LoraOptions, optionNames, planLora, trainedParts } from "./inject.ts";
import type { LoraPlan } from "./plan.ts";

/** {@link LoraOptions} without those that PiSSA decides. */
export type PissaOptions = Omit<LoraOptions, "init" | "seed" | "dora" | "loraBias">;

const { init: _, seed: _seed, dora: _dora, loraBias: _bias, ...pissaNames } = optionNames;

/**
 * Like `injectLora`, but A and B begin at the r leading singular directions of the weight, and what is frozen
 * is the rest (Meng et al. 2024): W = (W − s B₀ A₀) + s B A with B₀ = U √(Σ / s) and A₀ = √(Σ / s) Vᵀ.
 *
 * The base model's weights stay as they are; A₀ and B₀ are kept beside them and subtracted, so removing the
 * adapter restores the base bit for bit. Reading and saving give the converted LoRA of rank 2r,
 * ΔW = s [B, −B₀] [A; A₀], which any loader puts on the original weights. Cost: a singular value
 * decomposition of every adapted weight on the host, and twice LoRA's memory without the optimizer's.
 *
 * @throws {RangeError} when `injectLora` would, or a scaling is not positive.
 * @throws {TypeError} when an option does not exist, or both `sites` and `targetModules` are given.
 *
 * @example
 * ```ts
 * import { injectPissa } from "@lowrank/core/adapt";
 * import { initGpt2, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using adapter = await injectPissa(model, { rank: 2, sites: ["q", "v"] });
 * const [{ A }] = await adapter.read();
 * console.log(A.shape); // 4, 8: the converted rank is twice that of the training
 * ```
 */
export async function injectPissa(model: Model, options: PissaOptions): Promise<LoraAdapter> {
  assertModel("injectPissa", model);
  assertOptions("injectPissa", options, pissaNames);
  const plans: LoraPlan[] = [];
  for (const plan of planLora(model, "injectPissa", options)) plans.push(await startOf(plan));
  assertFree(model, options, "injectPissa"); // Another may have come while weights were read.
  return new LoraAdapter(model, plans, trainedParts(model, plans, options));
}

async function startOf(plan: LoraPlan): Promise<LoraPlan> {
  const { site: { name, linear, rows }, rank, scaling } = plan;
  if (!(scaling > 0)) {
    throw new RangeError(`PiSSA needs a positive scaling, found ${scaling} on ${name}`);
  }
  using own = linear.weight.dense();
  const [{ shape, data }] = await own.device.read(own);
  const part = gather({ shape, data }, indicesOf(rows));
  const { left, values, right } = svd({
    rows: part.shape[0],
    columns: shape[1],
    data: Float64Array.from(part.data),
  });
  const roots = values.map((value) => Math.sqrt(value / scaling));
  const A = scaledRows(rowsOf(right, 0, rank), roots);
  const B = transposed(scaledRows(rowsOf(left, 0, rank), roots));
  return { ...plan, A: Float32Array.from(A.data), B: Float32Array.from(B.data), isStart: true };
}

function scaledRows({ rows, columns, data }: DenseMatrix, factors: Float64Array): DenseMatrix {
  const scaled = data.map((value, at) => value * factors[Math.floor(at / columns)]);
  return { rows, columns, data: scaled };
}
