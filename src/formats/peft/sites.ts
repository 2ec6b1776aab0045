/** The sites of an adapter's modules, in the metadata of its weights file. @module */

import { isRecord, jsonValue } from "../../core/checks.ts";
import { AdapterFileError, quote } from "../../core/errors.ts";
import type { HostTensor } from "../../core/tensor.ts";
import {
  countRows,
  indicesOf,
  type LowRankUpdate,
  rangesOf,
  type SiteRole,
  siteRoles,
  type SiteRows,
  type UpdateShape,
} from "../../core/update.ts";
import { isCounts, type Json } from "../safetensors/header.ts";
import { gather } from "./comparable.ts";
import type { TrainedUpdate } from "./record.ts";

/** A block of a module's B in the metadata. */
interface NamedSite {
  /** The rows of the weight that it changes. */
  readonly rows: SiteRows;
  /** Number of its columns; they follow those of the previous site. */
  readonly rank: number;
  /** The role of those rows; absent in older files. */
  readonly role?: SiteRole;
}

/** The key in `__metadata__`; PEFT only reads `format`. */
const KEY = "lowrank.sites";

/** Metadata that names the sites of every module whose updates have rows; empty if none has. */
export function sitesMetadata(updates: readonly LowRankUpdate[]): Record<string, string> {
  const named = Map.groupBy(updates.filter(({ rows }) => rows), ({ module }) => module);
  const entries = [...named].map(([module, sites]) => [
    module,
    sites.map(({ rows, A, role }) => ({
      rows: rangesOf(rows!).flatMap(({ start, count }) => [start, count]),
      rank: A.shape[0],
      role,
    })),
  ]);
  return named.size > 0 ? { [KEY]: JSON.stringify(Object.fromEntries(entries)) } : {};
}

/**
 * The sites of each module that the metadata names.
 *
 * @throws {AdapterFileError} when the text is not what {@link sitesMetadata} writes.
 */
export function parseSites(metadata: Readonly<Record<string, string>>): Map<string, NamedSite[]> {
  if (!Object.hasOwn(metadata, KEY)) return new Map();
  const json = jsonValue(metadata[KEY]);
  if (!isRecord(json)) return refuse("be a JSON object of modules", metadata[KEY]);
  return new Map(Object.entries(json).map(([name, sites]) => [name, sitesOf(name, sites)]));
}

function sitesOf(name: string, value: unknown): NamedSite[] {
  if (!Array.isArray(value)) return refuse(`list the sites of ${quote(name)}`, value);
  return value.map((site) => {
    const { rows, rank, role } = isRecord(site) ? site : {} as Json;
    if (!isCounts(rows) || rows.length === 0 || rows.length % 2 === 1 || !isCounts([rank])) {
      return refuse(`give rows and a rank for each site of ${quote(name)}`, site);
    }
    const where = { rows: rangesIn(rows), rank: rank as number };
    if (role === undefined) return where;
    return isRole(role)
      ? { ...where, role }
      : refuse(`give each site of ${quote(name)} a role of ${siteRoles.join(", ")}, or none`, site);
  });
}

/** Pairs of a first row and a count: one range, or several. */
function rangesIn(counts: readonly number[]): SiteRows {
  const ranges = Array.from({ length: counts.length / 2 }, (_, i) => {
    return { start: counts[2 * i], count: counts[2 * i + 1] };
  });
  return ranges.length === 1 ? ranges[0] : ranges;
}

/**
 * Cuts the update of a whole module into those of its sites.
 *
 * @throws {AdapterFileError} when the sites do not fit the module's shapes, share rows, or B has
 * nonzero values outside them.
 */
export function cutSites(
  { module, A, B, scaling, magnitude, bias }: TrainedUpdate,
  sites: readonly NamedSite[],
): TrainedUpdate[] {
  checkFit(module, B, sites);
  if ((magnitude || bias) && countRows(sites[0].rows) !== B.shape[0]) {
    refuse(`name one site of ${quote(module)}, whose magnitude or bias has all rows`, sites);
  }
  let first = 0;
  const updates = sites.map(({ rank, ...site }): TrainedUpdate => {
    const columns = indicesOf({ start: first, count: rank });
    first += rank;
    const [a, b] = [gather(A, columns), gather(B, indicesOf(site.rows), columns)];
    const vectors = { ...magnitude && { magnitude }, ...bias && { bias } };
    return { module, ...site, outputs: B.shape[0], A: a, B: b, scaling, ...vectors };
  });
  const inside = updates.reduce((sum, update) => sum + countValues(update.B), 0);
  if (inside !== countValues(B)) {
    refuse(`name every block of ${quote(module)} that is not zero`, sites);
  }
  return updates;
}

/**
 * The same of the shapes alone.
 *
 * @throws {AdapterFileError} when the sites do not fit them or share rows.
 */
export function cutShapes(
  { module, A: { shape: [, inner] }, B }: UpdateShape,
  sites: readonly NamedSite[],
): UpdateShape[] {
  checkFit(module, B, sites);
  return sites.map(({ rank, ...site }) => ({
    ...{ module, ...site, outputs: B.shape[0] },
    A: { shape: [rank, inner] },
    B: { shape: [countRows(site.rows), rank] },
  }));
}

function checkFit(
  name: string,
  { shape: [out, rank] }: Pick<HostTensor, "shape">,
  sites: readonly NamedSite[],
) {
  const ranks = sites.reduce((sum, site) => sum + site.rank, 0);
  if (ranks !== rank || sites.some((site) => site.rank === 0)) {
    refuse(`divide the rank ${rank} of ${quote(name)} among its sites`, sites);
  }
  let end = 0;
  const ranges = sites.flatMap(({ rows }) => rangesOf(rows)).sort((a, b) => a.start - b.start);
  for (const { start, count } of ranges) {
    if (start < end || count === 0 || start + count > out) {
      refuse(`give each site of ${quote(name)} rows of its own in [0, ${out})`, sites);
    }
    end = start + count;
  }
}

/** Number of nonzero values. */
function countValues({ data }: HostTensor): number {
  let count = 0;
  for (let i = 0; i < data.length; i++) if (data[i] !== 0) count++;
  return count;
}

const isRole = (value: unknown): value is SiteRole => siteRoles.some((role) => role === value);

function refuse(rule: string, value: unknown): never {
  throw new AdapterFileError(`metadata "${KEY}" must ${rule}, found ${quote(value)}`);
}
