/** Which layer of a model each module of an adapter belongs to. @module */

import { assertUpdate } from "../../core/low_rank_update.ts";
import { listNames, NameEndings, nameTwice } from "../../core/module_names.ts";
import { quote } from "../../core/quote.ts";
import type { Exceptions } from "../../formats/adapter_exceptions.ts";
import { splitUpdate, type TrainedUpdate } from "../../formats/mod.ts";
import { type ModuleSelection, moduleSelector } from "../../formats/peft_patterns.ts";
import type { Model } from "../../models/model.ts";
import { adaptedLayers, addressOf, type LayerSites, sitesByLayer } from "../sites.ts";

/** The layer of each module. */
export function matchLayers(
  model: Model,
  updates: readonly Pick<TrainedUpdate, "module">[],
): Map<string, LayerSites> {
  const modules = [...new Set(updates.map(({ module }) => module))], layers = sitesByLayer(model);
  const endings = new NameEndings(layers.keys());
  const names = modules.map((module) => layers.has(module) ? [module] : endings.find(module));
  const unmatched = modules.filter((_, i) => names[i].length !== 1);
  if (unmatched.length > 0) {
    throw new RangeError(
      `every module must belong to one layer of the model (${
        listNames([...layers.keys()])
      }), found ${listNames(unmatched)}`,
    );
  }
  const twice = nameTwice(names.flat());
  if (twice !== undefined) {
    throw new RangeError(`a layer takes one module, found two for ${twice}`);
  }
  return new Map(modules.map((module, i) => [module, layers.get(names[i][0])!]));
}

/** The updates of one layer: if the file does not name a module's sites, those whose rows B fills. */
export function splitKnown(
  { linear, declared }: LayerSites,
  update: TrainedUpdate,
): TrainedUpdate[] {
  const own = { ...update, module: linear.name };
  if (update.rows) return [own];
  assertUpdate(own, linear.extents);
  if (update.magnitude || update.bias) return [own];
  const sites = declared.map(({ rows }) => addressOf(linear, rows));
  if (sites.length < 2 || own.B.data.every((value) => value === 0)) return [own];
  return splitUpdate(own, sites) ?? [own];
}

/**
 * Throws for a layer that the configuration selects and the file has no weights of, unless it may pass: PEFT
 * would leave it at its initial values without a word. Heads are passed over, and layers that no
 * configuration was asked about.
 */
export function assertNoneMissing(
  selection: ModuleSelection,
  model: Model,
  layers: ReadonlyMap<string, LayerSites>,
  exceptions: Exceptions,
): void {
  for (const name of missingLayers(selection, model, layers)) {
    const rule = "the file must have A and B of every layer that the configuration selects";
    exceptions.pass("missingTensors", rule, name, `none of ${quote(name)}`);
  }
}

/** The layers that a configuration selects and a file has nothing of. */
export function missingLayers(
  selection: ModuleSelection,
  model: Model,
  layers: ReadonlyMap<string, LayerSites>,
): string[] {
  if (selection.targetModules === undefined) return [];
  const isSelected = moduleSelector(selection), inFile = namesInFile(layers);
  const matched = new Set([...layers.values()].map(({ linear }) => linear.name));
  const others = adaptedLayers(model).filter(({ name, parts }) =>
    !parts.head && !matched.has(name)
  );
  return others.map(({ name }) => name).filter((name) => isSelected(inFile(name)));
}

/** How the file would call a layer: with the prefix, or without the one, by which the names differ. */
function namesInFile(layers: ReadonlyMap<string, LayerSites>): (layer: string) => string {
  const [first] = layers;
  if (!first) return (layer) => layer;
  const [module, { linear: { name } }] = first;
  if (module.length >= name.length) {
    const prefix = module.slice(0, module.length - name.length);
    return (layer) => prefix + layer;
  }
  const prefix = name.slice(0, name.length - module.length);
  return (layer) => layer.startsWith(prefix) ? layer.slice(prefix.length) : layer;
}
