/** Adapters that begin at singular directions of the weights' gradients. @module */

import { lossOfBatch } from "../../autograd/loss.ts";
import { crossEntropy } from "../../autograd/ops/losses.ts";
import type { Parameter } from "../../autograd/parameter.ts";
import { Tape } from "../../autograd/tape.ts";
import { type Batch, countTargets, type ModelInputs } from "../../core/batch.ts";
import { quote } from "../../core/errors.ts";
import type { HostTensor } from "../../core/tensor.ts";
import { indicesOf } from "../../core/update.ts";
import { gather } from "../../formats/peft/comparable.ts";
import { type DenseMatrix, denseOf, rowsOf, svd } from "../../linalg/mod.ts";
import type { Model } from "../../models/model.ts";
import { assertFree } from "../adapter.ts";
import { LoraAdapter } from "./adapter.ts";
import { injectedParts } from "./inject.ts";
import type { LoraPlan } from "./site.ts";
import {
  plansOf,
  scaledRows,
  type StartFactors,
  valuesOf,
  type WeightStartOptions,
} from "./starts.ts";

/** Settings of LoRA-GA: those of a start at the weights, and γ. */
export interface LoraGaOptions extends WeightStartOptions {
  /** γ, above 0: the larger, the smaller are A₀ and B₀. Default 16, as the authors' code and PEFT have it. */
  readonly gamma?: number;
}

/**
 * Like `injectLora`, but A and B begin at singular vectors of the gradient G = U Σ Vᵀ of each weight over some batches
 * (Wang et al. 2024, 2407.05000, algorithm 1): A₀ = c V[:, :r]ᵀ and B₀ = c U[:, r:2r] with c = ⁴√out / √γ, and what is
 * frozen is W − s B₀ A₀. Then the first step of SGD moves s B A along the best approximation of G of rank 2r.
 *
 * G is the mean over the batches of the gradient of each one's mean loss. It is of batches, which a specification of a
 * method does not have: a run passes this as its `adapt`. PEFT 0.21.2 (`init_lora_weights="lora_ga"`) begins elsewhere:
 * it also multiplies B₀ by the singular values of G, and A₀ by nothing, so that they depend on the size of the loss;
 * the authors' code does as is done here.
 *
 * Weights, saving and cost are those of `injectPissa`, and a forward and a backward pass for each batch.
 *
 * @throws {RangeError} when `injectPissa` would, γ is not above 0, there is no batch, a weight is not in F32, or a site
 * has fewer than 2r rows or columns.
 * @throws {TypeError} when an option does not exist, or both `sites` and `targetModules` are given.
 *
 * @example
 * ```ts
 * import { injectLoraGa } from "@lowrank/core/adapt";
 * import { initGpt2, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * const tokens = { shape: [1, 3], data: Uint32Array.of(1, 2, 3) };
 * const batches = [{ inputs: { tokens }, targets: { shape: [1, 3], data: Int32Array.of(2, 3, 4) } }];
 * using adapter = await injectLoraGa(model, batches, { rank: 2, sites: ["q", "v"] });
 * console.log((await adapter.read())[0].A.shape); // 4, 8: the converted rank is twice that of the training
 * ```
 */
export async function injectLoraGa<Inputs = ModelInputs>(
  model: Model<Inputs>,
  batches: readonly Batch<Inputs>[],
  { gamma = 16, ...options }: LoraGaOptions,
): Promise<LoraAdapter> {
  if (!(Number.isFinite(gamma) && gamma > 0)) {
    throw new RangeError(`gamma of LoRA-GA must be above 0, found ${quote(gamma)}`);
  }
  const asked = plansOf(model, "injectLoraGa", options), weights = asked.map(weightOf);
  const gradients = await meanGradients(model, batches, new Set(weights));
  const plans = asked.map((plan, at): LoraPlan => {
    const G = denseOf(gather(gradients.get(weights[at])!, indicesOf(plan.site.rows)));
    return { ...plan, ...valuesOf(gradientPart(G, plan, gamma)), isStart: true };
  });
  assertFree(model, options, "injectLoraGa"); // Another may have come while gradients were read.
  return new LoraAdapter(model, plans, injectedParts(model, plans, options));
}

function weightOf({ site: { name, linear: { weight } } }: LoraPlan): Parameter {
  if (weight.parameter) return weight.parameter;
  throw new RangeError(`LoRA-GA needs weights in F32, found ${weight.bits} bits on ${name}`);
}

/** The gradients of some weights, which alone are trained for that, as means over the batches in float64. */
async function meanGradients<Inputs>(
  model: Model<Inputs>,
  batches: readonly Batch<Inputs>[],
  weights: ReadonlySet<Parameter>,
): Promise<Map<Parameter, HostTensor>> {
  if (batches.length === 0) throw new RangeError("LoRA-GA needs batches, found none");
  using held = new DisposableStack();
  for (const one of model.parameters.values()) held.defer(one.hold(weights.has(one)));
  const sums = new Map([...weights].map((one) => [one, new Float64Array(one.size)]));
  for (const batch of batches) {
    using tape = new Tape(model.device);
    const divisor = countTargets(batch.targets);
    tape.backward(lossOfBatch(tape, model, batch, { loss: crossEntropy, divisor }));
    const found = await model.device.read(...[...weights].map((one) => tape.gradientOf(one)!));
    [...sums.values()].forEach((sum, at) =>
      found[at].data.forEach((value, i) => sum[i] += value / batches.length)
    );
  }
  return new Map([...sums].map(([one, data]) => [one, { shape: one.shape, data }]));
}

/** A₀ and B₀ of a gradient. */
function gradientPart(
  G: DenseMatrix,
  { rank, site: { name } }: LoraPlan,
  gamma: number,
): StartFactors {
  const least = Math.min(G.rows, G.columns);
  if (2 * rank > least) {
    throw new RangeError(
      `LoRA-GA needs twice the rank of directions, found ${least} of rank ${rank} on ${name}`,
    );
  }
  const { left, right } = svd(G), c = new Float64Array(rank).fill(G.rows ** 0.25 / gamma ** 0.5);
  return {
    A: scaledRows(rowsOf(right, 0, rank), c),
    turnedB: scaledRows(rowsOf(left, rank, rank), c),
  };
}
