/** Fields of a tokenizer's file, and how one is refused. @module */

import { quote } from "../core/quote.ts";

/** A parsed JSON file. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Throws the sentence for a rule that the file breaks. */
export function refuse(rule: string, found: unknown): never {
  throw new SyntaxError(`tokenizer.json must ${rule}, found ${quote(found)}`);
}
