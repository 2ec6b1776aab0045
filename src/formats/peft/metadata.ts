/** The digest of a configuration, in the metadata of the weights that were saved with it. @module */

import { assertPromptFormat, type PromptFormat } from "../../core/batch.ts";
import { isRecord, isText, jsonValue, parseJson } from "../../core/checks.ts";
import { AdapterFileError, quote } from "../../core/errors.ts";
import { mostLabels } from "../../core/limits.ts";
import { isSeed } from "../../core/random.ts";
import { type RandomInit, randomInits } from "../../core/update.ts";
import { canonicalJson, sha256 } from "../../storage/digest.ts";
import type { PeftConfig } from "./config.ts";

/** The key in `__metadata__`; other programs ignore it. */
const KEY = "lowrank.config";

/** Metadata that binds weights to the fields of a configuration that determine the mathematics. */
export async function configMetadata(fields: unknown): Promise<Record<string, string>> {
  return { [KEY]: await sha256(new TextEncoder().encode(canonicalJson(fields))) };
}

/**
 * Throws when weights are bound to another configuration: a crash, or a reader while a save is going
 * on, may combine old and new files.
 *
 * @param file The configuration's name.
 * @throws {RangeError} when they are.
 */
export async function assertOwnConfig(
  metadata: Readonly<Record<string, string>>,
  file: string,
  fields: unknown,
): Promise<void> {
  if (!Object.hasOwn(metadata, KEY)) return;
  if (metadata[KEY] === (await configMetadata(fields))[KEY]) return;
  throw new RangeError(
    `${file} must be the one that the weights were saved with, found another: a save was interrupted ` +
      `or is going on, or the file was edited by hand; put the original back, or make the change in a ` +
      `program that saves both files, with adapter.save or saveModel`,
  );
}

/** Fields that determine an adapter's ΔW, in sites too; users may edit the other fields. */
export function mathematicsOf(config: PeftConfig): Partial<PeftConfig> {
  const { baseModelName: _, taskType: __, dropout: ___, ...rest } = config;
  return rest;
}

/** The key in `__metadata__`; PEFT only reads `format`. */
const LABELS_KEY = "lowrank.labels";

/** Metadata that names labels; empty if there are none. */
export function labelsMetadata(labels: readonly string[] | undefined): Record<string, string> {
  return labels ? { [LABELS_KEY]: JSON.stringify(labels) } : {};
}

/**
 * The labels that the metadata names, if it does.
 *
 * @throws {AdapterFileError} when it is not a list of different texts.
 */
export function parseLabels(metadata: Readonly<Record<string, string>>): string[] | undefined {
  if (!Object.hasOwn(metadata, LABELS_KEY)) return undefined;
  const labels = jsonValue(metadata[LABELS_KEY]);
  if (Array.isArray(labels) && labels.every(isText) && isGood(labels)) return labels;
  throw new AdapterFileError(
    `metadata "${LABELS_KEY}" must list 2 to ${mostLabels} different texts, found ${quote(labels)}`,
  );
}

const isGood = (labels: readonly string[]): boolean =>
  labels.length >= 2 && labels.length <= mostLabels && new Set(labels).size === labels.length;

/** The key in `__metadata__`; other programs ignore it. */
const PROMPT_KEY = "lowrank.prompt";

/** Metadata that records a format; empty if there is none. */
export function promptMetadata(format: PromptFormat | undefined): Record<string, string> {
  if (!format) return {};
  const { template, endOfTextFirst, separator } = format;
  return { [PROMPT_KEY]: JSON.stringify({ template, endOfTextFirst, separator }) };
}

/**
 * The format that the metadata records, if it does.
 *
 * @throws {SyntaxError} when it is not JSON.
 * @throws {TypeError} when it is not what {@link promptMetadata} writes.
 * @throws {RangeError} when its template does not have `{prompt}` once.
 */
export function parsePromptFormat(
  metadata: Readonly<Record<string, string>>,
): PromptFormat | undefined {
  if (!Object.hasOwn(metadata, PROMPT_KEY)) return undefined;
  const format = jsonOf(metadata[PROMPT_KEY]);
  assertPromptFormat(`metadata "${PROMPT_KEY}"`, format);
  return format;
}

function jsonOf(text: string): unknown {
  try {
    return parseJson(new TextEncoder().encode(text));
  } catch (error) {
    throw new SyntaxError(`metadata "${PROMPT_KEY}" must be JSON: ${(error as Error).message}`);
  }
}

/** Drawn alike, two adapters begin with the same A, or with its first rows where one rank is lower. */
export interface RandomStart {
  /** The distribution: as in PEFT's `init_lora_weights`, or `orthonormal`, which is ours. */
  readonly init: RandomInit;
  /** Of the random numbers. */
  readonly seed: number;
}

/** The key in `__metadata__`; PEFT only reads `format`. */
const START_KEY = "lowrank.start";

/** Metadata that record it; empty where A did not begin at random, or nobody knows how. */
export function startMetadata(start: RandomStart | undefined): Record<string, string> {
  return start ? { [START_KEY]: JSON.stringify({ init: start.init, seed: start.seed }) } : {};
}

/**
 * The random start that the metadata record, if they do.
 *
 * @throws {AdapterFileError} when it is not what {@link startMetadata} writes.
 */
export function parseStart(metadata: Readonly<Record<string, string>>): RandomStart | undefined {
  if (!Object.hasOwn(metadata, START_KEY)) return undefined;
  const value = jsonValue(metadata[START_KEY]), start = asStart(value);
  if (start) return start;
  throw new AdapterFileError(
    `metadata "${START_KEY}" must have an init (one of ${
      randomInits.join(", ")
    }) and a seed below 2^32, found ${quote(value)}`,
  );
}

/** A value from a file as a random start, if it is one. */
export function asStart(value: unknown): RandomStart | undefined {
  if (!isRecord(value)) return undefined;
  const { init, seed } = value;
  const known = randomInits.find((one) => one === init);
  return isSeed(seed) && known ? { init: known, seed } : undefined;
}

/** The key in `__metadata__`; PEFT has no field for a factor that is frozen, and only reads `format`. */
const FROZEN_KEY = "lowrank.frozen";

/** Metadata that record a frozen A; empty where A is trained. */
export const frozenMetadata = (freezeA: boolean | undefined): Record<string, string> =>
  freezeA ? { [FROZEN_KEY]: "A" } : {};

/**
 * True if the metadata record a frozen A.
 *
 * @throws {AdapterFileError} when they record that anything else is frozen.
 */
export function parseFrozen(metadata: Readonly<Record<string, string>>): boolean {
  if (!Object.hasOwn(metadata, FROZEN_KEY)) return false;
  if (metadata[FROZEN_KEY] === "A") return true;
  throw new AdapterFileError(
    `metadata "${FROZEN_KEY}" must be A, found ${quote(metadata[FROZEN_KEY])}`,
  );
}

/** The layers of RoBERTa's classification head. */
const headLayers = ["classifier.dense", "classifier.out_proj"];

/** PEFT wraps the head as a whole in any case: by the names of its layers, they would be wrapped twice. */
export function withWholeHead(modules: readonly string[]): readonly string[] {
  if (!headLayers.every((layer) => modules.includes(layer))) return modules;
  return modules.map((module) => headLayers.includes(module) ? "classifier" : module);
}
