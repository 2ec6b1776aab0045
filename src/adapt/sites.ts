/** Sites of a live model: which output rows of which linear layers an adapter changes. @module */

import * as architectures from "../architectures/layer_sites.ts";
import { assertRecord } from "../core/json.ts";
import { sameRows, type SiteRows } from "../core/row_range.ts";
import { type SiteAddress, type SiteRole, siteRoles } from "../core/site.ts";
import { assertModel, type Model } from "../models/model.ts";
import { type AdaptedLayer, Embedding } from "../nn/embedding.ts";

export type { SiteSelection } from "../architectures/layer_sites.ts";

/** Output rows of a linear layer that an adapter may change. */
export interface Site {
  /** `transformer.h.0.attn.c_attn:q`, or the layer's path alone if it has all rows. */
  readonly name: string;
  /** The layer. */
  readonly linear: AdaptedLayer;
  /** Which part of the layer it is; absent if it has all rows. */
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
 * Where an update of these rows of a layer belongs: the layer alone, or, if it has several parts, the
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
 * Throws for a layer whose weight another one shares: a merge would change both.
 *
 * @throws {RangeError} then.
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
