/** The tokens of outputs and of their references. @module */

import { mostScoredTokens } from "../../src/core/limits.ts";
import { grouped } from "../../src/core/numbers.ts";
import { quote } from "../../src/core/errors.ts";
import type { ReferencedOutput } from "../../src/data/mod.ts";

/** Throws unless there are outputs, each with a reference. */
export function assertReferenced(metric: string, outputs: readonly ReferencedOutput[]): void {
  if (outputs.length === 0) throw new RangeError(`${metric} needs at least 1 output, found none`);
  const bare = outputs.findIndex(({ references }) => references.length === 0);
  if (bare < 0) return;
  throw new RangeError(`${metric} needs a reference for every output, found none for ${bare + 1}`);
}

/** The tokens of an output and of its references. */
export interface ReferencedTokens {
  /** Tokens of the output; may be none. */
  readonly output: readonly string[];
  /** Tokens of each reference. */
  readonly references: readonly (readonly string[])[];
}

/** Function that splits a text into tokens. */
type Split = (text: string) => string[];

/**
 * Splits outputs and references.
 *
 * @throws {RangeError} when a text has more tokens than a metric can take.
 */
export const tokensOf = (outputs: readonly ReferencedOutput[], split: Split): ReferencedTokens[] =>
  outputs.map(({ output, references }) => ({
    output: scoredTokens(output, split),
    references: references.map((reference) => scoredTokens(reference, split)),
  }));

/**
 * The tokens of one text.
 *
 * @throws {RangeError} when they are more than a metric can take.
 */
export function scoredTokens(text: string, split: Split): string[] {
  const tokens = split(text);
  if (tokens.length <= mostScoredTokens) return tokens;
  throw new RangeError(
    `a text that is scored must have at most ${grouped(mostScoredTokens)} tokens, found ${
      grouped(tokens.length)
    } in ${quote(text)}`,
  );
}
