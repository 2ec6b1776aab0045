/** Freezing a base model while adapters are on it. @module */

import type { Parameter } from "../autograd/parameter.ts";
import type { Model } from "../models/model.ts";

interface Freeze {
  readonly flags: ReadonlyMap<Parameter, boolean>;
  holders: number;
}

const frozen = new WeakMap<Model, Freeze>();

/**
 * Makes all of a model's own parameters untrainable and returns how to let go: the last of several
 * holders to do so gives every parameter the flag that it had before the first.
 */
export function freezeBase(model: Model): () => void {
  const freeze = frozen.get(model) ?? startFreeze(model);
  freeze.holders++;
  let held = true;
  return () => {
    if (!held) return;
    held = false;
    if (--freeze.holders > 0) return;
    frozen.delete(model);
    for (const [parameter, flag] of freeze.flags) parameter.trainable = flag;
  };
}

function startFreeze(model: Model): Freeze {
  const parameters = [...model.parameters.values()];
  const flags = new Map(parameters.map((parameter) => [parameter, parameter.trainable]));
  for (const parameter of parameters) parameter.trainable = false;
  const freeze = { flags, holders: 0 };
  frozen.set(model, freeze);
  return freeze;
}
