/** Selections that several methods have: layers, biases, modules trained in full. @module */

import type { Architecture, TensorSpec } from "../architectures/architecture.ts";
import { type LayerSite, selectLayerSites, type SiteSelection } from "../architectures/sites.ts";

/** Modules that are trained in full beside a method. */
export interface CountedModules {
  /** By names or name endings. Default: none, but a classifier's head is always among them. */
  readonly modulesToSave?: readonly string[];
}

/** Low-rank updates of some sites. */
export interface CountedSites extends SiteSelection {
  /** r. */
  readonly rank: number;
}

/** True for a bias. */
export const isBias = ({ name }: Pick<TensorSpec, "name">): boolean => name.endsWith(".bias");

/** A selection, or where nothing is said another one. */
export function selectionOf(
  { sites, targetModules }: SiteSelection,
  usual: SiteSelection,
): SiteSelection {
  return sites === undefined && targetModules === undefined ? usual : { sites, targetModules };
}

/** The sentence of a method that finds an embedding, which has no outputs by inputs. */
export const needsLinear = (method: string, name: string): string =>
  `${method} needs linear layers, found the embedding ${name}`;

/**
 * The sites that a selection names, all of them of linear layers.
 *
 * @param method The method's name, for the message.
 * @throws {RangeError} when one is an embedding.
 */
export function linearSites(
  { linears }: Pick<Architecture, "linears">,
  selection: SiteSelection,
  method: string,
): LayerSite[] {
  const sites = selectLayerSites(linears, selection);
  const table = sites.find(({ layer: { kind } }) => kind === "embedding");
  if (table) throw new RangeError(needsLinear(method, table.layer.name));
  return sites;
}

/** Counts of sites, added up for each layer by its name. */
export function countByLayer(
  sites: readonly LayerSite[],
  countOf: (site: LayerSite) => number,
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const site of sites) {
    const { name } = site.layer;
    counts.set(name, (counts.get(name) ?? 0) + countOf(site));
  }
  return counts;
}
