/** The random start of an adapter, in the metadata of its weights. @module */

import { AdapterFileError } from "../core/errors.ts";
import { isRecord, jsonValue } from "../core/json.ts";
import { quote } from "../core/quote.ts";

/** Drawn alike, two adapters begin with the same A, or with its first rows where one rank is lower. */
export interface RandomStart {
  /** The distribution, as in PEFT's `init_lora_weights`. */
  readonly init: "kaiming" | "gaussian";
  /** Of the random numbers. */
  readonly seed: number;
}

/** The key in `__metadata__`; PEFT only reads `format`. */
const KEY = "lowrank.start";

/** Metadata that record it; empty where A did not begin at random, or nobody knows how. */
export function startMetadata(start: RandomStart | undefined): Record<string, string> {
  return start ? { [KEY]: JSON.stringify({ init: start.init, seed: start.seed }) } : {};
}

/**
 * The random start that the metadata record, if they do.
 *
 * @throws {AdapterFileError} when it is not what {@link startMetadata} writes.
 */
export function parseStart(metadata: Readonly<Record<string, string>>): RandomStart | undefined {
  if (!Object.hasOwn(metadata, KEY)) return undefined;
  const value = jsonValue(metadata[KEY]), start = asStart(value);
  if (start) return start;
  throw new AdapterFileError(
    `metadata "${KEY}" must have an init (kaiming or gaussian) and a seed below 2^32, found ${
      quote(value)
    }`,
  );
}

/** A value from a file as a random start, if it is one. */
export function asStart(value: unknown): RandomStart | undefined {
  if (!isRecord(value)) return undefined;
  const { init, seed } = value;
  const isSeed = Number.isInteger(seed) && Number(seed) >= 0 && Number(seed) < 2 ** 32;
  return isSeed && (init === "kaiming" || init === "gaussian")
    ? { init, seed: Number(seed) }
    : undefined;
}
