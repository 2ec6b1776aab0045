/** Converting an adapter from one program's form to another's, with a proof. @module */

import { architectureOf } from "../../architectures/registry.ts";
import { AdapterFileError } from "../../core/errors.ts";
import { boundsOf } from "../../core/numbers.ts";
import type { HostData, HostTensor } from "../../core/tensor.ts";
import { indicesOf, type LowRankUpdate } from "../../core/update.ts";
import { assertNoOtherKind } from "../../formats/folder_kind.ts";
import type { AdapterRecord } from "../../formats/mod.ts";
import { readRecord } from "../../formats/peft/folder.ts";
import { type FloatDtype, floatTypes, type Rounding } from "../../core/float_types.ts";
import { configFile } from "../../formats/peft/keys.ts";
import { roundedTo } from "../../formats/safetensors/header.ts";
import { type BaseFile, openBase } from "../../models/base_file.ts";
import { listFolder } from "../../storage/files.ts";
import { asFiles, type HeldFile, holdFiles, saveFolder } from "../../storage/folder.ts";
import { kindOf } from "../../storage/storage.ts";
import { baseNameIn } from "../adapter.ts";
import {
  type AdapterDialect,
  type AnyAdapter,
  dialectFiles,
  readAnyAdapter,
  type ReadAnyOptions,
  readForeign,
} from "./dialects.ts";

/** Effect of a conversion on one module. */
export interface ConvertedModule {
  /** Path of the layer. */
  readonly module: string;
  /** The rank of its updates together, before. */
  readonly rankBefore: number;
  /** The same after. */
  readonly rank: number;
  /** The factor of B A after: α / r of the new file. */
  readonly scaling: number;
  /** max |ΔW before − ΔW after| over all entries. */
  readonly difference: number;
  /** The most that rounding can explain. */
  readonly limit: number;
}

/** ΔW of a module as a sum of outer products; a column has the scaling. */
interface Terms {
  readonly columns: Float64Array[];
  readonly rows: HostData[];
}

/** Four roundings to F32 are between the two in any case: those of α, of the scaling, and of a factor twice. */
const always = 4 * floatTypes.F32.rounding.share;

/**
 * Compares ΔW module by module, both in float64. What rounding explains is bounded by Cauchy and Schwarz:
 * |ΔWᵢⱼ| ≤ ‖row i of s B‖ · ‖column j of A‖. In 16 bits each value of A and B is rounded once more, by a share of
 * itself or, where F16 has no smaller numbers, by a constant.
 *
 * Only what differs is multiplied, row by row: where A has the same bits, one product of the difference of
 * s B, and none where that is zero. Memory: the factors in float64.
 *
 * @param dtype Type of A and B in the file; they were exact in it unless it is given.
 * @throws {RangeError} when the modules are not the same.
 */
export function proveUpdates(
  before: readonly LowRankUpdate[],
  after: readonly LowRankUpdate[],
  dtype?: FloatDtype,
): ConvertedModule[] {
  const old = Map.groupBy(before, ({ module }) => module);
  const fresh = Map.groupBy(after, ({ module }) => module);
  const lost = [...old.keys()].find((name) => !fresh.has(name)) ??
    [...fresh.keys()].find((name) => !old.has(name));
  if (lost !== undefined) {
    throw new RangeError(`both adapters must have the same modules, found "${lost}" in one only`);
  }
  return [...old].map(([module, sites]) => {
    const [one, other] = [sites, fresh.get(module)!].map(termsOf);
    const { scaling } = fresh.get(module)![0];
    return {
      module,
      rankBefore: one.rows.length,
      rank: other.rows.length,
      scaling,
      difference: largestEntry(differenceOf(one, other)),
      limit: limitOf(one, scaling, dtype && floatTypes[dtype].rounding),
    };
  });
}

/** Throws for a module whose difference is more than rounding explains. */
export function assertProven(modules: readonly ConvertedModule[]): void {
  // Not `difference > limit`, which is false of NaN.
  const wrong = modules.find(({ difference, limit }) => !(difference <= limit));
  if (wrong === undefined) return;
  throw new RangeError(
    `nothing was written: the new file must have the same dW up to rounding (${
      wrong.limit.toPrecision(2)
    } in "${wrong.module}"), found a difference of ${wrong.difference.toPrecision(2)}`,
  );
}

/** The rows of the weight that an update changes. */
const placesOf = ({ B, rows = { start: 0, count: B.shape[0] } }: LowRankUpdate): number[] =>
  indicesOf(rows);

function termsOf(sites: readonly LowRankUpdate[]): Terms {
  const terms: Terms = { columns: [], rows: [] };
  const placed = sites.map((site) => ({ site, places: placesOf(site) }));
  for (const { site, places } of placed.toSorted((a, b) => a.places[0] - b.places[0])) {
    const { A, B, outputs = B.shape[0], scaling } = site, [rank, inner] = A.shape;
    for (let r = 0; r < rank; r++) {
      const column = new Float64Array(outputs);
      places.forEach((place, i) => column[place] = scaling * B.data[i * rank + r]);
      terms.columns.push(column);
      terms.rows.push(A.data.subarray(r * inner, (r + 1) * inner));
    }
  }
  return terms;
}

function differenceOf(one: Terms, other: Terms): Terms {
  const columns: Float64Array[] = [], rows: HostData[] = [];
  const add = (column: Float64Array, row: HostData) => {
    if (column.every((value) => value === 0) || row.every((value) => value === 0)) return;
    columns.push(column);
    rows.push(row);
  };
  for (let r = 0; r < Math.max(one.rows.length, other.rows.length); r++) {
    const [a, b] = [one.columns[r], other.columns[r]];
    if (a && b && isSame(one.rows[r], other.rows[r]) && a.length === b.length) {
      add(a.map((value, i) => value - b[i]), one.rows[r]);
      continue;
    }
    if (a) add(a, one.rows[r]);
    if (b) add(b.map((value) => -value), other.rows[r]);
  }
  return { columns, rows };
}

const isSame = (a: HostData, b: HostData): boolean =>
  a.length === b.length && a.every((value, i) => value === b[i]);

function largestEntry({ columns, rows }: Terms): number {
  if (columns.length === 0) return 0;
  const sum = new Float64Array(rows[0].length);
  let largest = 0;
  for (let i = 0; i < columns[0].length; i++) {
    sum.fill(0);
    columns.forEach((column, r) => addScaledRow(sum, column[i], rows[r]));
    for (const value of sum) largest = value === value ? Math.max(largest, Math.abs(value)) : NaN;
  }
  return largest;
}

function addScaledRow(sum: Float64Array, factor: number, row: HostData): void {
  if (factor === 0) return;
  for (let j = 0; j < sum.length; j++) sum[j] += factor * row[j];
}

/** The difference that rounding explains: max ‖row of s B‖ · max ‖column of A‖, times its shares, and what it adds to small values. */
function limitOf({ columns, rows }: Terms, scaling: number, rounding?: Rounding): number {
  const [B, A] = [columns, rows].map(longest);
  if (rounding === undefined) return always * B * A;
  const { share, least } = rounding, added = least * Math.sqrt(rows.length);
  const [moreB, moreA] = [share * B + Math.abs(scaling) * added, share * A + added];
  return always * B * A + moreB * A + B * moreA + moreB * moreA;
}

/** The largest norm over the positions of equally long vectors. */
function longest(vectors: readonly ArrayLike<number>[]): number {
  const squares = new Float64Array(vectors[0].length);
  for (const vector of vectors) {
    for (let i = 0; i < squares.length; i++) squares[i] += vector[i] * vector[i];
  }
  return Math.sqrt(boundsOf(squares)[1]);
}

/** Options of {@link convertFolder}. */
export interface ConvertRequest extends Omit<ReadAnyOptions, "layers" | "baseFile"> {
  /** A folder of PEFT, a safetensors file of another program, or a folder with one. */
  readonly adapter: string;
  /** The folder to write. */
  readonly output: string;
  /** Form to write. */
  readonly to: AdapterDialect;
  /** The base model's folder, where names or weights of it are needed, or the adapter does not name it. */
  readonly base?: string;
  /** PEFT's task type. Default: the adapter's. */
  readonly taskType?: string;
  /** kohya's name of the part of a diffusion model. Default `te`, a text encoder. */
  readonly network?: string;
  /** Type of the stored values. Default: as they were. */
  readonly dtype?: FloatDtype;
}

/** Result of {@link convertFolder}. */
export interface Conversion {
  /** The form that the adapter had. */
  readonly from: AdapterDialect;
  /** The proof: every module of the file that was written, read back, against the original. */
  readonly modules: readonly ConvertedModule[];
  /** Tensors beside A and B that were carried over: bit for bit, or rounded to a type that was asked for. */
  readonly carried: number;
  /** Type of the stored values. */
  readonly dtype: FloatDtype;
  /** `lora_alpha` of loralib, whose files do not say it. */
  readonly alpha?: number;
  /** Facts that the original does not state. */
  readonly notes: readonly string[];
  /** The names of the files. */
  readonly files: readonly string[];
}

/**
 * Converts an adapter. The files are made in memory and read back by the reader of their form; where ΔW of a
 * module is not the original's up to rounding, nothing is written. The folder is saved as a whole.
 *
 * @throws {AdapterFileError} when the adapter cannot be read, or holds what the new form cannot.
 * @throws {RangeError} when the proof fails, or the output folder holds something else.
 */
export async function convertFolder(request: ConvertRequest): Promise<Conversion> {
  const { adapter, output, to, dtype: asked } = request;
  await assertFreeFor(output, to);
  using base = request.base === undefined ? undefined : await openBase(request.base);
  const facts = { ...request, layers: base && layersOf(base), baseFile: base };
  const original = await readAnyAdapter(adapter, facts);
  if (request.enabled && ![original.dialect, to].includes("loralib")) {
    throw new RangeError(`--enable-lora is for loralib, found ${original.dialect} to ${to}`);
  }
  const record = withNames(original.record, request), dtype = asked ?? record.dtype ?? "F32";
  const { files, alpha } = await dialectFiles(to, output, { ...record, dtype }, request);
  const contents = await holdFiles(files), read = await readBack(to, contents);
  const modules = proveUpdates(record.updates, read.record.updates, asked);
  assertProven(modules);
  const carried = assertCarried(record, read.record, dtype);
  await saveFolder(output, contents.map(({ name, content }) => ({ name, content })));
  return {
    ...{ from: original.dialect, modules, carried, alpha, dtype },
    notes: original.notes,
    files: files.map(({ name }) => name),
  };
}

/** The record with the names of its base and its task where it has none, or another is asked for. */
function withNames(record: AdapterRecord, { base, taskType }: ConvertRequest): AdapterRecord {
  const { baseModelName = baseNameIn(base) } = record;
  return { ...record, baseModelName, taskType: taskType ?? record.taskType };
}

/** A folder must not hold weights that the new files do not replace. */
async function assertFreeFor(output: string, to: AdapterDialect): Promise<void> {
  await assertNoOtherKind(output, "adapter");
  if (await kindOf(output) !== "folder") return;
  const own = { peft: /^adapter_/, kohya: /^pytorch_lora_/, loralib: /^lora\./ }[to];
  const names = await listFolder(output);
  const other = names.find((name) =>
    (/\.safetensors$/.test(name) || name === configFile) && !own.test(name)
  );
  if (other === undefined) return;
  throw new RangeError(
    `${output} must not hold weights of another form, found ${other}: choose another folder`,
  );
}

/** Paths of the layers, as the architecture has them or, if it is unknown, the file. */
function layersOf({ config, file }: BaseFile): string[] {
  try {
    return architectureOf(config).linears.map(({ name }) => name);
  } catch {
    return [...file.tensors.keys()].filter((key) => key.endsWith(".weight"))
      .map((key) => key.slice(0, -".weight".length));
  }
}

function besides({ updates, saved, biases, rows }: AdapterRecord): [string, HostTensor][] {
  return [
    ...updates.flatMap(({ module, magnitude, bias }): [string, HostTensor][] => [
      ...magnitude ? [[`${module}.magnitude`, magnitude] as [string, HostTensor]] : [],
      ...bias ? [[`${module} bias of B`, bias] as [string, HostTensor]] : [],
    ]),
    ...saved ?? [],
    ...biases ?? [],
    ...Array.from(rows ?? [], ([name, { values }]): [string, HostTensor] => [name, values]),
  ];
}

/** Reads what is to be written, as a stranger would. */
async function readBack(
  to: AdapterDialect,
  contents: readonly HeldFile[],
): Promise<Pick<AnyAdapter, "record">> {
  const files = asFiles(contents);
  if (to === "peft") return { record: await readRecord(files) };
  return await readForeign(files[0], {});
}

/** Throws unless what was trained beside A and B is the same, in its type; their number. */
function assertCarried(before: AdapterRecord, after: AdapterRecord, dtype: FloatDtype): number {
  const old = besides(before), fresh = new Map(besides(after));
  const isSame = ([name, { data }]: readonly [string, HostTensor]) => {
    const stored = roundedTo(data, dtype), other = fresh.get(name)?.data;
    return other?.length === stored.length && stored.every((value, i) => value === other[i]);
  };
  const changed = old.find((entry) => !isSame(entry));
  if (changed === undefined && old.length === fresh.size) return old.length;
  const name = changed?.[0] ?? [...fresh.keys()].find((key) => !old.some(([own]) => own === key));
  throw new AdapterFileError(
    `nothing was written: every tensor beside A and B must be carried over, found "${name}" changed`,
  );
}
