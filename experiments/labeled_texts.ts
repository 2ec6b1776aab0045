/** Texts with labels, as the studies of classifiers draw them. @module */

import { sha256 } from "../src/core/digest.ts";
import type { LabeledText, Texts } from "../src/data/mod.ts";

/** Texts of the kind that classifiers learn from. */
export type LabeledTexts = Extract<Texts, { kind: "labeled" }>;

/**
 * The texts of one part of a task, with the digest that names it in specifications.
 *
 * @param description How many they are, for a reader.
 */
export async function labeledTexts(
  rows: readonly LabeledText[],
  labels: readonly string[],
  description: string,
): Promise<LabeledTexts> {
  const digest = await sha256(new TextEncoder().encode(JSON.stringify(rows)));
  return { kind: "labeled", rows, labels, description, digest };
}
