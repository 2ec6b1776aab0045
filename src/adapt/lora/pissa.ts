/** PiSSA: updates that begin at the weight's leading directions. @module */

import { type DenseMatrix, svd } from "../../linalg/mod.ts";
import type { Model } from "../../models/model.ts";
import type { LoraAdapter } from "./adapter.ts";
import type { LoraPlan } from "./plan.ts";
import {
  assertPositive,
  injectAtWeights,
  leadingFactors,
  type StartFactors,
  type WeightStartOptions,
} from "./weight_start.ts";

/**
 * Like `injectLora`, but A and B begin at the r leading singular directions of the weight, and what is frozen
 * is the rest (Meng et al. 2024): W = (W − s B₀ A₀) + s B A with B₀ = U √(Σ / s) and A₀ = √(Σ / s) Vᵀ.
 *
 * The base model's weights stay as they are; A₀ and B₀ are kept beside them and subtracted, so removing the
 * adapter restores the base bit for bit. Reading and saving give the converted LoRA of rank 2r,
 * ΔW = s [B, −B₀] [A; A₀], which any loader puts on the original weights. Cost: a singular value
 * decomposition of every adapted weight on the host, and twice LoRA's memory without the optimizer's.
 *
 * @throws {RangeError} when `injectLora` would, a scaling is not positive, or an embedding is named.
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
export function injectPissa(model: Model, options: WeightStartOptions): Promise<LoraAdapter> {
  return injectAtWeights(model, "injectPissa", options, leadingPart);
}

function leadingPart(
  weight: DenseMatrix,
  { site: { name }, rank, scaling }: LoraPlan,
): StartFactors {
  assertPositive("PiSSA", scaling, name);
  return leadingFactors(svd(weight), rank, scaling);
}
