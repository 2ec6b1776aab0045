/** ROUGE-L: the longest common subsequence with what people wrote. @module */

import type { ReferencedOutput } from "../../src/data/mod.ts";
import { captionTokensOf } from "./tokens.ts";
import { assertReferenced, type ReferencedTokens } from "./referenced_output.ts";

/** Weight of recall relative to precision. */
const beta = 1.2;

/**
 * ROUGE-L, the mean over the outputs, between 0 and 1:
 *
 * F = (1 + β²) · P · R / (R + β² · P), β = 1.2, with P = LCS / tokens of the output and R = LCS / tokens of
 * the reference, each the best over the references, which may be two different ones. LCS is the number of
 * tokens of the longest common subsequence.
 *
 * Time is the product of both lengths, memory that of one.
 *
 * Source: Lin 2004, section 3.1; `Rouge` in coco-caption's `rouge.py`, which the E2E scripts call; tokens of
 * `captionTokens`.
 *
 * @throws {RangeError} when there is no output, or one without a reference, or a text has more than 10,000 tokens.
 *
 * @example
 * ```ts
 * rougeL([{ output: "a cheap pub", references: ["a cheap and friendly pub"] }]); // P = 1, R = 3/5
 * ```
 */
export function rougeL(outputs: readonly ReferencedOutput[]): number {
  assertReferenced("ROUGE-L", outputs);
  const scores = captionTokensOf(outputs).map(scoreOf);
  return scores.reduce((sum, score) => sum + score, 0) / scores.length;
}

function scoreOf({ output, references }: ReferencedTokens): number {
  // The script splits an empty text into one empty token.
  const made = orEmptyToken(output), written = references.map(orEmptyToken);
  const common = written.map((reference) => commonSubsequence(made, reference));
  const precision = Math.max(...common) / made.length;
  const recall = Math.max(...common.map((length, i) => length / written[i].length));
  if (precision === 0) return 0;
  return (1 + beta ** 2) * precision * recall / (recall + beta ** 2 * precision);
}

const orEmptyToken = (tokens: readonly string[]): readonly string[] =>
  tokens.length === 0 ? [""] : tokens;

/** The number of tokens of the longest common subsequence, by the table of all prefixes. */
function commonSubsequence(a: readonly string[], b: readonly string[]): number {
  let row = new Uint32Array(b.length + 1);
  for (const token of a) {
    const next = new Uint32Array(b.length + 1);
    for (let j = 1; j <= b.length; j++) {
      next[j] = token === b[j - 1] ? row[j - 1] + 1 : Math.max(row[j], next[j - 1]);
    }
    row = next;
  }
  return row[b.length];
}
