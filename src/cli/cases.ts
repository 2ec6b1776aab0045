/** The input files of `logits`, `gradients` and `train`. @module */

import type { ConfigJson } from "../architectures/config_fields.ts";
import { crossEntropy, type Loss, squaredError } from "../autograd/mod.ts";
import { countLabels, type ModelInputs } from "../core/batch.ts";
import { isRecord, parseJsonOf, parseUniqueJson } from "../core/checks.ts";
import { oneLine, quote } from "../core/errors.ts";
import { mostJsonBytes } from "../core/limits.ts";
import { howMany } from "../core/numbers.ts";
import { type HostTensor, hostTensor, isFloat } from "../core/tensor.ts";
import { DryDevice } from "../device/dry.ts";
import { withLabels } from "../models/labels.ts";
import { allocateModel, headModules, labelsOf, readConfig, type TextModel } from "../models/mod.ts";
import { sha256 } from "../storage/digest.ts";
import { readBytes, readJson } from "../storage/files.ts";
import type { Batch } from "../train/mod.ts";
import { assertModelFolder, newLabels } from "./common.ts";

/** Inputs of one forward pass, and labels if there are any. */
export interface Case {
  /** The model's inputs. */
  readonly inputs: ModelInputs;
  /**
   * i32 (batch, time), not shifted, or for each row i32 or, where one is a fraction, f32 (batch); negative
   * whole ones are ignored.
   */
  readonly labels?: HostTensor;
}

/** The fields of a JSON object. */
export type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads `{"cases": {NAME: {...}}}`.
 *
 * @throws {SyntaxError} when a case does not have that form.
 */
export async function readCases(path: string): Promise<Map<string, Case>> {
  const content = await readJson(path, parseUniqueJson);
  if (!isRecord(content) || !isRecord(content.cases)) {
    throw new SyntaxError(`${path} must be {"cases": {NAME: {"input_ids": …}}}, found no cases`);
  }
  const entries = Object.entries(content.cases);
  return new Map(
    entries.map(([name, fields]) => [name, parseCase(`case ${oneLine(name)}`, fields)]),
  );
}

/**
 * Checks one case; `what` names it in errors.
 *
 * @throws {SyntaxError} when a field is malformed, or is one that no command takes yet.
 */
function parseCase(what: string, fields: unknown): Case {
  if (!isRecord(fields)) throw new SyntaxError(`${what} must be an object with input_ids`);
  if ((fields.adapter ?? undefined) !== undefined) {
    throw new SyntaxError(`${what} must not have adapter: this command does not take it`);
  }
  const tokens = matrixOf(`input_ids of ${what}`, fields.input_ids, Uint32Array);
  const optional = (key: string, type: WholeArray) =>
    likeTokens(`${key} of ${what}`, fields[key], type, tokens);
  return {
    inputs: {
      tokens,
      attentionMask: optional("attention_mask", Uint32Array),
      positionIds: optional("position_ids", Uint32Array),
      tokenTypeIds: optional("token_type_ids", Uint32Array),
    },
    labels: parseLabels(`labels of ${what}`, fields.labels, tokens),
  };
}

/** One for each token, or a list of one for each row. */
function parseLabels(what: string, labels: unknown, tokens: HostTensor): HostTensor | undefined {
  if (!Array.isArray(labels) || labels.length === 0 || labels.some(Array.isArray)) {
    return likeTokens(what, labels, Int32Array, tokens);
  }
  const [rows] = tokens.shape;
  const isNumber = (value: unknown) =>
    typeof value === "number" && Number.isFinite(Math.fround(value));
  if (labels.length !== rows || !labels.every(isNumber)) {
    throw new SyntaxError(`${what} must be ${rows} numbers, one for each row, or like input_ids`);
  }
  const whole = Int32Array.from(labels), areWhole = labels.every((one, i) => one === whole[i]);
  return hostTensor([rows], areWhole ? whole : Float32Array.from(labels));
}

type WholeArray = Int32ArrayConstructor | Uint32ArrayConstructor;

function likeTokens(
  what: string,
  rows: unknown,
  type: WholeArray,
  { shape }: HostTensor,
): HostTensor | undefined {
  if (rows === undefined || rows === null) return undefined;
  const matrix = matrixOf(what, rows, type);
  if (matrix.shape.join() === shape.join()) return matrix;
  throw new SyntaxError(
    `${what} must be ${shape.join(" x ")} like input_ids, found ${matrix.shape.join(" x ")}`,
  );
}

function matrixOf(what: string, rows: unknown, type: WholeArray): HostTensor {
  const valid = Array.isArray(rows) && rows.length > 0 && rows.every(Array.isArray) &&
    rows[0].length > 0 && rows.every((row) => row.length === rows[0].length);
  if (!valid) throw new SyntaxError(`${what} must be a list of equally long lists of numbers`);
  const flat: unknown[] = rows.flat();
  const wrong = flat.find((value) => type.of(value as number)[0] !== value);
  if (wrong !== undefined) {
    const range = type === Uint32Array ? "whole numbers, 0 or more" : "whole numbers";
    throw new SyntaxError(`${what} must hold ${range}, found ${quote(wrong)}`);
  }
  return hostTensor([rows.length, rows[0].length], type.from(flat as number[]));
}

/**
 * The kind of a model's labels: the token itself, which the token before it predicts (`next`) or a masked one
 * in its place (`masked`), the class of a row, or a number for it. A model without a head has `none`; `other`
 * is that of a `problem_type` whose loss is not here.
 */
export type LabelKind = "next" | "masked" | "class" | "number" | "none" | "other";

/** The limits of labels. */
export interface LabelLimits {
  /** The kind of label. */
  readonly labelKind: LabelKind;
  /** Tokens that there are. */
  readonly vocabulary: number;
  /** The names of a classifier's labels. */
  readonly labels?: readonly string[];
}

/** A case whose labels are given. */
export type Labeled = Case & Required<Pick<Case, "labels">>;

/** The kind of a model's labels, by transformers' rule: a classifier of one label is a regression. */
function labelKindOf(model: TextModel, { problem_type }: ConfigJson): LabelKind {
  const { architecture: { head }, isCausal } = model;
  if (head === "none") return "none";
  if (head === "language") return isCausal ? "next" : "masked";
  const isNumber = labelsOf(model)!.length === 1;
  const problem = isNumber ? "regression" : "single_label_classification";
  if ((problem_type ?? problem) !== problem) return "other";
  return isNumber ? "number" : "class";
}

/** Words for models that take no labels, after what labels need. */
const without = {
  none: "a model with a head, found one without",
  other: "a classifier of one class for each row, or of one number, found another problem_type",
};

/** The loss for a kind of labels. */
export const lossFor = (kind: LabelKind): Loss => kind === "number" ? squaredError : crossEntropy;

/**
 * The labels of a case as targets; `what` names it in errors.
 *
 * @throws {RangeError} when they are not what the model needs, or none of them counts.
 */
export function targetsOf(what: string, { labels, inputs }: Labeled, limits: LabelLimits) {
  const { labelKind: kind, vocabulary, labels: classes = [] } = limits;
  if (kind in without) {
    throw new RangeError(`${what}: labels need ${without[kind as keyof typeof without]}`);
  }
  const isPerRow = kind === "class" || kind === "number", found = labels.shape.length;
  if (found !== (isPerRow ? 1 : 2)) {
    const rule = isPerRow ? `one for each of the ${inputs.tokens.shape[0]} rows` : "like input_ids";
    throw new RangeError(
      `${what}: labels must be ${rule}, found one for each ${found === 1 ? "row" : "token"}`,
    );
  }
  if (kind === "number") {
    return hostTensor([labels.data.length, 1], Float32Array.from(labels.data));
  }
  if (kind === "class") assertClasses(what, labels, classes.length);
  else assertBelow(`${what}: label`, labels, vocabulary, "the vocabulary");
  const targets = kind === "next" ? shiftLabels(labels) : labels;
  if (countLabels(targets.data) > 0) return targets;
  const rest = kind === "next" ? "s and the first label of a row do not)" : "s do not)";
  throw new RangeError(
    `${what}: at least one label must count, found none (negative label${rest}`,
  );
}

function assertClasses(what: string, { data }: HostTensor, classes: number): void {
  const at = data.findIndex((label) => label >= classes || isFloat(data));
  if (at < 0) return;
  throw new RangeError(
    `${what}: label ${data[at]} of row ${at} must be a class from 0 to ${classes - 1}`,
  );
}

/**
 * Throws unless all values are below a limit.
 *
 * @throws {RangeError} when one is not; the message names its row and position.
 */
function assertBelow(
  what: string,
  { shape, data }: HostTensor,
  limit: number,
  name: string,
): void {
  const at = data.findIndex((value) => value >= limit);
  if (at < 0) return;
  const place = `row ${Math.floor(at / shape[1])}, position ${at % shape[1]}`;
  throw new RangeError(`${what} ${data[at]} at ${place} must be below ${name} of ${limit}`);
}

/** Labels shifted left by one, as a causal model needs them: the target at t is the label at t + 1. */
function shiftLabels(labels: HostTensor): HostTensor {
  const [batch, time] = labels.shape;
  const shifted = new Int32Array(labels.data.length).fill(-100);
  for (let row = 0; row < batch; row++) {
    for (let t = 0; t + 1 < time; t++) shifted[row * time + t] = labels.data[row * time + t + 1];
  }
  return hostTensor(labels.shape, shifted);
}

/** The most positions of a model's inputs, and the end of its token ids. */
export type InputLimits = Pick<TextModel, "positions" | "vocabulary">;

/** A model as its configuration describes it. */
export interface ModelFacts extends InputLimits, LabelLimits {
  /** For display: `GPT-2 of 12 blocks, width 768, 12 heads`. */
  readonly description: string;
  /** Width of its hidden states. */
  readonly width: number;
  /** True if it predicts the next token. */
  readonly isCausal: boolean;
  /** Token that fills up short sequences, if its configuration names one. */
  readonly padding?: number;
  /** The modules that become a classifier's head where texts have labels. */
  readonly head?: readonly string[];
}

/**
 * Describes the model in a folder from its configuration alone.
 *
 * @param adapters Folders of adapters for it, which may make it a classifier.
 * @throws {RangeError} when there is no such folder, or it holds an adapter; the message says what to do.
 */
export async function readFacts(
  folder: string,
  adapters: readonly string[] = [],
): Promise<ModelFacts> {
  await assertModelFolder(folder);
  const config = await readConfig(folder), made = await newLabels(folder, adapters);
  using device = new DryDevice();
  using model = allocateModel(device, made ? withLabels(config, made) : config);
  const { positions, vocabulary, padding, isCausal, description } = model;
  const labels = labelsOf(model), head = labels ? undefined : headModules(model.configJson());
  const width = model.architecture.tensors[0].shape[1], labelKind = labelKindOf(model, config);
  return { positions, vocabulary, padding, isCausal, description, width, labels, labelKind, head };
}

/** Throws a `RangeError` unless the model in a folder, with these adapters, predicts the next token. */
export async function assertLanguageModel(
  model: string,
  adapters?: readonly string[],
): Promise<void> {
  const { labels, isCausal, description } = await readFacts(model, adapters);
  if (isCausal) return;
  throw new RangeError(
    labels
      ? `generating needs a language model, found a classifier of ${
        howMany(labels.length, "label")
      }: lowrank evaluate measures it`
      : `generating needs a model that predicts the next token, found ${description}, in ${model}`,
  );
}

/** A model's facts beside virtual tokens; one that has no room for them refuses them when they are put on it. */
export const roomIn = (facts: ModelFacts, virtual: number): ModelFacts =>
  virtual < facts.positions ? { ...facts, positions: facts.positions - virtual } : facts;

/**
 * Checks the inputs of one case against a model's vocabulary and length; `what` names it in errors.
 *
 * @throws {RangeError} when a row is too long or an id too large; the message names the row and position.
 */
export function assertInputs(
  what: string,
  { tokens, positionIds }: ModelInputs,
  { positions, vocabulary }: InputLimits,
): void {
  const time = tokens.shape[1];
  if (time > positions) {
    throw new RangeError(
      `${what}: a row may have at most ${positions} tokens, the model's context length, found ${time}`,
    );
  }
  assertBelow(`${what}: token id`, tokens, vocabulary, "the vocabulary");
  if (positionIds) {
    assertBelow(`${what}: position id`, positionIds, positions, "the context length");
  }
}

/** The batches of a file, and which file it was. */
export interface BatchFile {
  /** Its batches. */
  readonly batches: readonly Batch[];
  /** SHA-256 of the very bytes that they were parsed from. */
  readonly digest: string;
}

/**
 * Reads `{"batches": [...]}`. A batch is a list of equally long lists of token ids, which are a causal
 * model's labels too, or an object like a case of `logits` plus `labels`.
 *
 * All batches are checked against the model's configuration first: a bad one late in the file would
 * otherwise end a run that has already trained.
 *
 * @throws {SyntaxError} when the file does not have that form.
 * @throws {RangeError} when a batch does not fit the model.
 */
export async function readBatchFile(
  path: string,
  limits: InputLimits & LabelLimits,
): Promise<BatchFile> {
  const bytes = await readBytes(path, mostJsonBytes), content = contentOf(path, bytes);
  const list = isRecord(content) ? content.batches : undefined;
  if (!Array.isArray(list) || list.length === 0) {
    throw new SyntaxError(`${path} must be like ${batchExample}, found no batches`);
  }
  const batches = list.map((batch, index) => parseBatch(`batch ${index}`, batch, limits));
  return { batches, digest: await sha256(bytes) };
}

/** Two batches of one row each. */
export const batchExample = '{"batches": [[[5, 6, 7]], [[8, 9]]]}';

function contentOf(path: string, bytes: Uint8Array): unknown {
  try {
    return parseJsonOf(path, bytes, parseUniqueJson);
  } catch (error) {
    const rule = `token ids must be like ${batchExample}, and texts come with --data`;
    throw new SyntaxError(`${(error as Error).message}; ${rule}`, { cause: error });
  }
}

function parseBatch(what: string, batch: unknown, limits: InputLimits & LabelLimits): Batch {
  const isOwn = Array.isArray(batch) && limits.labelKind === "next";
  const ids = isOwn ? { input_ids: batch, labels: batch } : { input_ids: batch };
  const { inputs, labels } = parseCase(what, Array.isArray(batch) ? ids : batch);
  if (!labels) throw new SyntaxError(`${what} must have labels as well as input_ids`);
  assertInputs(what, inputs, limits);
  return { inputs, targets: targetsOf(what, { inputs, labels }, limits) };
}
