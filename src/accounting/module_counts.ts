/** Parameters of a model and of what is trained, module by module. @module */

import { type Architecture, countParameters } from "../architectures/architecture.ts";
import type { CountedMethod } from "./counted_method.ts";
import { countMethod } from "./method_counts.ts";

/** One module. */
export interface ModuleCount {
  /** Its path; of what is none of the model's, what it is. */
  readonly name: string;
  /** Number of its values, those that an adapter adds included. */
  readonly parameters: number;
  /** Number of those that are trained. */
  readonly trainable: number;
}

/**
 * Parameters of every module, and those that a method trains, with all that its options train beside it: the modules
 * of `modulesToSave` and, of LoRA, magnitudes, biases and rows of tokens. A classifier's head is trained beside every
 * adapter, and counts twice, as in PEFT: the original is frozen and a copy is trained. BitFit and the top layers
 * train values of the model itself, a head's included. VeRA's shared random matrices are no parameters, as in PEFT.
 *
 * @throws {RangeError} when a name matches nothing, a number does not fit, or the method is unknown or does not fit
 * the model: BitFit one without biases, others one without a list of blocks, such as T5.
 * @throws {TypeError} when LoRA is to have both magnitudes and biases of B.
 *
 * @example
 * ```ts
 * import { countModules } from "@lowrank/core/accounting";
 * import { architectureOf, catalog } from "@lowrank/core/architectures";
 *
 * const gpt2 = architectureOf(catalog["gpt2-medium"].config);
 * const counts = countModules(gpt2, { kind: "top-layers", layers: 2 });
 * console.log(counts.reduce((sum, { trainable }) => sum + trainable, 0)); // 25192448, the paper's FT-Top2
 * ```
 */
export function countModules(
  model: Architecture,
  method: CountedMethod = { kind: "full" },
): ModuleCount[] {
  const { ofLayer, beside } = countMethod(model, method);
  const modules = model.layers.map((layer): ModuleCount => {
    const size = countParameters(layer.tensors), { own, added } = ofLayer(layer);
    return { name: layer.name, parameters: size + added, trainable: own + added };
  });
  const others = Object.entries(beside)
    .map(([name, count]): ModuleCount => ({ name, parameters: count, trainable: count }));
  return [...modules, ...others];
}
