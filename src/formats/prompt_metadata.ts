/** How prompts were written in training, in the metadata of the trained weights. @module */

import { parseJson } from "../core/json.ts";
import { assertPromptFormat, type PromptFormat } from "../core/prompt_format.ts";

/** The key in `__metadata__`; other programs ignore it. */
const KEY = "lowrank.prompt";

/** Metadata that records a format; empty if there is none. */
export function promptMetadata(format: PromptFormat | undefined): Record<string, string> {
  if (!format) return {};
  const { template, endOfTextFirst, separator } = format;
  return { [KEY]: JSON.stringify({ template, endOfTextFirst, separator }) };
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
  if (!Object.hasOwn(metadata, KEY)) return undefined;
  const format = jsonOf(metadata[KEY]);
  assertPromptFormat(`metadata "${KEY}"`, format);
  return format;
}

function jsonOf(text: string): unknown {
  try {
    return parseJson(new TextEncoder().encode(text));
  } catch (error) {
    throw new SyntaxError(`metadata "${KEY}" must be JSON: ${(error as Error).message}`);
  }
}
