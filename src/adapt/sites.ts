/** Sites of a live model: which output rows of which linear layers an adapter changes. @module */

import * as architectures from "../architectures/sites.ts";
import { assertRecord } from "../core/checks.ts";
import { quote } from "../core/errors.ts";
import { listNames, NameEndings, nameTwice } from "../core/module_names.ts";
import {
  assertUpdate,
  sameRows,
  type SiteAddress,
  type SiteRole,
  siteRoles,
  type SiteRows,
} from "../core/update.ts";
import { splitUpdate } from "../formats/peft/comparable.ts";
import { type ModuleSelection, moduleSelector } from "../formats/peft/config.ts";
import type { Exceptions } from "../formats/peft/read.ts";
import type { TrainedUpdate } from "../formats/peft/record.ts";
import { needsLinear } from "../methods/selection.ts";
import { assertModel, type Model } from "../models/model.ts";
import { type AdaptedLayer, Embedding } from "../nn/embedding.ts";
import { Linear } from "../nn/linear.ts";

export type { SiteSelection } from "../architectures/sites.ts";

/** Output rows of a linear layer that an adapter may change. */
export interface Site {
  /** `transformer.h.0.attn.c_attn:q`, or the layer's path alone if it has all rows. */
  readonly name: string;
  /** The layer. */
  readonly linear: AdaptedLayer;
  /** Role of its part of the layer; absent if it has all rows. */
  readonly role?: SiteRole;
  /** Its rows; of an embedding the columns of the table, all of them. */
  readonly rows: SiteRows;
  /** The site's number among all sites of the model, independent of the selection. */
  readonly index: number;
}

/**
 * The sites that a selection names, in the order of the forward pass, each once; embeddings come last, and a
 * head after them.
 *
 * @throws {TypeError} when not exactly one of `sites` and `targetModules` is given, or it is of another
 * type.
 * @throws {RangeError} when a name matches nothing, or two sites share rows of a weight.
 *
 * @example
 * ```ts
 * import { initGpt2, openDevice, parseGpt2Config, selectSites } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * console.log(selectSites(model, { sites: ["q"] })[0].name); // transformer.h.0.attn.c_attn:q
 * ```
 */
export function selectSites(model: Model, selection: architectures.SiteSelection): Site[] {
  assertModel("selectSites", model);
  assertRecord("the selection of sites", selection);
  return architectures.selectLayerSites(adaptedLayers(model).map(layerOf), selection).map(liveSite);
}

/**
 * The linear layers that a selection names, in the order of the forward pass.
 *
 * @param method The method's name, for the message.
 * @throws {RangeError} when one is an embedding.
 */
export const selectLinears = (
  model: Model,
  selection: architectures.SiteSelection,
  method: string,
): Linear[] => selectSites(model, selection).map(({ linear }) => asLinear(linear, method));

/**
 * A layer that is no embedding.
 *
 * @throws {RangeError} when it is one.
 */
export function asLinear(layer: AdaptedLayer, method: string): Linear {
  if (layer instanceof Linear) return layer;
  throw new RangeError(needsLinear(method, layer.name));
}

/** A layer of a model with its sites. */
export interface LayerSites {
  /** The layer. */
  readonly linear: AdaptedLayer;
  /** The site of all of its rows. */
  readonly whole: Site;
  /** The sites of its roles: `q`, `k` and `v` of a fused projection. */
  readonly declared: readonly Site[];
}

/** The layers that low-rank updates can change; those that none changes unless it is named come last. */
export const adaptedLayers = ({ linears, outerLayers = [] }: Model): readonly AdaptedLayer[] => [
  ...linears,
  ...outerLayers,
];

/** The layers of a model that can be adapted, by their paths. */
export function sitesByLayer(model: Model): Map<string, LayerSites> {
  return new Map(
    adaptedLayers(model).map((linear, position) => {
      const layer = layerOf(linear), whole = liveSite(architectures.wholeSite(layer, position));
      const declared = architectures.declaredSites(layer, position).map(liveSite);
      return [linear.name, { linear, whole, declared }];
    }),
  );
}

/**
 * Address of an update of these rows of a layer: the layer alone, or, if it has several parts, the
 * rows and the part's role.
 */
export function addressOf(
  { name: module, parts, extents: [outputs] }: AdaptedLayer,
  rows: SiteRows,
): SiteAddress {
  const roles = siteRoles.filter((role) => parts[role]);
  if (roles.length < 2) return { module };
  const role = roles.find((role) => sameRows(parts[role]!, rows));
  return { module, ...role && { role }, rows, outputs };
}

/**
 * Asserts that no layer shares its weight with another one: a merge would change both.
 *
 * @throws {RangeError} when one does.
 */
export function assertOwnWeight(model: Model, { name, weight }: AdaptedLayer): void {
  const other = adaptedLayers(model)
    .find((layer) => layer.name !== name && layer.weight.name === weight.name);
  if (!other) return;
  throw new RangeError(
    `merging needs updates of weights that no other layer has, found one of ${name}, whose weight ` +
      `${other.name} shares and would change with it: keep the adapter beside the model`,
  );
}

interface LiveLayer extends architectures.AdaptableLayer {
  readonly linear: AdaptedLayer;
}

function layerOf(linear: AdaptedLayer): LiveLayer {
  const { name, extents: [outputs], parts } = linear;
  const kind = linear instanceof Embedding ? "embedding" : parts.head ? "head" : "linear";
  return { name, kind, outputs, parts, linear };
}

function liveSite({ layer, ...site }: architectures.LayerSite<LiveLayer>): Site {
  return { ...site, linear: layer.linear };
}

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

/**
 * Maps a layer's name to the name in the file: with the prefix, or without the one, by which the
 * names differ.
 */
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
