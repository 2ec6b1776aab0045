/** A base for several adapters. @module */

import type { Parameter } from "../../autograd/parameter.ts";
import { assertModel, type Model } from "../../models/model.ts";

/** Owns nothing: the tensors are another model's. */
const nobody: Disposable = { [Symbol.dispose]: () => {} };

/**
 * The same base without adapters: it shares all tensors, and an adapter on it does not act on the other. Disposing it
 * frees nothing, and the tensors live as long as the model that owns them.
 *
 * @throws {TypeError} when there is no model.
 *
 * @example
 * ```ts
 * import { initGpt2, injectLora, openDevice, parseGpt2Config } from "@lowrank/core";
 * import { shareBase } from "@lowrank/core/runs";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using one = injectLora(shareBase(model), { rank: 1, seed: 1 });
 * using other = injectLora(shareBase(model), { rank: 2, seed: 1 });
 * console.log(one.parameterCount, other.parameterCount);
 * ```
 */
export function shareBase<M extends Model<never>>(model: M): M {
  assertModel("shareBase", model);
  const shared = model.withTensors(new Map(), nobody) as M;
  shared.merged = model.merged;
  shared.promptFormat = model.promptFormat;
  return shared;
}

/** True for models with the same tensors. */
export function sharesBase(one: Model, other: Model): boolean {
  if (one.parameters.size !== other.parameters.size) return false;
  if (one.weights?.size !== other.weights?.size) return false;
  const isSame = ([name, { own }]: readonly [string, Parameter]) => {
    const twin = other.parameters.get(name)?.own;
    return twin?.storage === own.storage && twin.offset === own.offset;
  };
  return [...one.parameters].every(isSame) &&
    [...one.weights ?? []].every(([name, weight]) => other.weights!.get(name) === weight);
}
