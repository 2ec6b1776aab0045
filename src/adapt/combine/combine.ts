/** Combining the adapters in several folders into one, with a certificate. @module */

import { assertCombineOptions, isCut, isRandom } from "../../analysis/combine.ts";
import {
  type CombineOptions,
  combineUpdates,
  matrixFactors,
  type SumError,
  sumError,
  type WeightedUpdate,
} from "../../analysis/mod.ts";
import { oneLine, quote } from "../../core/errors.ts";
import { modelName } from "../../storage/model_name.ts";
import { listNames } from "../../core/module_names.ts";
import { boundsOf, lazily } from "../../core/numbers.ts";
import { Random } from "../../core/random.ts";
import { formatShape, type HostTensor, sameShape } from "../../core/tensor.ts";
import { type LowRankFactors, type SiteAddress, siteName } from "../../core/update.ts";
import { assertAdapterFolder, assertNoOtherKind } from "../../formats/folder_kind.ts";
import { AdapterFolder } from "../../formats/peft/adapter_folder.ts";
import { comparableUpdates } from "../../formats/peft/comparable.ts";
import type { BiasMode, TrainedRows } from "../../formats/peft/config.ts";
import { type PeftAdapter, readRecord } from "../../formats/peft/folder.ts";
import type { AdapterException } from "../../formats/peft/read.ts";
import type { AdapterRecord, TrainedUpdate } from "../../formats/peft/record.ts";
import { writeAdapter } from "../../formats/peft/write.ts";
import type { FloatDtype } from "../../core/float_types.ts";
import { roundedTo } from "../../formats/safetensors/header.ts";
import { type BaseFile, openBase } from "../../models/base_file.ts";
import { isSamePlace } from "../../storage/files.ts";
import { baseNameIn } from "../adapter.ts";
import { assertLora } from "../load.ts";
import { doraDelta } from "../merge/change.ts";
import { assertRows } from "../trained_modules.ts";

/** An update that was written in the place of a sum, or of a difference of weights. */
export interface CertifiedUpdate {
  /** Its site. */
  readonly name: string;
  /** The ranks of the updates that it was made from; none of an extraction. */
  readonly ranks: readonly number[];
  /** Its own. */
  readonly rank: number;
  /** ‖ΔW‖ of what was asked for. */
  readonly norm: number;
  /** ‖ΔW − ΔW′‖ with ΔW′ as the file has it, rounded to its type. */
  readonly distance: number;
  /** `distance` / `norm`; infinite where ΔW is zero and ΔW′ is not. */
  readonly error: number;
  /** The least error that an update of its rank can have (Eckart and Young 1936). */
  readonly least: number;
}

/** The same of all updates together: norms of all ΔW as one vector. */
export type TotalError = Pick<CertifiedUpdate, "error" | "least">;

/** A row from its parts. */
export function certified(
  name: string,
  ranks: readonly number[],
  { A: { shape: [rank] } }: LowRankFactors,
  { norm, frobenius, relative, least }: SumError,
): CertifiedUpdate {
  return { name, ranks, rank, norm, distance: frobenius, error: relative, least };
}

/** Of all updates together. */
export function totalOf(modules: readonly CertifiedUpdate[]): TotalError {
  const [norm, distance, least] = [
    (module: CertifiedUpdate) => module.norm,
    (module: CertifiedUpdate) => module.distance,
    (module: CertifiedUpdate) => module.least * module.norm,
  ].map((pick) => Math.sqrt(modules.reduce((sum, module) => sum + pick(module) ** 2, 0)));
  const share = (size: number) => size === 0 ? 0 : size / norm;
  return { error: share(distance), least: share(least) };
}

/** Factors as a file of a type holds them. */
export const storedFactors = (
  { A, B, scaling }: LowRankFactors,
  dtype: FloatDtype,
): LowRankFactors => ({ A: stored(A, dtype), B: stored(B, dtype), scaling });

const stored = ({ shape, data }: HostTensor, dtype: FloatDtype): HostTensor => ({
  ...{ shape, data: roundedTo(data, dtype) },
});

/** A tensor that stands in for the base's, with the weight of its adapter. */
interface Replacement {
  readonly tensor: HostTensor;
  readonly weight: number;
}

/** Largest difference from 1 of a sum of weights, as that of 0.1, 0.2 and 0.7 has. */
const rounding = 1e-12;

/**
 * W₀ + Σ wᵢ (Wᵢ − W₀) = (1 − Σ wᵢ) W₀ + Σ wᵢ Wᵢ for every tensor that some adapters have: without W₀ where their
 * weights sum to 1.
 *
 * @throws {RangeError} when W₀ is needed and there is none, or shapes differ.
 */
async function sumOfTensors(
  adapters: readonly WeightedRecord[],
  tensorsOf: (record: WeightedRecord["record"]) => ReadonlyMap<string, HostTensor> | undefined,
  base: BaseFile | undefined,
): Promise<Map<string, HostTensor>> {
  const found = new Map<string, Replacement[]>();
  for (const { weight, record } of adapters) {
    for (const [name, tensor] of tensorsOf(record) ?? []) {
      found.set(name, [...found.get(name) ?? [], { tensor, weight }]);
    }
  }
  const sums = new Map<string, HostTensor>();
  for (const [name, parts] of found) {
    sums.set(name, await sumOf(oneLine(name), parts, () => ownTensor(name, base)));
  }
  return sums;
}

/** The same of rows of embeddings, each token by itself. */
async function sumOfRows(
  adapters: readonly WeightedRecord[],
  base: BaseFile | undefined,
): Promise<Map<string, TrainedRows>> {
  const names = new Set(adapters.flatMap(({ record }) => [...record.rows.keys()]));
  const sums = new Map<string, TrainedRows>();
  for (const name of names) {
    const what = oneLine(name),
      all = adapters.flatMap(({ weight, record }) =>
        rowsOf(record.rows.get(name)).map(([index, tensor]) => ({ index, tensor, weight }))
      );
    const table = tableOf(name, base), values: HostTensor[] = [];
    const groups = Map.groupBy(all, ({ index }) => index), indices = [...groups.keys()];
    for (const [index, parts] of groups) {
      values.push(
        await sumOf(`row ${index} of ${what}`, parts, async () => (await table?.())?.(index)),
      );
    }
    sums.set(name, { indices, values: stacked(values) });
  }
  return sums;
}

/** Gives rows of an embedding of the base, which is read when the first one is needed. */
function tableOf(module: string, base?: BaseFile) {
  return base && lazily(async () => {
    const table = await base.file.read(base.tableOf(module));
    return (index: number) => {
      assertRows(oneLine(module), table.shape, { indices: [index] });
      return rowOf(table, index);
    };
  });
}

/** Rows of one width as a matrix. */
function stacked(rows: readonly HostTensor[]): HostTensor {
  const [{ shape: [width] }] = rows, data = new Float32Array(rows.length * width);
  rows.forEach((row, i) => data.set(row.data, i * width));
  return { shape: [rows.length, width], data };
}

function rowsOf(rows?: TrainedRows): [number, HostTensor][] {
  if (!rows) return [];
  return rows.indices.map((index, i) => [index, rowOf(rows.values, i)]);
}

async function sumOf(
  what: string,
  parts: readonly Replacement[],
  own: () => Promise<HostTensor | undefined>,
): Promise<HostTensor> {
  const total = parts.reduce((sum, { weight }) => sum + weight, 0);
  const all = [...parts];
  if (Math.abs(1 - total) > rounding) {
    const tensor = await own();
    if (!tensor) {
      throw new RangeError(
        `combine needs --base with ${what}, which was trained in full, or weights of its adapters that sum to 1, ` +
          `found ${total}`,
      );
    }
    all.push({ tensor, weight: 1 - total });
  }
  const [{ tensor: { shape } }] = all, data = new Float64Array(parts[0].tensor.data.length);
  for (const { tensor, weight } of all) {
    if (!sameShape(tensor.shape, shape)) {
      const found = `${formatShape(shape)} and ${formatShape(tensor.shape)}`;
      throw new RangeError(`combine needs one shape of ${what}, found ${found}`);
    }
    for (let i = 0; i < data.length; i++) data[i] += weight * tensor.data[i];
  }
  return { shape, data: Float32Array.from(data) };
}

async function ownTensor(name: string, base?: BaseFile): Promise<HostTensor | undefined> {
  const [key, ...others] = base?.find(name) ?? [];
  return key === undefined || others.length > 0 ? undefined : await base!.file.read(key);
}

function rowOf({ shape: [, width], data }: HostTensor, index: number): HostTensor {
  const row = data.subarray(index * width, (index + 1) * width);
  return { shape: [width], data: Float32Array.from(row) };
}

/** Result of {@link recordOfSum}. */
export interface CombinedRecord {
  /** All but the updates and their type. */
  readonly record: Omit<AdapterRecord, "updates" | "dtype">;
  /** Facts that adapters do not share, and the result therefore does not state. */
  readonly notes: readonly string[];
}

/**
 * Sums what was trained in full, and takes over what all adapters say.
 *
 * @throws {RangeError} when a tensor of the base is needed and there is none, or labels or shapes differ.
 */
async function recordOfSum(
  adapters: readonly WeightedRecord[],
  folder: string | undefined,
  base: BaseFile | undefined,
): Promise<CombinedRecord> {
  const records = adapters.map(({ record }) => record), notes: string[] = [];
  const saved = await sumOfTensors(adapters, ({ saved }) => saved, base);
  const biases = await sumOfTensors(adapters, ({ biases }) => biases, base);
  const modules = records.flatMap(({ savedModules = [] }) => savedModules);
  const agreed = <Fact>(
    what: string,
    facts: readonly Fact[],
    advice: string,
  ): Fact | undefined => {
    if (new Set(facts.map((fact) => JSON.stringify(fact))).size === 1) return facts[0];
    notes.push(
      `the adapters do not agree on how ${what}: the result does not say it, so ${advice}`,
    );
  };
  const withHead = records.find(({ saved }) => saved?.size) ?? records[0];
  const record: CombinedRecord["record"] = {
    ...{ saved, biases, biasMode: modeOf(records), rows: await sumOfRows(adapters, base) },
    ...modules.length > 0 && { savedModules: [...new Set(modules)] },
    labels: labelsOf(adapters),
    baseModelName: baseNameIn(folder) ?? records.find((each) => each.baseModelName)?.baseModelName,
    taskType: withHead.taskType,
    fanInFanOut: records.some(({ fanInFanOut }) => fanInFanOut),
    start: records.length === 1 ? records[0].start : undefined,
    freezeA: records.length === 1 ? records[0].freezeA : undefined,
    promptFormat: agreed(
      "prompts were written",
      records.map((each) => each.promptFormat),
      "write each prompt in full, or let --prompt-template of evaluate do it",
    ),
    quantizedBase: agreed(
      "the base was quantized",
      records.map((each) => each.quantizedBase),
      "say with --base-dtype how to load it",
    ),
  };
  return { record, notes };
}

/** The widest of them. */
function modeOf(records: readonly AdapterRecord[]): BiasMode {
  const modes = records.map(({ biasMode }) => biasMode);
  return modes.includes("all") ? "all" : modes.includes("lora_only") ? "lora_only" : "none";
}

/** A sum of heads is one only of heads for the same labels. */
function labelsOf(adapters: readonly WeightedRecord[]): readonly string[] | undefined {
  const [first, ...others] = adapters.filter(({ record }) => record.labels);
  const other = others.find(({ record }) => String(record.labels) !== String(first.record.labels));
  if (other === undefined) return first?.record.labels;
  throw new RangeError(
    `combine needs one list of labels, found ${first.record.labels} in ${first.folder} and ${other.record.labels} ` +
      `in ${other.folder}`,
  );
}

/** An adapter of a combination. */
export interface WeightedFolder {
  /** A PEFT folder. */
  readonly folder: string;
  /** Its weight, of any sign. */
  readonly weight: number;
}

/** Its content too. */
export interface WeightedRecord extends WeightedFolder {
  /** All that its files hold. */
  readonly record: PeftAdapter;
}

/** Folders to read, and the folder to write. */
export interface ReadingRequest {
  /** One or more. */
  readonly adapters: readonly WeightedFolder[];
  /** The PEFT folder to write. */
  readonly output: string;
  /** The folder of the base model, where it is needed, or where adapters call it differently. */
  readonly base?: string;
  /** Faults of the adapters that may pass. Default: nothing. */
  readonly allow?: readonly AdapterException[];
}

/**
 * Reads adapters of LoRA over one base.
 *
 * @throws {AdapterFileError} when one cannot be read.
 * @throws {RangeError} when one is of another method, or of another base than the first, or the output is one of
 * them, or holds a model.
 */
async function readAdapters(
  { adapters, output, base, allow }: ReadingRequest,
): Promise<WeightedRecord[]> {
  if (adapters.length === 0) throw new RangeError("combine needs at least one adapter, found none");
  const open = adapters.map(({ folder }) => new AdapterFolder(folder));
  for (const [i, { folder }] of adapters.entries()) {
    await assertAdapterFolder(folder);
    await assertLora("combine", open[i]);
    if (!await isSamePlace(folder, output)) continue;
    throw new RangeError(`the output must not be one of the adapters, found ${output}`);
  }
  await assertNoOtherKind(output, "adapter");
  const read: WeightedRecord[] = [];
  for (const [i, each] of adapters.entries()) {
    read.push({ ...each, record: await readRecord(open[i], { allow }) });
  }
  if (base === undefined) assertOneBase(read);
  return read;
}

/** Models of one size differ in their weights alone, so shapes do not tell. */
function assertOneBase(adapters: readonly WeightedRecord[]): void {
  const [first, ...others] = adapters.filter(({ record }) => record.baseModelName);
  const nameIn = ({ record }: WeightedRecord) => modelName(record.baseModelName!);
  const other = others.find((each) => nameIn(each) !== nameIn(first));
  if (other === undefined) return;
  const [one, two] = [first, other].map(({ folder, record }) =>
    `${quote(record.baseModelName)} in ${folder}`
  );
  throw new RangeError(
    `combine needs adapters of one base, found ${one} and ${two}: give --base if they are the same model`,
  );
}

/** An update of one of the adapters. */
export interface Term {
  /** Its index among the adapters, from 0. */
  readonly adapter: number;
  /** Its weight. */
  readonly weight: number;
  /** Its update. */
  readonly update: TrainedUpdate;
}

/** Updates of the adapters at one site. */
export interface SiteTerms {
  /** Its name. */
  readonly name: string;
  /** Its place in the model. */
  readonly address: SiteAddress & Pick<TrainedUpdate, "isEmbedding">;
  /** In the order of the adapters; those that do not change it are left out. */
  readonly terms: readonly Term[];
}

/**
 * Puts the updates of adapters side by side, in the order of the first ones.
 *
 * @param base Checks that every update fits it; without, every adapter must share a module with another one.
 * @throws {ShapeError} when the sites of one adapter do not fit the module of another.
 * @throws {RangeError} when an update does not fit the base, or an adapter shares no module.
 */
function alignTerms(adapters: readonly WeightedRecord[], base?: BaseFile): SiteTerms[] {
  const aligned = comparableUpdates(adapters.map(({ record }) => record.updates));
  const terms = aligned.flatMap((updates, adapter) =>
    updates.map((update) => ({ adapter, weight: adapters[adapter].weight, update }))
  );
  if (base) { for (const { update } of terms) base.locate(update); }
  else assertShared(adapters, aligned);
  return Array.from(Map.groupBy(terms, ({ update }) => siteName(update)), ([name, own]) => {
    const { module, role, rows, outputs, isEmbedding } = own[0].update;
    return { name, address: { module, role, rows, outputs, isEmbedding }, terms: own };
  });
}

/** Of another model, names would not be the same. */
function assertShared(
  adapters: readonly WeightedRecord[],
  aligned: readonly (readonly TrainedUpdate[])[],
): void {
  if (adapters.length === 1) return;
  const modules = aligned.map((updates) => new Set(updates.map(({ module }) => module)));
  const alone = modules.findIndex((own, i) =>
    modules.every((others, j) => i === j || own.isDisjointFrom(others))
  );
  if (alone < 0) return;
  const [own, other] = [modules[alone], modules[alone === 0 ? 1 : 0]].map((set) =>
    listNames([...set])
  );
  throw new RangeError(
    `combine needs adapters that share modules, found ${own} in ${
      adapters[alone].folder
    } alone and ${other} in others: give --base to say that all are of one model`,
  );
}

/**
 * The updates as factors: of DoRA the change that it makes to the base's weight, whose rank is any.
 *
 * @throws {RangeError} when that needs the base, and it is not given.
 */
async function factorsOf(
  { terms }: SiteTerms,
  base: BaseFile | undefined,
  folders: readonly WeightedRecord[],
): Promise<WeightedUpdate[]> {
  const found: WeightedUpdate[] = [];
  for (const { adapter, weight, update } of terms) {
    const { bias: _, magnitude, ...plain } = update;
    if (!magnitude) {
      found.push({ weight, update: plain });
      continue;
    }
    if (!base) {
      throw new RangeError(
        `combine needs --base for DoRA, whose change of a weight depends on that weight, found it in ${
          folders[adapter].folder
        }`,
      );
    }
    const factors = matrixFactors(await doraDelta(update, base), update.module);
    found.push({ weight, update: factors });
  }
  return found;
}

/** Σ wᵢ sᵢ biasᵢ of the biases of B at a site, or zeros; none where no adapter has any. */
function biasOf({ terms }: SiteTerms): HostTensor | undefined {
  const biased = terms.filter(({ update }) => update.bias);
  if (biased.length === 0) return undefined;
  const sum = new Float64Array(biased[0].update.bias!.data.length);
  for (const { weight, update: { bias, scaling } } of biased) {
    for (let i = 0; i < sum.length; i++) sum[i] += weight * scaling * bias!.data[i];
  }
  return { shape: [sum.length], data: Float32Array.from(sum) };
}

/** Options of {@link combineFolders}. */
export interface CombineRequest extends ReadingRequest, Omit<CombineOptions, "draw"> {
  /** Seed of DARE's masks. Default 0. */
  readonly seed?: number;
  /** Type of the values in the file. Default F32. */
  readonly dtype?: FloatDtype;
}

/** Result of {@link combineFolders}. */
export interface Combination {
  /** Every site that was written. */
  readonly modules: readonly CertifiedUpdate[];
  /** All of them together. */
  readonly total: TotalError;
  /** Facts about its adapters that the result does not state. */
  readonly notes: readonly string[];
  /** Faults that were let pass, with the folder. */
  readonly passed: readonly (readonly [folder: string, names: readonly string[]])[];
}

/**
 * Writes one plain LoRA adapter, α = r, whose ΔW is Σ wᵢ ΔWᵢ or what another method makes of the updates, and says
 * how far it is from that sum. The ranks, scalings and variants of the adapters may differ; of DoRA it is the
 * effective ΔW = m · V / ‖V‖ − W that is summed. Biases of B are summed too, and what was trained in full becomes
 * W₀ + Σ wᵢ (Wᵢ − W₀). The folder is saved as a whole.
 *
 * Memory: the adapters and the result in F32; with DoRA, one weight and its singular vectors in float64.
 *
 * @throws {AdapterFileError} when an adapter cannot be read.
 * @throws {ShapeError} when the updates of a site have different shapes, or ranks where the method needs one.
 * @throws {RangeError} when the adapters are not of one base, the base is needed and not given, an option is out of
 * its range, or the output folder holds something else.
 */
export async function combineFolders(request: CombineRequest): Promise<Combination> {
  const { base: folder, output, dtype = "F32", seed = 0 } = request;
  const options = optionsOf(request, seed);
  const adapters = await readAdapters(request);
  using base = folder === undefined ? undefined : await openBase(folder);
  const sites = alignTerms(adapters, base), rank = rankFor(request, sites);
  const { record, notes } = await recordOfSum(adapters, request.base, base);
  const updates: TrainedUpdate[] = [], modules: CertifiedUpdate[] = [];
  const biases = sites.map(biasOf), isBiased = biases.some((bias) => bias);
  for (const [i, site] of sites.entries()) {
    const terms = await factorsOf(site, base, adapters);
    const factors = storedFactors(combineUpdates(terms, { ...options, rank }), dtype);
    const ranks = site.terms.map(({ update: { A } }) => A.shape[0]);
    modules.push(certified(site.name, ranks, factors, sumError(terms, factors)));
    const bias = biases[i] ??
      { shape: [factors.B.shape[0]], data: new Float32Array(factors.B.shape[0]) };
    updates.push({ ...site.address, ...factors, ...isBiased && { bias } });
  }
  await writeAdapter(output, { ...record, updates, dtype });
  const passed = adapters.map(({ folder, record }) => [folder, record.passed] as const);
  return { modules, total: totalOf(modules), notes, passed };
}

/** One adapter is what it is, whatever would be done with several; so in PEFT. */
function optionsOf(request: CombineRequest, seed: number): CombineOptions {
  const { adapters, method = "exact", rank, density, sign } = request, random = new Random(seed);
  const draw = isRandom(method) ? () => random.uniform() : undefined;
  const options = { method, rank, density, sign, draw };
  assertCombineOptions(options);
  return adapters.length > 1 ? options : { method: method.endsWith("svd") ? "svd" : "exact", rank };
}

/**
 * The rank of methods that are cut, if there is one.
 *
 * @throws {RangeError} when it is above what any site can have.
 */
function rankFor(
  { method = "exact", rank }: CombineRequest,
  sites: readonly SiteTerms[],
): number | undefined {
  if (!isCut(method)) return undefined;
  const isSum = method === "exact" || method === "svd";
  const most = boundsOf(sites.map((site) => mostOf(site, isSum)))[1];
  if (rank !== undefined && rank > most) {
    throw new RangeError(
      `the rank must be at most ${most}, which is all that ${
        isSum ? "the sum" : "a weight"
      } can have, found ${rank}`,
    );
  }
  if (rank !== undefined || method === "exact") return rank;
  return boundsOf(sites.flatMap(({ terms }) => terms.map(({ update: { A } }) => A.shape[0])))[1];
}

/** The largest rank that a site can need: of DoRA and of pruned updates it is that of a weight. */
function mostOf({ terms }: SiteTerms, isSum: boolean): number {
  const { A, B } = terms[0].update, side = Math.min(A.shape[1], B.shape[0]);
  if (!isSum || terms.some(({ update }) => update.magnitude)) return side;
  return Math.min(side, terms.reduce((sum, { update }) => sum + update.A.shape[0], 0));
}
