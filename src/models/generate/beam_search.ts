/** Beam search with length-normalized scores. @module */

import { Tape } from "../../autograd/tape.ts";
import { assertOptions, type OptionNames } from "../../core/checks.ts";
import { logSumExpOf } from "../../core/numbers.ts";
import { hostTensor } from "../../core/tensor.ts";
import type { KeyValueCache } from "../../nn/key_value_cache.ts";
import { assertModel } from "../model.ts";
import type { TextModel } from "../text_model.ts";
import { assertRoom, assertWhole } from "./generate.ts";

/** Width of a beam search and when it stops. */
export interface BeamOptions {
  /** Number of beams; at most as many as there are tokens that the first one can begin with. */
  readonly beams: number;
  /** Most new tokens. */
  readonly maxNewTokens: number;
  /** Token that ends a hypothesis. */
  readonly stopToken?: number;
  /** Exponent p of the score: (sum of log probabilities) / (new tokens)^p. Default 1. */
  readonly lengthPenalty?: number;
}

const optionNames: OptionNames<BeamOptions> = {
  beams: true,
  maxNewTokens: true,
  stopToken: true,
  lengthPenalty: true,
};

/** A continuation and its score. */
export interface Hypothesis {
  /** New tokens, the stop token included. */
  readonly tokens: readonly number[];
  /** Its length-normalized log probability in nats. */
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
 * The best continuation found by beam search, by the rules of Hugging Face's `generate`: each step
 * takes 2 · beams candidates; those that end join the finished hypotheses if they rank among the first
 * `beams`; and the search ends when no running beam can beat the worst of `beams` finished hypotheses.
 *
 * @throws {RangeError} when the prompt is empty or too long, an option is out of range, or a logit is not
 * finite.
 */
export async function beamSearch(
  model: TextModel,
  prompt: ArrayLike<number>,
  options: BeamOptions,
): Promise<Hypothesis> {
  assertModel("beamSearch", model);
  assertOptions("beamSearch", options, optionNames);
  const { beams, maxNewTokens } = options;
  assertRoom(model, prompt, maxNewTokens);
  assertWhole("beams", beams, 1, model.vocabulary);
  using cache = model.openCache(beams, prompt.length + maxNewTokens);
  const search = new Search(options);
  while (!search.finished) {
    const inputs = search.running.map(({ tokens }) => tokens.length ? tokens.slice(-1) : prompt);
    const parents = search.advance(await nextLogits(model, cache, inputs));
    using tape = new Tape(model.device, { record: false });
    cache.reorder(tape, parents);
  }
  return search.best();
}

/**
 * Feeds new tokens of equally long sequences and reads the logits after the last of each.
 *
 * @throws {RangeError} when a logit is not finite, as a token chosen from it would be meaningless.
 */
export async function nextLogits(
  model: TextModel,
  cache: KeyValueCache,
  sequences: readonly ArrayLike<number>[],
): Promise<Float32Array[]> {
  const time = sequences[0].length, vocabulary = model.vocabulary;
  const ids = Uint32Array.from(sequences.flatMap((sequence) => Array.from(sequence)));
  const rows = sequences.map((_, i) => i * time + time - 1);
  using tape = new Tape(model.device, { record: false });
  const tokens = hostTensor([sequences.length, time], ids);
  const [logits] = await model.device.read(model.forward(tape, { tokens }, { cache, rows }));
  const wrong = logits.data.find((value) => !Number.isFinite(value));
  if (wrong !== undefined) throw new RangeError(`generating needs finite logits, found ${wrong}`);
  return rows.map((_, i) =>
    Float32Array.from(logits.data.subarray(i * vocabulary, (i + 1) * vocabulary))
  );
}

/** The hypotheses of one search; it knows logits and scores, but no model. */
class Search {
  /** The running beams, best first; of the equal ones at the start, only the first counts. */
  running: readonly Beam[];
  readonly #options: BeamOptions;
  readonly #finished: Hypothesis[] = [];
  #length = 0;

  constructor(options: BeamOptions) {
    this.#options = options;
    this.running = Array.from(
      { length: options.beams },
      (_, i) => ({ tokens: [], logProbability: i === 0 ? 0 : -Infinity }),
    );
  }

  get finished(): boolean {
    const { beams, maxNewTokens } = this.#options;
    if (this.#length === maxNewTokens) return true;
    if (this.#finished.length < beams) return false;
    return this.#finished[beams - 1].score >= this.#hypothesis(this.running[0]).score;
  }

  /** Takes the logits after each running beam; returns which old beam each new one continues. */
  advance(logits: readonly Float32Array[]): number[] {
    const { beams, stopToken } = this.#options;
    const candidates = bestCandidates(this.running, logits, 2 * beams);
    const extended = candidates.map(({ parent, token, logProbability }) => ({
      parent,
      ends: token === stopToken,
      beam: { tokens: [...this.running[parent].tokens, token], logProbability },
    }));
    const ended = extended.slice(0, beams).filter(({ ends }) => ends);
    this.#finished.push(...ended.map(({ beam }) => this.#hypothesis(beam)));
    keepBest(this.#finished, beams);
    const kept = extended.filter(({ ends }) => !ends).slice(0, beams);
    this.running = kept.map(({ beam }) => beam);
    this.#length++;
    return kept.map(({ parent }) => parent);
  }

  /** The best finished hypothesis; if too few have finished, running beams count as well. */
  best(): Hypothesis {
    const cut = this.#finished.length < this.#options.beams ? this.running : [];
    const all = [...this.#finished, ...cut.map((beam) => this.#hypothesis(beam))];
    keepBest(all, 1);
    return all[0];
  }

  #hypothesis({ tokens, logProbability }: Beam): Hypothesis {
    const { lengthPenalty = 1 } = this.#options;
    return { tokens, score: logProbability / Math.max(1, tokens.length) ** lengthPenalty };
  }
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
    const base = running[parent].logProbability - logSumExpOf(row);
    const order = [...row.keys()].sort((a, b) => row[b] - row[a]).slice(0, count);
    return order.map((token) => ({ parent, token, logProbability: base + row[token] }));
  });
  return all.sort((a, b) => b.logProbability - a.logProbability).slice(0, count);
}
