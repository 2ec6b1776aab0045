/** The sites of an adapter's modules, in the metadata of its weights file. @module */

import { AdapterFileError } from "../core/errors.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import type { RowRange } from "../core/row_range.ts";
import type { BlockSite } from "./blocks.ts";

/** A block of a module's B: the rows of the weight that it changes and how many columns it has. */
export interface AdapterSite {
  /** The rows. */
  readonly rows: RowRange;
  /** The site's rank: its columns follow those of the site before. */
  readonly rank: number;
}

/** The key of `__metadata__`; PEFT reads `format` alone. */
const KEY = "lowrank.sites";

interface Named {
  readonly name: string;
  readonly sites?: readonly AdapterSite[];
}

/** Metadata that names the sites of the modules that say theirs; nothing where none does. */
export function sitesMetadata(modules: readonly Named[]): Record<string, string> {
  const named = modules.filter(({ sites }) => sites);
  const entries = named.map(({ name, sites }) => [
    name,
    sites!.map(({ rows: { start, count }, rank }) => ({ rows: [start, count], rank })),
  ]);
  return named.length > 0 ? { [KEY]: JSON.stringify(Object.fromEntries(entries)) } : {};
}

/**
 * The sites of each module that the metadata names.
 *
 * @throws {AdapterFileError} Where the text is not what {@link sitesMetadata} writes.
 */
export function parseSites(metadata: Readonly<Record<string, string>>): Map<string, AdapterSite[]> {
  if (!Object.hasOwn(metadata, KEY)) return new Map();
  const json = parseJson(metadata[KEY]);
  if (!isRecord(json)) return refuse("be a JSON object of modules", metadata[KEY]);
  return new Map(Object.entries(json).map(([name, sites]) => [name, sitesOf(name, sites)]));
}

function sitesOf(name: string, value: unknown): AdapterSite[] {
  if (!Array.isArray(value)) return refuse(`list the sites of "${name}"`, value);
  return value.map((site) => {
    const { rows, rank } = isRecord(site) ? site : {} as Json;
    if (!isCounts(rows) || rows.length !== 2 || !isCounts([rank])) {
      return refuse(`give rows and a rank for each site of "${name}"`, site);
    }
    return { rows: { start: rows[0], count: rows[1] }, rank: rank as number };
  });
}

/**
 * Cuts a module into the sites that it is said to have.
 *
 * @throws {AdapterFileError} Where they do not fit its shapes, share rows, or B has values outside.
 */
export function splitSites(
  { name, A, B, scaling }: { name: string; A: HostTensor; B: HostTensor; scaling: number },
  sites: readonly AdapterSite[],
): BlockSite[] {
  checkFit(name, B, sites);
  let first = 0;
  const blocks = sites.map(({ rows, rank }): BlockSite => {
    const columns = { start: first, count: rank }, all = { start: 0, count: A.shape[1] };
    first += rank;
    return { A: cut(A, columns, all), B: cut(B, rows, columns), scaling, rows };
  });
  const inside = blocks.reduce((sum, block) => sum + countValues(block.B), 0);
  if (inside !== countValues(B)) {
    refuse(`name every block of "${name}" that is not zero`, sites);
  }
  return blocks;
}

function checkFit(name: string, { shape: [out, rank] }: HostTensor, sites: readonly AdapterSite[]) {
  const ranks = sites.reduce((sum, site) => sum + site.rank, 0);
  if (ranks !== rank || sites.some((site) => site.rank === 0)) {
    refuse(`share out the rank ${rank} of "${name}" among its sites`, sites);
  }
  let end = 0;
  for (const { start, count } of sites.map(({ rows }) => rows).sort((a, b) => a.start - b.start)) {
    if (start < end || count === 0 || start + count > out) {
      refuse(`give each site of "${name}" rows of its own in [0, ${out})`, sites);
    }
    end = start + count;
  }
}

/** Some rows and columns of a matrix. */
function cut(
  { shape: [, width], data }: HostTensor,
  rows: RowRange,
  columns: RowRange,
): HostTensor {
  const values = new Float32Array(rows.count * columns.count);
  for (let row = 0; row < rows.count; row++) {
    const from = (rows.start + row) * width + columns.start;
    values.set(data.subarray(from, from + columns.count), row * columns.count);
  }
  return { shape: [rows.count, columns.count], data: values };
}

/** How many values are not zero. */
function countValues({ data }: HostTensor): number {
  let count = 0;
  for (let i = 0; i < data.length; i++) if (data[i] !== 0) count++;
  return count;
}

type Json = Record<string, unknown>;

const isRecord = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refuse(rule: string, value: unknown): never {
  const found = typeof value === "string" ? value : JSON.stringify(value) ?? "nothing";
  throw new AdapterFileError(`metadata "${KEY}" must ${rule}, found ${found.slice(0, 200)}`);
}
