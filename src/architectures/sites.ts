/**
 * Selects sites, the output rows of layers that are adapted, by name; and the vector that a
 * low-rank update may have beside A and B.
 *
 * @module
 */

import { nearestName } from "../core/checks.ts";
import { quote } from "../core/errors.ts";
import { listNames } from "../core/module_names.ts";
import { countRows, siteName, type SiteRole, siteRoles, type SiteRows } from "../core/update.ts";
import { targetTest } from "../patterns/names.ts";
import type { LinearSpec } from "./architecture.ts";

// Sites.

/**
 * The fields of a layer that a selection reads, whether of an architecture or of a model on a
 * device.
 */
export type AdaptableLayer = Pick<LinearSpec, "name" | "kind" | "outputs" | "parts">;

/** Output rows of a layer that can be adapted on their own. */
export interface LayerSite<Layer extends AdaptableLayer = LinearSpec> {
  /** `transformer.h.0.attn.c_attn:q`, or the layer's path alone if it has all rows. */
  readonly name: string;
  /** The layer. */
  readonly layer: Layer;
  /** Role of this part of the layer; absent if it has all rows. */
  readonly role?: SiteRole;
  /** Its rows. */
  readonly rows: SiteRows;
  /** The site's number among all sites of the model, independent of the selection. */
  readonly index: number;
}

/** Modules to adapt; exactly one of the two must be given. */
export interface SiteSelection {
  /**
   * `"all"`: every site of every layer except heads and embeddings. Otherwise a list of roles (`"q"`:
   * that site of every layer), a layer's path (all rows of its weight as one site), or a path and a
   * role (`"transformer.h.0.attn.c_attn:q"`).
   */
  readonly sites?: "all" | readonly string[];
  /**
   * Layers whose whole weight is one site, named as in PEFT: a list of paths or their last parts
   * (`["c_attn"]`), a pattern of Python's `re` for the whole path, or `"all-linear"`.
   */
  readonly targetModules?: string | readonly string[];
}

/**
 * The sites that a selection names, in the order of the layers, each once.
 *
 * @throws {TypeError} when not exactly one of `sites` and `targetModules` is given, or it is of another
 * type.
 * @throws {RangeError} when a name matches nothing, or two sites share rows of a weight.
 * @throws {SyntaxError} when a string for `targetModules` is not a pattern of Python that one pass matches.
 *
 * @example
 * ```ts
 * import { architectureOf, catalog, selectLayerSites } from "@lowrank/core/architectures";
 *
 * const { linears } = architectureOf(catalog["gpt2"].config);
 * const sites = selectLayerSites(linears, { sites: ["q", "v"] });
 * console.log(sites.length, sites[0].name); // 24 transformer.h.0.attn.c_attn:q
 * ```
 */
export function selectLayerSites<Layer extends AdaptableLayer>(
  layers: readonly Layer[],
  selection: SiteSelection,
): LayerSite<Layer>[] {
  assertSelection(selection);
  const { sites, targetModules } = selection;
  const selected = targetModules === undefined
    ? namedSites(layers, sites!)
    : targetedSites(layers, targetModules);
  const unique = [...new Map(selected.map((site) => [site.index, site])).values()]
    .sort((a, b) => a.index - b.index);
  assertDisjoint(unique);
  return unique;
}

/** Selections may come from JSON, so their types are checked. */
function assertSelection({ sites, targetModules }: SiteSelection): void {
  if ((sites === undefined) === (targetModules === undefined)) {
    const found = sites === undefined ? "neither" : "both";
    throw new TypeError(`an adapter needs either sites or targetModules, found ${found}`);
  }
  if (sites !== undefined && sites !== "all" && !isList(sites)) {
    throw new TypeError(
      `sites must be a list such as ["o", "down"] or "all", found ${quote(sites)}`,
    );
  }
  if (targetModules === undefined || typeof targetModules === "string" || isList(targetModules)) {
    return;
  }
  const found = quote(targetModules);
  throw new TypeError(
    `targetModules must be a list such as ["c_attn"], a pattern or "all-linear", found ${found}`,
  );
}

const isList = (value: unknown): boolean =>
  Array.isArray(value) && value.every((item) => typeof item === "string");

/** Number of site indices that each layer reserves. */
const perLayer = 1 + siteRoles.length;

/** The site of all rows of the layer at a position of its model. */
export function wholeSite<Layer extends AdaptableLayer>(
  layer: Layer,
  position: number,
): LayerSite<Layer> {
  const rows = { start: 0, count: layer.outputs };
  return { name: layer.name, layer, rows, index: perLayer * position };
}

/** The sites of the roles that a layer has: `q`, `k` and `v` of a fused projection. */
export function declaredSites<Layer extends AdaptableLayer>(
  layer: Layer,
  position: number,
): LayerSite<Layer>[] {
  return rolesOf(layer).map((role) => siteOf(layer, position, role));
}

const rolesOf = ({ parts }: AdaptableLayer): SiteRole[] => siteRoles.filter((role) => parts[role]);

function siteOf<Layer extends AdaptableLayer>(
  layer: Layer,
  position: number,
  role: SiteRole,
): LayerSite<Layer> {
  const whole = wholeSite(layer, position), rows = layer.parts[role]!;
  if (countRows(rows) === layer.outputs) return whole;
  const name = siteName({ module: layer.name, role });
  return { name, layer, role, rows, index: whole.index + 1 + siteRoles.indexOf(role) };
}

function namedSites<Layer extends AdaptableLayer>(
  layers: readonly Layer[],
  names: "all" | readonly string[],
): LayerSite<Layer>[] {
  if (names === "all") {
    return layers.flatMap((layer, i) => layer.kind === "linear" ? declaredSites(layer, i) : []);
  }
  if (names.length === 0) throw new RangeError("sites must name at least one site, found none");
  const named = sitesByName(layers);
  return names.flatMap((name) => named.get(name) ?? refuseSite(layers, name));
}

/**
 * The sites that each name selects: a layer's path all of its rows, a role or a site's name the
 * parts.
 */
function sitesByName<Layer extends AdaptableLayer>(
  layers: readonly Layer[],
): Map<string, LayerSite<Layer>[]> {
  const named = new Map<string, LayerSite<Layer>[]>();
  const add = (name: string, site: LayerSite<Layer>) =>
    named.has(name) ? named.get(name)!.push(site) : named.set(name, [site]);
  layers.forEach((layer, position) => {
    add(layer.name, wholeSite(layer, position));
    for (const role of rolesOf(layer)) {
      const site = siteOf(layer, position, role);
      if (role !== layer.name) add(role, site);
      add(siteName({ module: layer.name, role }), site);
    }
  });
  return named;
}

function refuseSite(layers: readonly AdaptableLayer[], name: string): never {
  const roles = [...new Set(layers.flatMap(rolesOf))];
  const paths = layers.filter(({ kind }) => kind === "linear").map(({ name }) => name);
  const end = nearestEnd(name, paths);
  const near = nearestName(name, roles) ?? paths.find((path) => lastPart(path) === end);
  throw new RangeError(
    `sites must name a role (${roles.join(", ")}), or a layer or site by its path such as ` +
      `${paths[0] ?? layers[0].name}, found ${quote(name)}${meant(near)}`,
  );
}

const meant = (near: string | undefined): string => near ? ` (did you mean ${near}?)` : "";

const lastPart = (path: string): string => path.slice(path.lastIndexOf(".") + 1);

/** The last part of the paths that a name may stand for. */
const nearestEnd = (name: string, paths: readonly string[]): string | undefined =>
  nearestName(lastPart(name), paths.map(lastPart));

function targetedSites<Layer extends AdaptableLayer>(
  layers: readonly Layer[],
  targets: string | readonly string[],
): LayerSite<Layer>[] {
  const wholes = layers.map(wholeSite);
  if (targets === "all-linear") return wholes.filter(({ layer }) => layer.kind === "linear");
  if (targets.length === 0) throw new RangeError("targetModules must name a layer, found none");
  for (const part of typeof targets === "string" ? [targets] : targets.map((target) => [target])) {
    const isTarget = targetTest(part, "targetModules");
    if (!layers.some(({ name }) => isTarget(name))) refuseTarget(layers, `${part}`);
  }
  const isTarget = targetTest(targets, "targetModules");
  return wholes.filter(({ name }) => isTarget(name));
}

function refuseTarget(layers: readonly AdaptableLayer[], target: string): never {
  const names = layers.filter(({ kind }) => kind !== "embedding").map(({ name }) => name);
  const ends = [...new Set(names.map(lastPart))];
  throw new RangeError(
    `targetModules must match a layer of the model (${listNames(ends)}), ` +
      `found ${quote(target)}${meant(nearestEnd(target, names))}`,
  );
}

/** Parts of one weight never share rows; only the whole weight overlaps them, and it comes first. */
function assertDisjoint(sites: readonly LayerSite<AdaptableLayer>[]): void {
  sites.slice(1).forEach((site, i) => {
    const before = sites[i];
    if (before.layer !== site.layer || before.role) return;
    throw new RangeError(
      `sites of one adapter must not share rows, found ${before.name} and ${site.name}`,
    );
  });
}

// Their vectors.

/** The vector that is asked for; at most one. */
export interface VectorOptions {
  /** A magnitude for each row: DoRA. Default false. */
  readonly dora?: boolean;
  /** A bias of B. Default false. */
  readonly loraBias?: boolean;
}

/** Facts about a site that decide its vector. */
export interface VectorSite {
  /** The site's name. */
  readonly name: string;
  /** Its rows. */
  readonly rows: SiteRows;
  /** Rows of the whole weight. */
  readonly outputs: number;
  /** True if the weight is an embedding's. */
  readonly isTable: boolean;
}

/**
 * The option that gives a site a vector, with one value for each of its rows, if one does.
 *
 * @throws {TypeError} when both are asked for.
 * @throws {RangeError} when the site is an embedding, or not a whole layer: PEFT has a vector for all rows of a
 * weight, or none.
 */
export function vectorOption(
  { name, rows, outputs, isTable }: VectorSite,
  { dora, loraBias }: VectorOptions,
): keyof VectorOptions | undefined {
  if (!dora && !loraBias) return undefined;
  const option = dora ? "dora" : "loraBias";
  if (isTable) {
    throw new RangeError(`${option} needs linear layers, found the embedding ${name}`);
  }
  if (dora && loraBias) {
    throw new TypeError("dora needs loraBias to be false, as in PEFT, found true");
  }
  if (countRows(rows) !== outputs) {
    throw new RangeError(`${option} needs whole layers, by targetModules, found the site ${name}`);
  }
  return option;
}
