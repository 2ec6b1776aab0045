/** The names of a classifier's labels, in the metadata of an adapter's weights. @module */

import { AdapterFileError } from "../core/errors.ts";
import { isText, jsonValue } from "../core/json.ts";
import { mostLabels } from "../core/limits.ts";
import { quote } from "../core/quote.ts";

/** The key in `__metadata__`; PEFT only reads `format`. */
const KEY = "lowrank.labels";

/** Metadata that names labels; empty if there are none. */
export function labelsMetadata(labels: readonly string[] | undefined): Record<string, string> {
  return labels ? { [KEY]: JSON.stringify(labels) } : {};
}

/**
 * The labels that the metadata names, if it does.
 *
 * @throws {AdapterFileError} when it is not a list of different texts.
 */
export function parseLabels(metadata: Readonly<Record<string, string>>): string[] | undefined {
  if (!Object.hasOwn(metadata, KEY)) return undefined;
  const labels = jsonValue(metadata[KEY]);
  if (Array.isArray(labels) && labels.every(isText) && isGood(labels)) return labels;
  throw new AdapterFileError(
    `metadata "${KEY}" must list 2 to ${mostLabels} different texts, found ${quote(labels)}`,
  );
}

const isGood = (labels: readonly string[]): boolean =>
  labels.length >= 2 && labels.length <= mostLabels && new Set(labels).size === labels.length;
