/** Merging adapters into weights, as a value: a new model beside the base. @module */

import { scaleAdd } from "../../../kernels/elementwise/kernel.ts";
import { matrix, multiply } from "../../autograd/ops/product.ts";
import { formatShape, sameShape } from "../../core/shape.ts";
import { Arena } from "../../device/arena.ts";
import { piecesOf } from "../../device/spans.ts";
import type { Tensor } from "../../device/tensor.ts";
import type { Model } from "../../models/model.ts";
import type { Linear } from "../../nn/linear.ts";
import type { LoraAdapter, LoraModule } from "./adapter.ts";

/** A model with merged weights, which shares all others with its base. */
export type Merged<M extends Model> = M & {
  /** The model that it was made from; it must outlive this one. */
  readonly base: M;
};

/**
 * A new model with the weights W' = W + Σ scaling · B A in place of adapted ones (Hu et al. 2021,
 * section 4.1: no latency beyond the base model's). The base keeps its bits and its adapters.
 *
 * Only adapted weights are copied; the rest is shared with the base, so the merged model's parameters
 * are frozen and the base must outlive it. Adapters of the base that are not given are not in it.
 * Cost: 4 bytes for each value of the adapted weights while both live; `mergeReport` counts them.
 *
 * @param adapters Any adapters whose sites exist in the model, in force or removed.
 * @throws {RangeError} when the model has not got an adapter's layer in that shape.
 * @throws {DeviceError} when an adapter was disposed or lives elsewhere; nothing is left behind.
 *
 * @example
 * ```ts
 * import { initGpt2, injectLora, merge, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using adapter = injectLora(model, { rank: 2, sites: ["q", "v"], seed: 1 });
 * using merged = merge(model, adapter);
 * console.log(merged.linears[0].adapted.length); // 0
 * ```
 */
export function merge<M extends Model>(
  model: M,
  adapters: LoraAdapter | readonly LoraAdapter[],
): Merged<M> {
  const modules = modulesOf(adapters);
  const weights = new Set(modules.map((module) => layerFor(model, module).weight));
  const entries = [...weights].map(({ name, shape }) => ({ name, shape }));
  using unfinished = new DisposableStack();
  const arena = unfinished.use(new Arena(model.device, entries, "weight", "merged weights"));
  const tensors = [...model.parameters].map(([name, parameter]): [string, Tensor] => {
    if (!weights.has(parameter)) return [name, parameter.tensor];
    return [name, copy(parameter.tensor, arena.view(name))];
  });
  const merged = model.withTensors(new Map(tensors), arena) as M;
  for (const parameter of merged.parameters.values()) parameter.trainable = false;
  for (const module of modules) addUpdate(merged, module, 1);
  unfinished.move();
  return Object.assign(merged, { base: model });
}

/**
 * Frees a merged model's own weights and gives the base back, whose bits never changed.
 *
 * Subtracting ΔW instead, as PEFT does, leaves the rounding errors of both sums in the weights.
 *
 * @example
 * ```ts
 * import { initGpt2, injectLora, merge, openDevice, parseGpt2Config, unmerge } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using adapter = injectLora(model, { rank: 2, sites: ["q", "v"], seed: 1 });
 * console.log(unmerge(merge(model, adapter)) === model); // true
 * ```
 */
export function unmerge<M extends Model>(merged: Merged<M>): M {
  merged[Symbol.dispose]();
  return merged.base;
}

/**
 * Exchanges one task for another in place, W' − s₁ B₁ A₁ + s₂ B₂ A₂, as the paper's section 4.1
 * describes deployment: no other memory, and a rounding error of W' at each exchange, which a fresh
 * {@link merge} has not.
 *
 * @throws {RangeError} when an adapter changes a weight that the merged model shares with its base.
 *
 * @example
 * ```ts
 * import { initGpt2, injectLora, merge, openDevice, parseGpt2Config, swap } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using first = injectLora(model, { rank: 2, sites: ["q", "v"], seed: 1 });
 * using second = injectLora(model, { rank: 2, sites: ["q", "v"], seed: 2 });
 * using merged = merge(model, first);
 * swap(merged, first, second);
 * ```
 */
export function swap<M extends Model>(merged: Merged<M>, from: LoraAdapter, to: LoraAdapter): void {
  for (const module of modulesOf([from, to])) assertOwned(merged, module);
  for (const module of from.modules) addUpdate(merged, module, -1);
  for (const module of to.modules) addUpdate(merged, module, 1);
}

/** The sites of one adapter or of several. */
export function modulesOf(adapters: LoraAdapter | readonly LoraAdapter[]): LoraModule[] {
  return [adapters].flat().flatMap(({ modules }) => modules);
}

/** The model's own layer of an adapter's site. */
export function layerFor(model: Model, { module, linear }: LoraModule): Linear {
  const found = model.linears.find(({ name }) => name === module);
  const { shape } = linear.weight;
  if (found && sameShape(found.weight.shape, shape)) return found;
  const what = found ? `one of ${formatShape(found.weight.shape)}` : "none";
  throw new RangeError(`merging needs a layer ${module} of ${formatShape(shape)}, found ${what}`);
}

function assertOwned<M extends Model>(merged: Merged<M>, module: LoraModule): void {
  const [own, base] = [merged, merged.base].map((model) => layerFor(model, module).weight.tensor);
  if (own.storage !== base.storage) return;
  throw new RangeError(
    `swapping needs adapters of merged weights, found ${module.name}, which the base shares`,
  );
}

function copy(from: Tensor, to: Tensor): Tensor {
  for (const { start, size } of piecesOf(from)) {
    const [x, y] = [from, to].map((tensor) => tensor.view([size], start));
    const scalars = { size, xOffset: 0, yOffset: 0, alpha: 1, accumulate: 0 };
    from.device.launch(scaleAdd, { x, y }, scalars);
  }
  return to;
}

/** W[rows, :] += sign · scaling · B A, the model's own W. */
function addUpdate(model: Model, module: LoraModule, sign: 1 | -1): void {
  const { A, B, rows, rank, scaling } = module;
  const { tensor } = layerFor(model, module).weight, width = tensor.shape[1];
  const target = { ...matrix(tensor), offset: rows.start * width };
  multiply(matrix(B.tensor), matrix(A.tensor), target, {
    m: rows.count,
    n: width,
    k: rank,
    alpha: sign * scaling,
    accumulate: 1,
  });
}
