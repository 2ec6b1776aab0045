/** Freezing a base model while adapters are on it. @module */

import type { Parameter } from "../autograd/parameter.ts";
import type { Model } from "../models/model.ts";

/**
 * Freezes a model's own parameters and trains those in `except`, until the function that is returned is
 * called. Several may do so at once: a parameter is trained while one of them excepts it, and has the flag
 * of before when the last has let go.
 */
export function freeze(model: Model, except: Iterable<Parameter> = []): () => void {
  const trained = new Set(except);
  const releases = [...model.parameters.values()].map((parameter) =>
    parameter.hold(trained.has(parameter))
  );
  return () => releases.forEach((release) => release());
}
