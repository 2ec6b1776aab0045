/** Methods by their specifications. @module */

import type { Adapter } from "../adapt/mod.ts";
import { type AdaptingMethod, adaptingOf, type MethodsByKind } from "../adapt/methods.ts";
import { quote } from "../core/errors.ts";
import { type MethodKind, methodKinds } from "../methods/mod.ts";
import type { Model } from "../models/mod.ts";

/** A method with its options. The seed is the run's. */
export type MethodSpec = {
  [Kind in MethodKind]: { readonly kind: Kind } & MethodsByKind[Kind];
}[MethodKind];

/**
 * Adds what a method needs to a model; nothing for full fine-tuning.
 *
 * @param floats The folder of the floats that a base in 4 bits was quantized from, which LoftQ reads.
 * @throws {TypeError} when an option is not one of the method's.
 * @throws {RangeError} when there is no such method, it does not fit the model, or LoftQ lacks the floats.
 */
export async function applyMethod(
  model: Model,
  method: MethodSpec,
  seed: number,
  floats?: string,
): Promise<Adapter | undefined> {
  const { kind, ...options } = method, { inject, start = inject } = adaptingNamed(kind);
  return await start(model, options as never, seed, floats);
}

/**
 * The same without values that are computed from weights (PiSSA's, OLoRA's, LoftQ's): for the dry device, which holds none.
 *
 * @throws {TypeError} when `applyMethod` would.
 * @throws {RangeError} when `applyMethod` would.
 */
export function allocateMethod(
  model: Model,
  method: MethodSpec,
  seed: number,
): Adapter | undefined {
  const { kind, ...options } = method;
  return adaptingNamed(kind).inject(model, options as never, seed);
}

function adaptingNamed(kind: MethodKind): AdaptingMethod<never> {
  const found = adaptingOf(kind);
  if (found) return found;
  throw new RangeError(
    `the kind of a method must be one of ${methodKinds.join(", ")}, found ${quote(kind)}`,
  );
}
