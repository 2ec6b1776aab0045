/** Merging adapters into the weights of a new model; the base model stays as it is. @module */

import { formatShape, sameShape, type Shape } from "../../core/tensor.ts";
import { Arena } from "../../device/arena.ts";
import type { Tensor } from "../../device/device.ts";
import { type AdapterValues, assertModel, type Model } from "../../models/model.ts";
import { type Adapter, assertAdapter, assertNotIn } from "../adapter.ts";
import { assertLowRank, type LoraAdapter } from "../lora/adapter.ts";
import type { LoraSite } from "../lora/site.ts";
import { sharesBase } from "../many/adapter_set.ts";
import { copyTensor } from "../trained_modules.ts";

/** A model with merged weights, which shares all others with its base. */
export type Merged<M extends Model> = M & {
  /** The model that it was made from; it must outlive this one. */
  readonly base: M;
};

/**
 * A new model with the weights W' = W + Σ scaling · B A in place of adapted ones (Hu et al. 2021,
 * section 4.1: no latency beyond the base model's). The base model keeps its weights, bit for bit, and
 * its adapters.
 *
 * Only changed tensors are copied; the rest is shared with the base, so the merged model's parameters
 * are frozen and the base must outlive it. Adapters on the base that are not passed are not merged.
 * Cost: 4 bytes per value of the changed tensors while both models exist; `mergeReport` counts them.
 *
 * @param adapters Any adapters whose sites exist in the model, in force or removed.
 * @throws {RangeError} when the model has no tensor of an adapter's name and shape, or contains the adapter
 * already, or the adapter's method does not change weights.
 * @throws {DeviceError} when an adapter was disposed or is on another device; nothing is left behind.
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
 * console.log(merged.linears[0].adaptations.length); // 0
 * ```
 */
export function merge<M extends Model>(
  model: M,
  adapters: Adapter | readonly Adapter[],
): Merged<M> {
  assertModel("merge", model);
  for (const adapter of [adapters].flat()) assertAdapter("merge", adapter);
  const all = mergedAfter(model, [adapters].flat());
  const changes = [adapters].flat().flatMap((adapter) => adapter.weightChanges());
  for (const { name, shape } of changes) assertTensor(model, name, shape);
  const entries = [...new Map(changes.map(({ name, shape }) => [name, { name, shape }])).values()];
  using unfinished = new DisposableStack();
  const arena = unfinished.use(new Arena(model.device, entries, "weight", "merged weights"));
  const copies = new Map(entries.map(({ name }) => [name, arena.view(name)]));
  for (const [name, copy] of copies) copyValues(model, name, copy);
  for (const { name, mergeInto } of changes) mergeInto(copies.get(name)!);
  const merged = model.withTensors(copies, arena) as M;
  for (const parameter of merged.parameters.values()) parameter.trainable = false;
  merged.promptFormat = formatAfter(model, [adapters].flat());
  merged.merged = all;
  unfinished.move();
  return Object.assign(merged, { base: model });
}

/** Values in the weights after a merge; each may be there once. */
function mergedAfter(base: Model, adapters: readonly Adapter[]): AdapterValues[] {
  const merged = [...base.merged ?? []];
  for (const adapter of adapters) {
    const values = adapter.values ??= {};
    assertNotIn({ merged, adapters: new Set() }, values);
    merged.push(values);
  }
  return merged;
}

/** Format of the prompts after a merge: that of the last of the adapters, or else of the base. */
const formatAfter = (base: Model, adapters: readonly Adapter[]) =>
  adapters.findLast(({ promptFormat }) => promptFormat)?.promptFormat ?? base.promptFormat;

/**
 * The model that a merged one was made from, with whatever adapters are on it; nothing is freed.
 *
 * @throws {TypeError} when the model is not a merged one.
 */
export function baseOf<M extends Model>(merged: Merged<M>): M {
  if (merged?.base) return merged.base;
  throw new TypeError("baseOf needs a model that merge has made, found one without a base");
}

/**
 * Frees a merged model's own weights and returns the base model, whose weights never changed. As in PEFT,
 * adapters that were on the base are on it still: `adapter.remove()` takes them off.
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
  const base = baseOf(merged);
  merged[Symbol.dispose]();
  return base;
}

/**
 * Switches a merged model from one task to another in place, W' − s₁ B₁ A₁ + s₂ B₂ A₂, as section 4.1
 * of the paper describes for deployment. It needs no more memory, but each swap leaves rounding errors
 * in W', which a new {@link merge} does not.
 *
 * @throws {RangeError} when an adapter changes a weight that the merged model shares with its base, or trains
 * more than A and B.
 *
 * @example
 * ```ts
 * import { initGpt2, injectLora, merge, openDevice, parseGpt2Config, swap } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using first = injectLora(model, { rank: 2, sites: ["q", "v"], seed: 1 });
 * using second = injectLora(model, { rank: 2, sites: ["q", "v"], seed: 2, onTop: true });
 * using merged = merge(model, first);
 * swap(merged, first, second);
 * ```
 */
export function swap<M extends Model>(merged: Merged<M>, from: LoraAdapter, to: LoraAdapter): void {
  assertModel("swap", merged);
  for (const adapter of [from, to]) assertAdapter("swap", adapter);
  for (const adapter of [from, to]) assertPlain(adapter);
  const exchanges = [[from, -1], [to, 1]] as const;
  for (const [{ terms }] of exchanges) for (const site of terms) assertOwned(merged, site);
  for (const [{ terms }, sign] of exchanges) {
    for (const site of terms) site.mergeInto(ownTensor(merged, site.linear.weight.name)!, sign);
  }
  merged.promptFormat = formatAfter(merged.base, [to]);
  const others = merged.merged?.filter((values) => values !== from.values) ?? [];
  merged.merged = [...others, to.values];
}

function assertPlain({ sites, parameters }: LoraAdapter): void {
  assertLowRank("swapping", sites);
  const other = parameters.find((one) => !sites.some(({ A, B }) => one === A || one === B));
  if (other) throw new RangeError(`swapping needs adapters of A and B alone, found ${other.name}`);
}

function assertOwned<M extends Model>(merged: Merged<M>, { name, linear }: LoraSite): void {
  const { weight } = linear;
  assertTensor(merged, weight.name, weight.shape);
  const [own, base] = [merged, merged.base].map((model) => ownTensor(model, weight.name));
  if (own && own.storage !== base?.storage) return;
  throw new RangeError(
    `swapping needs adapters of merged weights, found ${name}, which the base shares`,
  );
}

/** The tensor of one of the model's parameters, whatever an adapter has put in its place. */
const ownTensor = (model: Model, name: string): Tensor | undefined =>
  model.parameters.get(name)?.own;

/**
 * Throws unless the model has a tensor of that name and shape.
 *
 * @throws {RangeError} when it has none of that name, or one of another shape.
 */
export function assertTensor(model: Model, name: string, shape: Shape): void {
  const found = model.parameters.get(name)?.shape ?? model.weights?.get(name)?.shape;
  if (found && sameShape(found, shape)) return;
  const what = found ? `one of ${formatShape(found)}` : "none";
  throw new RangeError(`merging needs a tensor ${name} of ${formatShape(shape)}, found ${what}`);
}

/** Copies the model's own values, without any adapter's change. */
function copyValues(model: Model, name: string, to: Tensor): void {
  using from = ownTensor(model, name)?.view(to.shape) ?? model.weights!.get(name)!.dense();
  copyTensor(from, to);
}

/**
 * Gives a merged model the weights of its base with another adapter, or with none: W' = W + Σ scaling · B A from
 * the base's own bits. After any number of switches the weights are those of a new `merge`, bit for bit, where
 * subtracting B A and adding another (section 4.1 of the paper, `swap`) leaves rounding errors.
 *
 * The model has copies of the weights that the adapters changed that it was made with, so merge all of those
 * between which it will switch. Cost: no bytes; reading those weights of the base and writing them once, and the
 * products B A.
 *
 * @param adapter An adapter of the base, in force or removed; without one, the weights are the base's.
 * @throws {RangeError} when the adapter is of another base, is in the base's weights already, changes a weight that
 * the merged model shares with its base, or its method does not change weights. Nothing is changed then.
 * @throws {TypeError} when the model is not a merged one, or there is another thing in the adapter's place.
 * @throws {DeviceError} when the adapter was disposed. Nothing is changed then.
 *
 * @example
 * ```ts
 * import { initGpt2, injectLora, merge, openDevice, parseGpt2Config } from "@lowrank/core";
 * import { switchTo } from "@lowrank/core/adapt";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using first = injectLora(model, { rank: 2, sites: ["q", "v"], seed: 1 });
 * using second = injectLora(model, { rank: 4, sites: ["o"], seed: 2, onTop: true });
 * using merged = merge(model, [first, second]);
 * switchTo(merged, first);
 * switchTo(merged, second);
 * ```
 */
export function switchTo<M extends Model>(merged: Merged<M>, adapter?: Adapter): void {
  assertModel("switchTo", merged);
  if (adapter) assertAdapter("switchTo", adapter);
  const base = baseOf(merged), adapters = adapter ? [adapter] : [];
  const changes = adapters.flatMap((one) => one.weightChanges());
  if (adapter) assertOfBase(base, adapter);
  const all = mergedAfter(base, adapters);
  const isOwn = (name: string) => {
    const own = ownTensor(merged, name);
    return own !== undefined && own.storage !== ownTensor(base, name)?.storage;
  };
  const shared = changes.find(({ name }) => !isOwn(name));
  if (shared) {
    throw new RangeError(
      `switching needs adapters of weights that the merged model has copies of, found one of ${shared.name}: ` +
        "merge all adapters between which it will switch",
    );
  }
  for (const name of merged.parameters.keys()) {
    if (isOwn(name)) copyValues(base, name, ownTensor(merged, name)!);
  }
  for (const { name, mergeInto } of changes) mergeInto(ownTensor(merged, name)!);
  merged.promptFormat = formatAfter(base, adapters);
  merged.merged = all;
}

/** Throws unless an adapter has values, and was made for this base or a model that shares its tensors. */
function assertOfBase(base: Model, { model, parameters }: Adapter): void {
  if (model !== base && !sharesBase(base, model)) {
    throw new RangeError(
      "switching needs adapters of the base that was merged, found one of another base",
    );
  }
  for (const { tensor } of parameters) tensor.assertAlive();
}
