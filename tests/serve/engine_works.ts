/** Requests for engines, and what each gets alone. @module */

import { injectUpdates } from "../../src/adapt/mod.ts";
import { generate, type TextModel } from "../../src/models/mod.ts";
import type { EngineLimits, Work } from "../../src/serve/engine.ts";
import type { Adapters } from "../adapt/adapter_set_checks.ts";

const names = [undefined, "small", "all", "keys", "wide"] as const;

/** Requests of all adapters with prompts and answers of different lengths, of which every third is drawn. */
export const works: readonly Work[] = Array.from({ length: 10 }, (_, i) => ({
  prompt: Array.from({ length: 1 + (5 * i) % 8 }, (_, at) => 3 + (5 * i + at) % 30),
  adapter: names[i % names.length],
  maxNewTokens: 1 + (7 * i) % 9,
  ...(i % 3 === 0 ? { temperature: 0.9, topK: i % 2 ? 5 : undefined } : {}),
  seed: i,
}));

/** Tokens of `generate` for a request. */
export async function offline(
  model: TextModel,
  adapters: Adapters,
  { prompt, adapter, ...options }: Work,
): Promise<number[]> {
  using _ = injectUpdates(model, adapter === undefined ? [] : adapters.get(adapter)!);
  const { maxNewTokens, stopToken, temperature, topK, seed } = options;
  const own = { maxNewTokens, stopToken, temperature, topK, seed };
  return await Array.fromAsync(generate(model, prompt, own));
}

/** A few rows and much room. */
export const limits: EngineLimits = { rows: 3, length: 24, queue: 100 };
