/** Parameters of a model and of what is trained, module by module. @module */

import {
  type Architecture,
  countParameters,
  type LayerSpec,
} from "../architectures/architecture.ts";
import { topBlocks } from "../architectures/blocks.ts";
import { selectLayerSites, type SiteSelection } from "../architectures/layer_sites.ts";
import { isWithin } from "../core/module_names.ts";
import { quote } from "../core/quote.ts";
import { evaluateFormula } from "./evaluate_formula.ts";
import { classifierParameters, loraCounts } from "./lora_count.ts";
import { isPrefix, type PrefixCount, prefixParameters } from "./prefix_count.ts";

/** One module. */
export interface ModuleCount {
  /** Its path. */
  readonly name: string;
  /** Number of its values, those that an adapter adds included. */
  readonly parameters: number;
  /** Number of those that are trained. */
  readonly trainable: number;
}

/** A method that can be counted without a model on a device, with the options that its count depends on. */
export type CountedMethod =
  | { readonly kind: "full" }
  | { readonly kind: "lora" | "vera"; readonly rank: number } & SiteSelection
  | { readonly kind: "bitfit" }
  | { readonly kind: "top-layers"; readonly layers: number }
  | PrefixCount;

/** Values of a layer that a method trains. */
interface LayerCount {
  /** Of the model's own, in the place of which copies are trained. */
  readonly own: number;
  /** Beside the model's own. */
  readonly added: number;
}

/**
 * Parameters of every module, and those that a method trains. A classifier's head is trained beside every
 * adapter; with LoRA, VeRA and virtual tokens it counts twice, as in PEFT: the original is frozen and a copy is trained. BitFit
 * and the top layers are values of the model itself. VeRA's shared random matrices are no parameters, as in PEFT.
 *
 * @throws {RangeError} when a name matches nothing, a rank or number of layers does not fit, or the method is
 * none that is counted.
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
  const countLayer = layerCounter(model, method);
  const layers = model.layers.map((layer) => {
    const size = countParameters(layer.tensors), { own, added } = countLayer(layer);
    return { name: layer.name, parameters: size + added, trainable: own + added };
  });
  if (!isPrefix(method)) return layers;
  const values = prefixParameters(model, method);
  return [...layers, { name: "virtual tokens", parameters: values, trainable: values }];
}

/** What a method trains of a layer. */
function layerCounter(
  model: Architecture,
  method: CountedMethod,
): (layer: LayerSpec) => LayerCount {
  const all = ({ tensors }: LayerSpec) => ({ own: countParameters(tensors), added: 0 });
  const isHead = (layer: LayerSpec) => classifierParameters({ ...model, layers: [layer] }) > 0;
  switch (method.kind) {
    case "full":
      return all;
    case "bitfit":
      return (layer) =>
        isHead(layer) ? all(layer) : all({ ...layer, tensors: biasesOf(model, layer) });
    case "top-layers": {
      const blocks = topBlocks(model.layers, method.layers);
      const isTrained = (layer: LayerSpec) =>
        isHead(layer) || blocks.some((block) => isWithin(layer.name, block));
      return (layer) => isTrained(layer) ? all(layer) : { own: 0, added: 0 };
    }
    case "lora":
    case "vera":
    case "prefix-embedding":
    case "prefix-layer":
    case "prefix-tuning": {
      const added = new Map(isPrefix(method) ? [] : addedCounts(model, method));
      return (layer) => {
        const copy = classifierParameters({ ...model, layers: [layer] });
        return { own: 0, added: copy + (added.get(layer.name) ?? 0) };
      };
    }
  }
  const { kind } = method as { kind: string };
  throw new RangeError(
    "a method must be full, lora, vera, bitfit, top-layers, prefix-embedding, prefix-layer or prefix-tuning to be " +
      `counted, found ${quote(kind)}`,
  );
}

/** The biases of a layer; of a model without any there is nothing to train. */
function biasesOf({ tensors }: Architecture, layer: LayerSpec) {
  const isBias = ({ name }: { readonly name: string }) => name.endsWith(".bias");
  if (tensors.some(isBias)) return layer.tensors.filter(isBias);
  throw new RangeError("BitFit needs a model with biases, found none");
}

/** Parameters that are added to each layer. */
function addedCounts(
  model: Architecture,
  method: Extract<CountedMethod, SiteSelection>,
): (readonly [name: string, parameters: number])[] {
  if (method.kind === "lora") {
    return loraCounts(model, method.rank, method).map(({ name, parameters }) => [name, parameters]);
  }
  const { rank, sites, targetModules } = method, isSaid = sites ?? targetModules;
  const selection = isSaid === undefined
    ? { targetModules: model.peftTargets }
    : { sites, targetModules };
  return selectLayerSites(model.linears, selection).map(({ name, layer, role }) => {
    if (layer.kind === "embedding" || role) {
      throw new RangeError(`VeRA needs whole linear layers, by targetModules, found ${name}`);
    }
    const count = evaluateFormula("veraParameters", { r: rank, d_out: layer.outputs });
    return [layer.name, Number(count)];
  });
}
