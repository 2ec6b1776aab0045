/** Sites: which output rows of which linear layers an adapter takes. @module */

import { listNames } from "../core/module_names.ts";
import type { RowRange } from "../core/row_range.ts";
import { type SiteAddress, siteName, type SiteRole, siteRoles } from "../core/site.ts";
import type { Model } from "../models/model.ts";
import type { Linear } from "../nn/linear.ts";
import { selectTargets } from "./targets.ts";

/** Output rows of a linear layer that an adapter may take. */
export interface Site {
  /** `transformer.h.0.attn.c_attn:q`, or the layer's path alone where it is all of its rows. */
  readonly name: string;
  /** The layer. */
  readonly linear: Linear;
  /** What they do, where they are a part of the layer's weight. */
  readonly role?: SiteRole;
  /** Its rows. */
  readonly rows: RowRange;
  /** A number that no other site of the model has, whatever was selected: layers in their order. */
  readonly index: number;
}

/** What to adapt; one of the two. */
export interface SiteSelection {
  /**
   * `"all"`: every site of every layer but the head. Else roles (`"q"`: that site of every layer), a
   * layer's path (all rows of its weight as one site), or a path and a role
   * (`"transformer.h.0.attn.c_attn:q"`).
   */
  readonly sites?: "all" | readonly string[];
  /**
   * Layers whose whole weight is one site, named as in PEFT: a list of paths or of their last parts
   * (`["c_attn"]`), a regular expression for the whole path, or `"all-linear"`.
   */
  readonly targetModules?: string | readonly string[];
}

/**
 * The sites that a selection names, in the order of the forward pass, each once.
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
export function selectSites(model: Model, { sites, targetModules }: SiteSelection): Site[] {
  if ((sites === undefined) === (targetModules === undefined)) {
    const found = sites === undefined ? "neither" : "both";
    throw new TypeError(`an adapter needs either sites or targetModules, found ${found}`);
  }
  assertSelection({ sites, targetModules });
  const selected = targetModules === undefined
    ? namedSites(model, sites!)
    : selectTargets(model.linears, targetModules).map((linear) => wholeSite(model, linear));
  const unique = [...new Map(selected.map((site) => [site.name, site])).values()];
  unique.sort((a, b) => a.index - b.index);
  assertDisjoint(unique);
  return unique;
}

/** Selections come from JSON too. */
function assertSelection({ sites, targetModules }: SiteSelection): void {
  if (sites !== undefined && sites !== "all" && !isList(sites)) {
    throw new TypeError(
      `sites must be a list such as ["o", "down"] or "all", found ${JSON.stringify(sites)}`,
    );
  }
  if (targetModules === undefined || typeof targetModules === "string" || isList(targetModules)) {
    return;
  }
  const found = JSON.stringify(targetModules);
  throw new TypeError(
    `targetModules must be a list such as ["c_attn"], a pattern or "all-linear", found ${found}`,
  );
}

const isList = (value: unknown): boolean =>
  Array.isArray(value) && value.every((item) => typeof item === "string");

/**
 * Where an update of these rows of a layer belongs: the layer alone, or, where it has several parts, the
 * rows and the part that they are.
 */
export function addressOf(linear: Linear, rows: RowRange): SiteAddress {
  const { name: module, parts, weight } = linear, roles = rolesOf(linear);
  if (roles.length < 2) return { module };
  const role = roles.find((role) => sameRows(parts[role]!, rows));
  return { module, ...role && { role }, rows, outputs: weight.shape[0] };
}

/** True for the same rows of one weight. */
export function sameRows(a: RowRange, b: RowRange): boolean {
  return a.start === b.start && a.count === b.count;
}

/** The site of all rows of a layer of the model. */
export function wholeSite(model: Model, linear: Linear): Site {
  const rows = { start: 0, count: linear.weight.shape[0] };
  return { name: linear.name, linear, rows, index: model.linears.indexOf(linear) * 8 };
}

/** The declared sites of a layer of the model: `q`, `k` and `v` of a fused projection. */
export function declaredSites(model: Model, linear: Linear): Site[] {
  return rolesOf(linear).map((role) => siteOf(model, linear, role));
}

const rolesOf = ({ parts }: Linear): SiteRole[] => siteRoles.filter((role) => parts[role]);

function siteOf(model: Model, linear: Linear, role: SiteRole): Site {
  const whole = wholeSite(model, linear), rows = linear.parts[role]!;
  if (rows.count === whole.rows.count) return whole;
  const index = whole.index + 1 + siteRoles.indexOf(role);
  return { name: siteName({ module: linear.name, role }), linear, role, rows, index };
}

function namedSites(model: Model, names: "all" | readonly string[]): Site[] {
  if (names === "all") {
    const layers = model.linears.filter(({ parts }) => !parts.head);
    return layers.flatMap((linear) => declaredSites(model, linear));
  }
  if (names.length === 0) throw new RangeError("sites must name at least one site, found none");
  return names.flatMap((name) => sitesNamed(model, name));
}

function sitesNamed(model: Model, name: string): Site[] {
  const found = model.linears.flatMap((linear) => {
    if (linear.name === name) return [wholeSite(model, linear)];
    return rolesOf(linear)
      .filter((role) => name === role || name === `${linear.name}:${role}`)
      .map((role) => siteOf(model, linear, role));
  });
  return found.length > 0 ? found : refuse(model, name);
}

function refuse(model: Model, name: string): never {
  const inUse = [...new Set(model.linears.flatMap(rolesOf))].join(", ");
  const sites = model.linears.flatMap((linear) => declaredSites(model, linear));
  throw new RangeError(
    `sites must name a role (${inUse}) or a layer or site of the model ` +
      `(${listNames(sites.map((site) => site.name))}), found "${name}"`,
  );
}

function assertDisjoint(sites: readonly Site[]): void {
  sites.slice(1).forEach((site, i) => {
    const before = sites[i];
    if (before.linear === site.linear && before.rows.start + before.rows.count > site.rows.start) {
      throw new RangeError(
        `sites of one adapter must not share rows, found ${before.name} and ${site.name}`,
      );
    }
  });
}
