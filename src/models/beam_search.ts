/** Beam search with length-normalised scores. @module */

import { Tape } from "../autograd/tape.ts";
import { assertRoom, nextLogits, openCache } from "./generate.ts";
import type { Gpt2 } from "./gpt2/gpt2.ts";

/** How wide to search and when to stop. */
export interface BeamOptions {
  /** Number of beams. */
  readonly beams: number;
  /** Most new tokens. */
  readonly maxNewTokens: number;
  /** Token that ends a hypothesis. */
  readonly stopToken?: number;
  /** Exponent p of the score: (sum of log probabilities) / (new tokens)^p. Default 1. */
  readonly lengthPenalty?: number;
}

/** A continuation and its score. */
export interface Hypothesis {
  /** New tokens, the stop token included. */
  readonly tokens: readonly number[];
  /** Its length-normalised log probability in nats. */
  readonly score: number;
}

interface Beam {
  readonly tokens: readonly number[];
  readonly logProbability: number;
}

interface Candidate {
  readonly parent: number;
  readonly token: number;
  readonly logProbability: number;
}

/**
 * The best continuation found by beam search, by the rules of Hugging Face's `generate`: 2 · beams
 * candidates a step, those that end join the finished ones when they rank among the first `beams`, and the
 * search ends when no running beam can beat the worst of `beams` finished ones.
 *
 * @throws {RangeError} when the prompt is empty or too long.
 */
export async function beamSearch(
  model: Gpt2,
  prompt: ArrayLike<number>,
  { beams, maxNewTokens, stopToken, lengthPenalty = 1 }: BeamOptions,
): Promise<Hypothesis> {
  assertRoom(model, prompt, maxNewTokens);
  using cache = openCache(model, beams, prompt.length + maxNewTokens);
  const score = (logProbability: number, length: number) =>
    logProbability / length ** lengthPenalty;
  let running: Beam[] = Array.from(
    { length: beams },
    (_, i) => ({ tokens: [], logProbability: i === 0 ? 0 : -Infinity }),
  );
  const finished: Hypothesis[] = [];
  for (let length = 1; length <= maxNewTokens; length++) {
    const inputs = running.map(({ tokens }) => length === 1 ? prompt : tokens.slice(-1));
    const candidates = bestCandidates(running, await nextLogits(model, cache, inputs), 2 * beams);
    const next: Candidate[] = [];
    candidates.forEach((candidate, place) => {
      if (candidate.token !== stopToken) next.push(candidate);
      else if (place < beams) finished.push(finish(running, candidate, score));
    });
    const kept = next.slice(0, beams);
    running = kept.map(({ parent, token, logProbability }) => ({
      tokens: [...running[parent].tokens, token],
      logProbability,
    }));
    keepBest(finished, beams);
    const hope = score(running[0].logProbability, length);
    if (finished.length === beams && finished[beams - 1].score >= hope) break;
    using tape = new Tape(model.device, { record: false });
    cache.reorder(tape, kept.map(({ parent }) => parent));
  }
  if (finished.length < beams) {
    for (const { tokens, logProbability } of running) {
      finished.push({ tokens, score: score(logProbability, tokens.length) });
    }
  }
  keepBest(finished, 1);
  return finished[0];
}

function finish(
  running: readonly Beam[],
  { parent, token, logProbability }: Candidate,
  score: (logProbability: number, length: number) => number,
): Hypothesis {
  const tokens = [...running[parent].tokens, token];
  return { tokens, score: score(logProbability, tokens.length) };
}

function keepBest(hypotheses: Hypothesis[], count: number): void {
  hypotheses.sort((a, b) => b.score - a.score).splice(count);
}

function bestCandidates(
  running: readonly Beam[],
  logits: readonly Float32Array[],
  count: number,
): Candidate[] {
  const all = logits.flatMap((row, parent) => {
    const base = running[parent].logProbability - logSumExp(row);
    const order = [...row.keys()].sort((a, b) => row[b] - row[a]).slice(0, count);
    return order.map((token) => ({ parent, token, logProbability: base + row[token] }));
  });
  return all.sort((a, b) => b.logProbability - a.logProbability).slice(0, count);
}

function logSumExp(row: Float32Array): number {
  const largest = row.reduce((a, b) => Math.max(a, b), -Infinity);
  return largest + Math.log(row.reduce((sum, value) => sum + Math.exp(value - largest), 0));
}
