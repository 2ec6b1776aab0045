/** Freezing a base model while it has adapters. @module */

import type { Parameter } from "../autograd/parameter.ts";
import type { Model } from "../models/model.ts";

/**
 * Freezes a model's own parameters and trains those in `except`, until the returned function is called.
 * Several freezes may overlap: a parameter is trained while any of them excepts it, and gets its
 * original `trainable` flag back when the last one ends.
 */
export function freeze(model: Model, except: Iterable<Parameter> = []): () => void {
  const trained = new Set(except);
  const releases = [...model.parameters.values()].map((parameter) =>
    parameter.hold(trained.has(parameter))
  );
  return () => releases.forEach((release) => release());
}
