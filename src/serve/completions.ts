/**
 * Completions in the shape of OpenAI's interface, with an adapter for each request, and the text of
 * an answer while it is made.
 *
 * @module
 */

import type { AdapterSet } from "../adapt/many/adapter_set.ts";
import type { PromptFormat } from "../core/batch.ts";
import { isRecord } from "../core/checks.ts";
import { quote } from "../core/errors.ts";
import { mostStops } from "../core/limits.ts";
import { answerText } from "../models/generate/generate.ts";
import { promptFormatOf } from "../models/model.ts";
import type { TextModel } from "../models/text_model.ts";
import { splitPath } from "../storage/storage.ts";
import { encodePrompt, leastTokens, type Tokenizer } from "../tokenizer/mod.ts";
import type { Engine, Work } from "./engine.ts";
import {
  type FieldRule,
  Fields,
  flag,
  numberFrom,
  only,
  Refusal,
  text,
  whole,
} from "./requests.ts";

// Completions.

/** The model, its adapters and the engine that answer requests. */
export interface Served {
  /** The base. */
  readonly model: TextModel;
  /** Its name for clients. */
  readonly name: string;
  /** Its tokenizer. */
  readonly tokenizer: Tokenizer;
  /** Its adapters. */
  readonly adapters: AdapterSet;
  /** Continues prompts. */
  readonly engine: Engine;
  /** Most tokens of a prompt with its answer. */
  readonly length: number;
}

/** A request that was understood. */
export interface Ask {
  /** Work for the engine. */
  readonly work: Work;
  /** Rules for the text of the answer. */
  readonly rules: TextRules;
  /** True if the answer is sent in parts. */
  readonly stream: boolean;
  /** True if its tokens are counted in a part of their own. */
  readonly countsApart: boolean;
}

/** An answer, or a part of one. */
export interface Completion {
  readonly id: string;
  readonly object: "text_completion";
  /** Seconds since 1970. */
  readonly created: number;
  /** The adapter, or the base. */
  readonly model: string;
  readonly choices: readonly [Choice];
  readonly usage?: Usage;
}

/** The text of an answer. */
export interface Choice {
  readonly index: 0;
  readonly text: string;
  readonly logprobs: null;
  /** `stop` at the end of text or a stop, `length` at the most tokens, null while it goes on. */
  readonly finish_reason: "stop" | "length" | null;
}

/** Tokens of a request and its answer. */
export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

/** Rule for texts that end an answer: one text, or a few. */
const stopRule: FieldRule<string | string[]> = {
  words: `a text, or up to ${mostStops} texts, none of them empty`,
  holds: (value): value is string | string[] =>
    [value].flat().length <= mostStops &&
    [value].flat().every((stop) => typeof stop === "string" && stop !== ""),
};

/** Rule of the options of an answer in parts. */
const streamRule: FieldRule<{ readonly include_usage?: boolean }> = {
  words: '{"include_usage": true} or {"include_usage": false}',
  holds: (value): value is { include_usage?: boolean } =>
    isRecord(value) &&
    Object.entries(value).every(([name, set]) => name === "include_usage" && flag.holds(set)),
};

/**
 * Takes out what OpenAI's clients may send though it changes nothing: who asks, and defaults, of which any other value
 * is refused.
 */
function takeDefaults(fields: Fields): void {
  fields.take("user", text);
  for (const name of ["n", "best_of", "top_p"]) fields.take(name, only(1));
  for (const name of ["presence_penalty", "frequency_penalty"]) fields.take(name, only(0));
  fields.take("echo", only(false));
  fields.take("suffix", only(""));
  fields.take("logit_bias", only({}));
  fields.take("logprobs", only(null));
}

/**
 * Understands a request. What it leaves out is as in `generate` of the command line.
 *
 * @throws {Refusal} when a field is unknown, wrong or not supported, or prompt and answer are too long together.
 */
export function readAsk(served: Served, body: unknown): Ask {
  const { tokenizer, length } = served, fields = new Fields(body);
  const adapter = takeAdapter(served, fields), prompt = fields.need("prompt", text);
  const most = fields.take("max_tokens", whole(1));
  const temperature = fields.take("temperature", numberFrom(0)) ?? 0;
  const topK = fields.take("top_k", whole(1)), seed = fields.take("seed", whole(0, 2 ** 32 - 1));
  const stops = [fields.take("stop", stopRule) ?? []].flat();
  const stream = fields.take("stream", flag) ?? false;
  const { include_usage: countsApart = false } = fields.take("stream_options", streamRule) ?? {};
  takeDefaults(fields);
  fields.end();
  served.engine.assertRoom(); // Encoding is work, during which nobody is answered.
  const least = leastTokens(tokenizer, prompt);
  if (least > length) throw tooLong(length, `at least ${least}`);
  const format = formatOf(served, adapter), tokens = encode(tokenizer, prompt, format);
  const maxNewTokens = roomFor(tokens.length, most, length), stopToken = tokenizer.endOfText;
  const sampling = { temperature, topK, seed: seed ?? 0 };
  return {
    work: { prompt: tokens, adapter, maxNewTokens, stopToken, ...sampling },
    rules: { tokenizer, format, stops },
    stream,
    countsApart,
  };
}

/** The name of the adapter that a request is for, in either of two fields; undefined for the base. */
function takeAdapter(served: Served, fields: Fields): string | undefined {
  const adapter = fields.take("adapter", text), model = fields.take("model", text);
  const other = model === undefined || model === "" || isBase(served, model) ? undefined : model;
  if (adapter !== undefined && other !== undefined && adapter !== other) {
    const rule = `model must be the base, ${quote(served.name)}, or the same as adapter`;
    throw new Refusal(400, `${rule}, found ${quote(model)} and ${quote(adapter)}`, "model");
  }
  const wanted = adapter ?? other;
  if (wanted !== undefined) {
    served.engine.assertKnown(wanted, adapter === undefined ? "model" : "adapter");
  }
  return wanted;
}

/** True for a name of the base: its path, or its folder alone. */
export const isBase = ({ name }: Served, wanted: string): boolean =>
  wanted === name || wanted === splitPath(name).name;

const formatOf = ({ model, adapters }: Served, adapter: string | undefined): PromptFormat =>
  (adapter === undefined ? undefined : adapters.promptFormatOf(adapter)) ?? promptFormatOf(model);

function encode(tokenizer: Tokenizer, prompt: string, format: PromptFormat): number[] {
  try {
    const tokens = encodePrompt(tokenizer, prompt, format);
    if (tokens.length > 0) return tokens;
  } catch (error) {
    throw new Refusal(400, (error as Error).message, "prompt");
  }
  throw new Refusal(400, "a prompt must have at least one token, found none", "prompt");
}

const tooLong = (length: number, found: string | number): Refusal =>
  new Refusal(400, `a prompt must have fewer than ${length} tokens, found ${found}`, "prompt");

/** The most tokens of an answer: as many as were asked for, or 64, or as many as fit. */
function roomFor(prompt: number, most: number | undefined, length: number): number {
  const room = length - prompt;
  if (room < 1) throw tooLong(length, prompt);
  if (most === undefined) return Math.min(64, room);
  if (most <= room) return most;
  throw new Refusal(
    400,
    `max_tokens must be at most ${room}, as the prompt has ${prompt} of ${length} tokens, found ${most}`,
    "max_tokens",
  );
}

/**
 * Answers a request.
 *
 * @param signal Aborted when nobody waits for the answer any more.
 * @param onPart Takes the answer in parts, of which the last one says how it ended; the result then has no text.
 * @throws As {@link Engine.submit}.
 */
export async function answer(
  { name, engine }: Served,
  { work, rules }: Ask,
  signal: AbortSignal,
  onPart?: (part: Completion) => void,
): Promise<Completion> {
  const id = `cmpl-${crypto.randomUUID()}`, created = Math.floor(Date.now() / 1000);
  const shared = { id, object: "text_completion", created, model: work.adapter ?? name } as const;
  const choice = (text: string, finish_reason: Choice["finish_reason"] = null) =>
    [{ index: 0, text, logprobs: null, finish_reason }] as const;
  const parts = new TextParts(rules);
  const onToken = (made: readonly number[]) => {
    const part = onPart ? parts.next(made) : "";
    if (part !== "") onPart!({ ...shared, choices: choice(part) });
    return rules.stops.length > 0 && textBefore(rules, made).isStopped;
  };
  const made = await engine.submit({ ...work, signal, onToken });
  const { text, isStopped } = textBefore(rules, made);
  const reason = isStopped || made.at(-1) === work.stopToken ? "stop" : "length";
  const last = { ...shared, choices: choice(onPart ? parts.last(text) : text, reason) };
  return { ...last, usage: usageOf(work.prompt.length, made.length) };
}

const usageOf = (prompt_tokens: number, completion_tokens: number): Usage => ({
  prompt_tokens,
  completion_tokens,
  total_tokens: prompt_tokens + completion_tokens,
});

// Text of an answer.

/** Rules by which an answer's tokens become its text. */
export interface TextRules {
  /** The base's. */
  readonly tokenizer: Tokenizer;
  /** Format of the prompt. */
  readonly format: PromptFormat;
  /** Texts of which the first that comes ends the answer and is no part of it. */
  readonly stops: readonly string[];
}

/** A text and whether it ended at a stop. */
export interface StoppedText {
  /** Text before the stop, or all of it. */
  readonly text: string;
  /** True if a stop was found. */
  readonly isStopped: boolean;
}

/** The text of tokens up to the first stop in it. */
export function textBefore(
  { tokenizer, format, stops }: TextRules,
  tokens: readonly number[],
): StoppedText {
  const text = answerText(tokenizer, tokens, format);
  const ends = stops.map((stop) => text.indexOf(stop)).filter((end) => end >= 0);
  return { text: text.slice(0, Math.min(...ends, text.length)), isStopped: ends.length > 0 };
}

/** Gives a text that grows in parts: what later tokens may change is held back until they have come. */
export class TextParts {
  readonly #rules: TextRules;
  #given = "";

  /** Begins with nothing given. */
  constructor(rules: TextRules) {
    this.#rules = rules;
  }

  /** The part of the text of these tokens that is new and can no longer change. */
  next(tokens: readonly number[]): string {
    const { stops, format: { separator } } = this.#rules,
      { text } = textBefore(this.#rules, tokens);
    const mayBeSeparator = separator.startsWith(text);
    // A character of several tokens is U+FFFD until its last one.
    const whole = text.replace(/\ufffd+$/, "");
    const longest = Math.max(1, ...stops.map(({ length }) => length));
    return mayBeSeparator ? "" : this.#give(cutAt(whole, Math.max(0, whole.length - longest + 1)));
  }

  /** The rest of the text, which has ended. */
  last(text: string): string {
    return this.#give(text);
  }

  #give(text: string): string {
    if (!text.startsWith(this.#given)) return "";
    const part = text.slice(this.#given.length);
    this.#given = text;
    return part;
  }
}

/** The beginning of a text, without half of a character that is two in UTF-16. */
function cutAt(text: string, end: number): string {
  const isInside = /^[\ud800-\udbff][\udc00-\udfff]/.test(
    text.slice(Math.max(0, end - 1), end + 1),
  );
  return text.slice(0, isInside ? end - 1 : end);
}
