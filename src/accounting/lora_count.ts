/** Parameters that low-rank adaptation trains, module by module. @module */

import {
  type Architecture,
  countParameters,
  type LinearSpec,
  type TensorSpec,
} from "../architectures/architecture.ts";
import {
  type LayerSite,
  selectLayerSites,
  type SiteSelection,
} from "../architectures/layer_sites.ts";
import { countRows } from "../core/row_range.ts";
import { evaluateFormula } from "./evaluate_formula.ts";

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
  const counts = countByLayer(sites, (site) => siteParameters(site, rank));
  return Array.from(counts, ([name, parameters]) => ({ name, parameters }));
}

/** What sites have, added up for each layer by its name. */
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

/**
 * Parameters of A and B of a site.
 *
 * @throws {RangeError} when the rank is not an integer of at least 1.
 */
export function siteParameters({ name, layer, rows }: LayerSite, rank: number): number {
  if (Number.isInteger(rank) && rank >= 1) {
    const d_in = layer.inputs, d_out = countRows(rows);
    return Number(evaluateFormula("lowRankParameters", { r: rank, d_in, d_out }));
  }
  throw new RangeError(`the rank of ${name} must be a whole number of at least 1, found ${rank}`);
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
