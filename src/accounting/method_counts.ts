/** Values that each method trains of a layer, and beside the layers. @module */

import {
  type Architecture,
  countParameters,
  type LayerSpec,
  type LinearSpec,
  type TensorSpec,
} from "../architectures/architecture.ts";
import { type LayerSite, selectLayerSites, type SiteSelection } from "../architectures/sites.ts";
import { quote } from "../core/errors.ts";
import { isWithin, listNames, moduleOf } from "../core/module_names.ts";
import { countRows } from "../core/update.ts";
import { siteParameters } from "../methods/lora.ts";
import type { FormulaValue, IsTrained, TrainedValues } from "../methods/method.ts";
import { type CountedOptions, type MethodKind, methods } from "../methods/mod.ts";
import { countByLayer, type CountedModules } from "../methods/selection.ts";
import { evaluateFormula } from "./evaluate_formula.ts";

/**
 * The tensors of modules that are trained in full, a classifier's head among them.
 *
 * @throws {RangeError} when a name is that of no module with values of its own, such as a head that shares an
 * embedding's.
 */
function inFull(
  { tensors, head }: Architecture,
  modulesToSave: CountedModules["modulesToSave"] = [],
): IsTrained {
  const missing = modulesToSave.filter((one) => !tensors.some(({ name }) => isWithin(name, one)));
  if (missing.length > 0) {
    const known = listNames([...new Set(tensors.map(({ name }) => moduleOf(name)))]);
    throw new RangeError(
      `counting needs modulesToSave of modules with values of their own (${known}), found ${
        listNames(missing)
      }`,
    );
  }
  return ({ name }, { kind }) =>
    head === "classes" && kind === "head" || modulesToSave.some((one) => isWithin(name, one));
}

/** An adapted module. */
export interface LoraCount {
  /** Path of the module. */
  readonly name: string;
  /** Number of values in its A and B. */
  readonly parameters: number;
}

/**
 * Parameters of A and B of every selected module: rank · (inputs + outputs) each; sites of a fused
 * weight have one pair each. As in PEFT, the rank may be above a site's smaller extent, where it adds
 * parameters and no directions.
 *
 * @throws {RangeError} when a name matches nothing, or the rank is not an integer of at least 1.
 *
 * @example
 * ```ts
 * import { loraCounts } from "@lowrank/core/accounting";
 * import { architectureOf, catalog } from "@lowrank/core/architectures";
 *
 * const gpt3 = architectureOf(catalog["gpt3-175b"].config);
 * const counts = loraCounts(gpt3, 4, { sites: ["q", "v"] });
 * console.log(counts.reduce((sum, { parameters }) => sum + parameters, 0)); // 18874368
 * ```
 */
export function loraCounts(
  { linears }: Pick<Architecture, "linears">,
  rank: number,
  selection: SiteSelection,
): LoraCount[] {
  const sites = selectLayerSites(linears, selection);
  const counts = countByLayer(sites, (site) => siteParameters(site, rank, valueOf));
  return Array.from(counts, ([name, parameters]) => ({ name, parameters }));
}

/** A and B of sites, as tensors. */
export function factorsOf(sites: readonly LayerSite<LinearSpec>[], rank: number): TensorSpec[] {
  return sites.flatMap(({ name, layer, rows }) => [
    { name: `${name}.A`, shape: [rank, layer.inputs] },
    { name: `${name}.B`, shape: [countRows(rows), rank] },
  ]);
}

/**
 * Number of parameters of the classifier, which PEFT copies and trains in full beside the frozen
 * original; 0 if the model does not classify.
 */
export function classifierParameters(
  { head, layers }: Pick<Architecture, "head" | "layers">,
): number {
  if (head !== "classes") return 0;
  return countParameters(
    layers.filter(({ kind }) => kind === "head").flatMap((layer) => layer.tensors),
  );
}

/** A method with the options on which its count depends. */
export type CountedMethod = {
  [Kind in MethodKind]: { readonly kind: Kind } & CountedOptions[Kind];
}[MethodKind];

const valueOf: FormulaValue = (formula, values) => Number(evaluateFormula(formula, values));

/** Values of a model that a method trains, `modulesToSave` excepted. */
function trainedValues(model: Architecture, { kind, ...options }: CountedMethod): TrainedValues {
  if (Object.hasOwn(methods, kind)) return methods[kind].counts(model, options as never, valueOf);
  throw new RangeError(`counting needs a known method, found ${quote(kind)}`);
}

/** Number of values of a layer's tensors that are trained. */
const countTrained = (layer: LayerSpec, isTrained: IsTrained): number =>
  countParameters(layer.tensors.filter((tensor) => isTrained(tensor, layer)));

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
 * train values of the model itself, a head's included. VeRA's shared random matrices are no parameters, as in PEFT;
 * a frozen A of LoRA is one that is not trained.
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
  const { own, copies, layers = [], frozen, beside = {} } = trainedValues(model, method);
  const isInFull = inFull(model, "modulesToSave" in method ? method.modulesToSave : []);
  const isTrained: IsTrained = (tensor, layer) =>
    isInFull(tensor, layer) || ((own ?? copies)?.(tensor, layer) ?? false);
  const modules = model.layers.map((layer): ModuleCount => {
    const size = countParameters(layer.tensors), trained = countTrained(layer, isTrained);
    if (own) return { name: layer.name, parameters: size, trainable: trained };
    const added = layers.reduce((sum, one) => sum + (one.get(layer.name) ?? 0), trained);
    const parameters = size + added + (frozen?.get(layer.name) ?? 0);
    return { name: layer.name, parameters, trainable: added };
  });
  const others = Object.entries(beside)
    .map(([name, count]): ModuleCount => ({ name, parameters: count, trainable: count }));
  return [...modules, ...others];
}
