/** Modules that an adapter trains in full, as PEFT's `modules_to_save`: a classifier's head. @module */

import type { Parameter } from "../autograd/parameter.ts";
import { isNamed, listNames, moduleOf } from "../core/module_names.ts";
import type { Tensor } from "../device/device.ts";
import type { Model } from "../models/model.ts";

/**
 * The parameters of the modules with these names or name endings.
 *
 * @throws {RangeError} when a name is that of no module with parameters, or another adapter trains one.
 */
export function parametersOf(model: Model, modules: readonly string[]): Parameter[] {
  const all = [...model.parameters.values()];
  const found = modules.map((name) => all.filter((one) => isNamed(moduleOf(one.name), name)));
  const missing = modules.filter((_, i) => found[i].length === 0);
  if (missing.length > 0) {
    const known = listNames([...new Set(all.map(({ name }) => moduleOf(name)))]);
    throw new RangeError(
      `modulesToSave must name modules of the model (${known}), found ${listNames(missing)}`,
    );
  }
  const taken = found.flat().find(({ substitute }) => substitute);
  if (!taken) return found.flat();
  throw new RangeError(
    `modulesToSave must name modules that no adapter trains, found ${taken.name} in use`,
  );
}

/** Puts other values in the place of parameters', until the returned function is called. */
export function substitute(
  parameters: readonly Parameter[],
  valuesOf: (name: string) => Tensor,
): () => void {
  for (const one of parameters) one.substitute = valuesOf(one.name);
  return () => {
    for (const one of parameters) {
      if (one.substitute === valuesOf(one.name)) one.substitute = undefined;
    }
  };
}
