/** Converting an adapter from one program's form to another's, with a proof. @module */

import { architectureOf } from "../../architectures/mod.ts";
import { AdapterFileError } from "../../core/errors.ts";
import { listFolder } from "../../core/files.ts";
import { asFiles, type HeldFile, holdFiles } from "../../core/held_files.ts";
import type { HostTensor } from "../../core/host_tensor.ts";
import { saveFolder } from "../../core/save_folder.ts";
import { kindOf } from "../../core/storage.ts";
import { isExactIn, roundedTo } from "../../formats/dtype.ts";
import { assertNoOtherKind } from "../../formats/folder_kind.ts";
import type { AdapterRecord, FloatDtype } from "../../formats/mod.ts";
import { type BaseFile, openBase } from "../../models/base_file.ts";
import { baseNameIn } from "../adapter.ts";
import { bakeUpdates } from "./bake.ts";
import { assertProven, type ConvertedModule, proveUpdates } from "./delta_proof.ts";
import { type FoldedDora, plainRecord } from "./plain.ts";
import {
  type AdapterDialect,
  type AnyAdapter,
  readAnyAdapter,
  type ReadAnyOptions,
  readForeign,
} from "./read_any.ts";
import { readRecord } from "../../formats/read_record.ts";
import { dialectFiles } from "./dialect_files.ts";

/** What {@link convertFolder} reads and writes. */
export interface ConvertRequest extends Omit<ReadAnyOptions, "layers" | "baseFile"> {
  /** A folder of PEFT, a safetensors file of another program, or a folder with one. */
  readonly adapter: string;
  /** The folder to write. */
  readonly output: string;
  /** Whose form to write. */
  readonly to: AdapterDialect;
  /** The base model's folder, where names or weights of it are needed, or the adapter does not name it. */
  readonly base?: string;
  /** Write α = r, and one rank. Default false. */
  readonly bake?: boolean;
  /** Fold what is not A and B into them. Default false. */
  readonly plain?: boolean;
  /** The relative error that folding DoRA may make. Default: none. */
  readonly error?: number;
  /** PEFT's task type. Default: the adapter's. */
  readonly taskType?: string;
  /** kohya's name of the part of a diffusion model. Default `te`, a text encoder. */
  readonly network?: string;
  /** Type of the stored values. Default: as they were, or F32 where that does not hold the new ones exactly. */
  readonly dtype?: FloatDtype;
}

/** What {@link convertFolder} has done. */
export interface Conversion {
  /** The form that the adapter had. */
  readonly from: AdapterDialect;
  /** The proof: every module of the file that was written, read back, against the original. */
  readonly modules: readonly ConvertedModule[];
  /** What became of DoRA. */
  readonly folded: readonly FoldedDora[];
  /** Tensors beside A and B that were carried over: bit for bit, or rounded to a type that was asked for. */
  readonly carried: number;
  /** Type of the stored values. */
  readonly dtype: FloatDtype;
  /** `lora_alpha` of loralib, whose files do not say it. */
  readonly alpha?: number;
  /** What the original leaves open. */
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
  const { adapter, output, to, plain, bake, error, dtype: asked } = request;
  await assertFreeFor(output, to);
  using base = request.base === undefined ? undefined : await openBase(request.base);
  const facts = { ...request, layers: base && layersOf(base), baseFile: base };
  const original = await readAnyAdapter(adapter, facts);
  if (request.enabled && ![original.dialect, to].includes("loralib")) {
    throw new RangeError(`--enable-lora is for loralib, found ${original.dialect} to ${to}`);
  }
  const named = withNames(original.record, request);
  const { record, folded } = plain
    ? await plainRecord(named, { base, error })
    : { record: named, folded: [] };
  const updates = bake ? bakeUpdates(record.updates) : record.updates;
  const made = { ...record, updates }, dtype = asked ?? exactDtype(made);
  const { files, alpha } = await dialectFiles(to, output, { ...made, dtype }, request);
  const contents = await holdFiles(files), read = await readBack(to, contents);
  const proof = proveUpdates(record.updates, read.record.updates, asked);
  assertProven(proof);
  const ranks = ranksOf(original.record);
  const modules = proof.map((each) => ({ ...each, rankBefore: ranks.get(each.module)! }));
  const carried = assertCarried(made, read.record, dtype);
  await saveFolder(output, contents.map(({ name, content }) => ({ name, content })));
  return {
    ...{ from: original.dialect, modules, folded, carried, alpha, dtype },
    notes: original.notes,
    files: files.map(({ name }) => name),
  };
}

/** The record with the names of its base and its task where it has none, or another is asked for. */
function withNames(record: AdapterRecord, { base, taskType }: ConvertRequest): AdapterRecord {
  const { baseModelName = baseNameIn(base) } = record;
  return { ...record, baseModelName, taskType: taskType ?? record.taskType };
}

/** The ranks of modules, before anything was folded. */
const ranksOf = ({ updates }: AdapterRecord): Map<string, number> =>
  new Map(
    Array.from(
      Map.groupBy(updates, ({ module }) => module),
      ([module, sites]) => [module, sites.reduce((sum, { A }) => sum + A.shape[0], 0)],
    ),
  );

/** A folder must not hold weights that the new files do not replace. */
async function assertFreeFor(output: string, to: AdapterDialect): Promise<void> {
  await assertNoOtherKind(output, "adapter");
  if (await kindOf(output) !== "folder") return;
  const own = { peft: /^adapter_/, kohya: /^pytorch_lora_/, loralib: /^lora\./ }[to];
  const names = await listFolder(output);
  const other = names.find((name) =>
    (/\.safetensors$/.test(name) || name === "adapter_config.json") && !own.test(name)
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

/** The type of the original, or F32 where that does not hold all values exactly. */
function exactDtype(record: AdapterRecord): FloatDtype {
  const { dtype = "F32" } = record;
  const isExact = tensorsIn(record).every(([, { data }]) => isExactIn(data, dtype));
  return isExact ? dtype : "F32";
}

/** All tensors of a record, those beside A and B by names. */
function tensorsIn(record: AdapterRecord): (readonly [string, HostTensor])[] {
  return [...record.updates.flatMap(({ A, B }) => [["", A], ["", B]] as const), ...besides(record)];
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
