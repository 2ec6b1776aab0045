/** Kinds of the tensors in an adapter's file. @module */

import { isRecord } from "../../core/checks.ts";
import { about, AdapterFileError, quote } from "../../core/errors.ts";
import { mostLabels } from "../../core/limits.ts";
import { isNamed } from "../../core/module_names.ts";
import {
  formatShape,
  type HostTensor,
  nonFiniteAt,
  positionIn,
  sameShape,
  type Shape,
} from "../../core/tensor.ts";
import { assertUpdate, type UpdateShape } from "../../core/update.ts";
import { type PatternValue, patternValues } from "../../patterns/names.ts";
import { readJson } from "../../storage/files.ts";
import { fileIn, type Folder, hasFile } from "../../storage/storage.ts";
import { realDtypes } from "../safetensors/header.ts";
import {
  openSafetensorsFile,
  type ReadOptions,
  type SafetensorsFile,
} from "../safetensors/read.ts";
import { pickleConversion } from "../safetensors/shards.ts";
import {
  isHubConfig,
  moduleSelector,
  type PeftConfig,
  type PeftExtras,
  type TrainedRows,
} from "./config.ts";
import {
  configFile,
  factorKeys,
  hubWeights,
  isTable,
  peftWeights,
  promptPrefix,
  rowsKey,
  tensorPrefix,
} from "./keys.ts";
import { parseLabels } from "./metadata.ts";
import type { TrainedUpdate } from "./record.ts";

/** The name of the file of the weights in a folder; without any, the one that its configuration lets expect. */
export async function weightsFileIn(folder: Folder): Promise<string> {
  for (const name of [peftWeights, hubWeights]) if (await hasFile(folder, name)) return name;
  const config = await readJson(fileIn(folder, configFile)).catch(() => undefined);
  return isRecord(config) && isHubConfig(config) ? hubWeights : peftWeights;
}

/** Opens the file; throws an {@link AdapterFileError} where there is a pickle instead. */
export async function openWeights(folder: Folder, options: ReadOptions): Promise<SafetensorsFile> {
  const name = await weightsFileIn(folder);
  if (!await hasFile(folder, name) && await hasFile(folder, "adapter_model.bin")) {
    throw new AdapterFileError(
      "weights must be in adapter_model.safetensors, found adapter_model.bin (a pickle can run code): " +
        `convert it in its folder by ${pickleConversion("adapter_model.bin", name)}`,
    );
  }
  return await openSafetensorsFile(fileIn(folder, name), options);
}

/** The weights of classifiers' last layers, in decoders, in BERT and in RoBERTa. */
const lastLayers = ["score.weight", "classifier.weight", "classifier.out_proj.weight"];

/**
 * The labels of the classifier that an adapter trains, from the header of its weights; those that no name
 * is known of are called by their numbers. `undefined` if it trains no head of a classifier.
 *
 * @throws {AdapterFileError} when the header is broken.
 */
export async function readAdapterLabels(folder: Folder): Promise<string[] | undefined> {
  using file = await openWeights(folder, {});
  return labelsIn(file);
}

/**
 * The same of open weights.
 *
 * @throws {AdapterFileError} when its metadata is broken.
 */
export function labelsIn(file: SafetensorsFile): string[] | undefined {
  const labels = parseLabels(file.metadata);
  const head = [tensorPrefix, promptPrefix]
    .flatMap((prefix) => lastLayers.map((name) => file.tensors.get(prefix + name))).find(Boolean);
  if (labels || head?.shape.length !== 2) return labels;
  return Array.from({ length: Math.min(head.shape[0], mostLabels) }, (_, index) => String(index));
}

/** The names of an adapter's tensors, sorted by what they are. */
export interface TensorNames {
  /** Modules with factors, each once, in the order of layer numbers. */
  readonly modules: readonly string[];
  /** Tensors of modules that were trained in full. */
  readonly saved: readonly string[];
  /** Trained biases of the base model, as in the file: `….c_attn.base_layer.bias`. */
  readonly biases: readonly string[];
  /** Embeddings of which rows were trained, by their paths. */
  readonly embeddings: readonly string[];
  /** All that is no A and no B, in the order of the file, but for the frozen tables below adapted ones. */
  readonly beside: readonly string[];
}

const rowsEnding = rowsKey("").slice(tensorPrefix.length);

/**
 * Sorts the tensors of a file.
 *
 * @throws {AdapterFileError} when a name is none that the configuration explains, or there is no module.
 */
export function sortTensors(
  file: SafetensorsFile,
  extras: PeftExtras,
  exceptions: Exceptions,
): TensorNames {
  const names = { module: [], saved: [], bias: [], rows: [] } as Record<Kind, string[]>;
  const beside: string[] = [];
  for (const key of file.tensors.keys()) {
    const name = key.startsWith(tensorPrefix) ? key.slice(tensorPrefix.length) : "";
    const kind = kindOf(name, extras);
    if (kind) names[kind].push(name);
    else exceptions.pass("unknownTensors", ruleFor(key), key);
    if (kind && !isFactor.test(name) && !isFrozenTable(name)) beside.push(name);
  }
  const modules = new Set(names.module.map((name) => partOf.exec(name)![1]));
  if (modules.size === 0) {
    throw new AdapterFileError("the file must hold at least one pair of A and B, found no tensor");
  }
  const embeddings = names.rows.map((name) => name.slice(0, -rowsEnding.length));
  const { saved, bias: biases } = names;
  return { modules: inOrder(modules), saved, biases, embeddings, beside };
}

/** Reads tensors by their names without PEFT's prefix; those of adapted layers get the model's names. */
export async function readNamed(
  file: SafetensorsFile,
  names: readonly string[],
  exceptions: Exceptions,
): Promise<Map<string, HostTensor>> {
  const tensors = new Map<string, HostTensor>();
  for (const name of names) {
    const tensor = await readFinite(file, tensorPrefix + name, exceptions);
    tensors.set(name.replace(/\.base_layer(?=\.[^.]+$)/, ""), tensor);
  }
  return tensors;
}

/** Reads a tensor; values that are not finite stop it, unless they may pass. */
async function readFinite(
  file: SafetensorsFile,
  key: string,
  exceptions: Exceptions,
): Promise<HostTensor> {
  const tensor = await file.read(key), { shape, data } = tensor, at = nonFiniteAt(data);
  if (at >= 0) {
    const found = `${data[at]} at ${formatShape(positionIn(shape, at))}`;
    exceptions.pass("nonFinite", `the values of ${quote(key)} must be finite in F32`, key, found);
  }
  return tensor;
}

type Kind = "module" | "saved" | "bias" | "rows";

const isFactor = /\.lora_([AB]\.weight|embedding_[AB])$/;

/**
 * True for the base's own table, which PEFT saves below an update of embeddings or of their head.
 */
const isFrozenTable = (name: string): boolean =>
  isTable(name) && name.endsWith(".base_layer.weight");

/** A part of a module's update, after the module's path. */
const partOf = /^(.+)\.lora_([AB]\.weight|B\.bias|magnitude_vector|embedding_[AB])$/;

/** Kind of a tensor, if the configuration explains it. */
function kindOf(name: string, extras: PeftExtras): Kind | undefined {
  const part = partOf.exec(name)?.[2], { dora, loraBias, bias, tokens } = extras;
  if (part) {
    const isKnown = part === "B.bias" ? loraBias : part === "magnitude_vector" ? dora : true;
    return isKnown ? "module" : undefined;
  }
  if (isOfSaved(name, extras)) return "saved";
  if (tokens && name.endsWith(rowsEnding)) return "rows";
  const isBias = bias !== "none" && name.endsWith(".bias") && !name.includes(".lora_");
  return isBias ? "bias" : undefined;
}

/** PEFT's rule: the path of a fully saved module ends with one of the names. */
function isOfSaved(tensor: string, { saved, withTables }: PeftExtras): boolean {
  if (tensor.includes(".lora_")) return false;
  return saved.some((name) => tensor.includes(`${name}.`)) || withTables && isTable(tensor);
}

/**
 * Reads the rows that stand in for those of embeddings.
 *
 * @throws {AdapterFileError} when the configuration does not say of which tokens.
 */
export async function readRows(
  file: SafetensorsFile,
  embeddings: readonly string[],
  { tokens = [] }: PeftExtras,
  exceptions: Exceptions,
): Promise<Map<string, TrainedRows>> {
  const rows = new Map<string, TrainedRows>();
  for (const module of embeddings) {
    const indices = isList(tokens) ? tokens : entryFor(tokens, module);
    if (!indices) {
      throw new AdapterFileError(
        `trainable_token_indices must name ${quote(module)}, found ${quote(Object.keys(tokens))}`,
      );
    }
    assertRows(file, rowsKey(module), indices.length);
    rows.set(module, { indices, values: await readFinite(file, rowsKey(module), exceptions) });
  }
  return rows;
}

function assertRows(file: SafetensorsFile, key: string, rows: number): void {
  const { shape } = file.tensors.get(key)!;
  if (shape.length === 2 && shape[0] === rows) return;
  throw new AdapterFileError(
    `${quote(key)} must have shape (${rows}, width), a row for each of the trained tokens, found ${
      formatShape(shape)
    }`,
  );
}

const isList = (tokens: unknown): tokens is readonly number[] => Array.isArray(tokens);

const entryFor = (tokens: Readonly<Record<string, readonly number[]>>, module: string) =>
  Object.entries(tokens).find(([name]) => isNamed(module, name))?.[1];

/** Layers in the order of their numbers: `h.2` before `h.10`. */
const inOrder = (names: Iterable<string>): string[] =>
  Array.from(names, (name) => ({ name, key: name.replaceAll(/\d+/g, (n) => n.padStart(9, "0")) }))
    .sort((a, b) => a.key < b.key ? -1 : Number(a.key > b.key))
    .map(({ name }) => name);

function ruleFor(key: string): string {
  if (!key.startsWith(tensorPrefix)) return `tensor names must begin with "${tensorPrefix}"`;
  if (key.endsWith(rowsEnding)) {
    return "trained tokens need withSaved: true, and trainable_token_indices in the configuration";
  }
  if (/\.lora_B\.bias$/.test(key)) {
    return "biases of B need withSaved: true, and lora_bias in the configuration";
  }
  if (/\.lora_magnitude_vector/.test(key)) {
    return "magnitudes of DoRA need use_dora in the configuration";
  }
  return "every tensor must be some module's lora_A.weight or lora_B.weight";
}

/**
 * Faults of an adapter that are refused by default:
 *
 * | name | what is let pass |
 * | --- | --- |
 * | `unknownFields` | fields of the configuration that are not implemented or unknown, with a value that says something; they are ignored |
 * | `unknownTensors` | tensors that belong to no update, and modules that the configuration does not select; they are left out |
 * | `missingTensors` | A without B, or B without A, and layers that the configuration selects and the file has no weights of |
 * | `unmatchedTargets` | names in `target_modules` that match no module of the file |
 * | `ranks` | ranks other than those of the configuration; the file's are used, in the scaling too |
 * | `nonFinite` | factors that are NaN or infinite |
 */
export type AdapterException =
  | "unknownFields"
  | "unknownTensors"
  | "missingTensors"
  | "unmatchedTargets"
  | "ranks"
  | "nonFinite";

/** The names of all exceptions. */
export const adapterExceptions: readonly AdapterException[] = [
  ...["unknownFields", "unknownTensors", "missingTensors", "unmatchedTargets"] as const,
  ...["ranks", "nonFinite"] as const,
];

/** The exceptions of one reading, and what they let pass. */
export class Exceptions {
  /** Faults that were let pass: `unknownTensors: base_model.model.score.weight`. */
  readonly passed: string[] = [];
  readonly #allowed: readonly string[];

  /**
   * Takes the names of what may pass.
   *
   * @throws {RangeError} when there is no such exception.
   */
  constructor(allowed: readonly AdapterException[] = []) {
    const unknown = allowed.find((name) => !adapterExceptions.includes(name));
    if (unknown !== undefined) {
      throw new RangeError(
        `allow must list some of ${adapterExceptions.join(", ")}, found ${quote(unknown)}`,
      );
    }
    this.#allowed = allowed;
  }

  /**
   * Records what was found, if that may pass.
   *
   * @param found The value found, as the error names it. Default: the name.
   * @throws {AdapterFileError} when it may not.
   */
  pass(exception: AdapterException, rule: string, name: string, found = quote(name)): void {
    if (!this.#allowed.includes(exception)) {
      const words = `allow: ["${exception}"]`;
      throw about(new AdapterFileError(`${rule}, found ${found}; ${words} lets it pass`), {
        option: "allow",
        value: exception,
        words,
      });
    }
    this.passed.push(`${exception}: ${name}`);
  }
}

/** The patterns of a configuration, compiled once for all modules. */
export interface Rules {
  /** True if a module is one of the targets. */
  readonly selects: (module: string) => boolean;
  /** A module's rank, where it is not the common one. */
  readonly rankOf: PatternValue;
  /** A module's α, likewise. */
  readonly alphaOf: PatternValue;
}

/** Compiles the patterns. */
export function compileRules(config: PeftConfig): Rules {
  return {
    selects: moduleSelector(config),
    rankOf: patternValues(config.rankPattern, "rank_pattern"),
    alphaOf: patternValues(config.alphaPattern, "alpha_pattern"),
  };
}

/** Inputs for reading every module of a file. */
export interface ModuleReading {
  /** The weights. */
  readonly file: SafetensorsFile;
  /** The configuration. */
  readonly config: PeftConfig;
  /** Its patterns. */
  readonly rules: Rules;
  /** Tensors that each module has beside A and B. */
  readonly extras: PeftExtras;
  /** Faults that may pass. */
  readonly exceptions: Exceptions;
}

/** Reads the update of a module; none of one that an exception leaves out. */
export async function readModule(
  reading: ModuleReading,
  module: string,
): Promise<TrainedUpdate[]> {
  if (!isComplete(reading, module)) return [];
  const { config, rules } = reading, rank = rankIn(reading, module);
  const alpha = rules.alphaOf(module) ?? config.alpha;
  const [keyA, keyB] = keysOf(reading, module), isEmbedding = isOfEmbedding(reading, module);
  const A = await readFactor(reading, keyA, rank), B = await readFactor(reading, keyB, rank);
  const scaling = alpha / (config.rankStabilized ? Math.sqrt(rank) : rank);
  const extras = await readExtras(reading, module, B.shape[0]);
  const update = { module, ...isEmbedding && { isEmbedding }, A, B, scaling, ...extras };
  assertUpdate(update);
  return [update];
}

/** The shapes of a module's factors in the file, if it has both and the configuration selects it. */
export function factorShapes(reading: ModuleReading, module: string): UpdateShape[] {
  const [A, B] = keysOf(reading, module).map((key) => reading.file.tensors.get(key));
  return A && B && reading.rules.selects(module) ? [{ module, A, B }] : [];
}

/** True if a module is an embedding: its factors have names of their own. */
const isOfEmbedding = ({ file }: ModuleReading, module: string): boolean =>
  factorKeys(module, true).some((key) => file.tensors.has(key));

const keysOf = (reading: ModuleReading, module: string) =>
  factorKeys(module, isOfEmbedding(reading, module));

/** True if the configuration selects a module, and the file has A and B of it. */
function isComplete(reading: ModuleReading, module: string): boolean {
  const { file, config, rules, exceptions } = reading;
  if (!rules.selects(module)) {
    const targets = quote(config.targetModules ?? null);
    const rule = "the configuration must select every module that has weights";
    const found = `${quote(module)} with target_modules ${targets}`;
    exceptions.pass("unknownTensors", rule, module, found);
    return false;
  }
  const keys = keysOf(reading, module), isEmbedding = isOfEmbedding(reading, module);
  if (isEmbedding && factorKeys(module).some((key) => file.tensors.has(key))) {
    throw new AdapterFileError(
      `a module must be an embedding or a linear layer, found A or B of both of ${quote(module)}`,
    );
  }
  const missing = keys.find((key) => !file.tensors.has(key));
  if (missing === undefined) return true;
  exceptions.pass("missingTensors", "A and B must come in pairs", missing, `no ${quote(missing)}`);
  return false;
}

/** The rank of the configuration, or that of both factors in the file where it may be another. */
function rankIn(reading: ModuleReading, module: string): number {
  const { file, config, rules, exceptions } = reading, keys = keysOf(reading, module), [key] = keys;
  const rank = rules.rankOf(module) ?? config.rank;
  const [A, B] = keys.map((key) => file.tensors.get(key)!.shape);
  const own = A[0];
  if (own === rank || own === 0 || A.length !== 2 || B.length !== 2 || B[1] !== own) return rank;
  const rule = `${quote(key)} must have shape (${rank}, in)`;
  exceptions.pass("ranks", rule, `${module} has ${own}`, formatShape(A));
  return own;
}

/** Reads A `(rank, in)` or B `(out, rank)`. */
function readFactor(reading: ModuleReading, key: string, rank: number): Promise<HostTensor> {
  const isA = /A(\.weight)?$/.test(key), { shape } = reading.file.tensors.get(key)!;
  const fits = shape.length === 2 && shape[isA ? 0 : 1] === rank;
  return readReals(
    reading,
    key,
    fits ? shape : undefined,
    isA ? `(${rank}, in)` : `(out, ${rank})`,
  );
}

/** Reads a module's bias and magnitude, if the configuration has them. */
async function readExtras(
  reading: ModuleReading,
  module: string,
  out: number,
): Promise<Pick<TrainedUpdate, "bias" | "magnitude">> {
  const { dora, loraBias } = reading.extras, path = `${tensorPrefix}${module}`;
  if (dora && isOfEmbedding(reading, module)) {
    throw new AdapterFileError(`DoRA of embeddings is not implemented, found ${quote(module)}`);
  }
  const vector = (key: string) => readReals(reading, key, [out], formatShape([out]));
  return {
    ...loraBias && { bias: await vector(`${path}.lora_B.bias`) },
    ...dora && { magnitude: await vector(`${path}.lora_magnitude_vector`) },
  };
}

/** Reads real numbers; the shape is checked before a value is read. */
async function readReals(
  { file, exceptions }: ModuleReading,
  key: string,
  wanted: Shape | undefined,
  rule: string,
): Promise<HostTensor> {
  const entry = file.tensors.get(key);
  if (!entry) {
    throw new AdapterFileError(`every module must have all tensors, found no ${quote(key)}`);
  }
  const { shape, dtype } = entry;
  if (!wanted || !sameShape(shape, wanted)) {
    throw new AdapterFileError(
      `${quote(key)} must have shape ${rule}, found ${formatShape(shape)}`,
    );
  }
  if (!realDtypes.includes(dtype)) {
    throw new AdapterFileError(`${quote(key)} must hold real numbers, found ${dtype}`);
  }
  return await readFinite(file, key, exceptions);
}
