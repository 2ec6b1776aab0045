/** Switching a merged model between adapters without a trace. @module */

import { assertModel, type Model } from "../models/model.ts";
import { type Adapter, assertAdapter } from "./adapter.ts";
import { sharesBase } from "./many/share_base.ts";
import { baseOf, copyValues, formatAfter, type Merged, mergedAfter, ownTensor } from "./merge.ts";

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
