/** `lowrank generate`. @module */

import { terminalJson } from "../../core/errors.ts";
import { howMany } from "../../core/numbers.ts";
import { readPrompts } from "../../data/mod.ts";
import { promptTokens } from "../../models/generate/generate.ts";
import {
  beamSearch,
  completionText,
  generate,
  promptFormatOf,
  type TextModel,
  usualLength,
} from "../../models/mod.ts";
import { Interrupt, letSignalsIn } from "../../terminal/interrupt.ts";
import { loadTokenizer, type Tokenizer } from "../../tokenizer/mod.ts";
import { assertLanguageModel } from "../cases.ts";
import { type LowrankCommand, option, required } from "../command.ts";
import {
  assertModelFolder,
  type CommonOptions,
  loadAdapted,
  note,
  openChosen,
  print,
} from "../common.ts";
import {
  type AllowOption,
  allowOption,
  type BaseDtypeOption,
  baseDtypeOption,
  collect,
  modelFolder,
  positiveNumber,
  temperature,
} from "../options.ts";

interface GenerateOptions extends CommonOptions, AllowOption, BaseDtypeOption {
  readonly model: string;
  readonly adapter?: string[];
  readonly prompt?: string;
  readonly data?: string;
  readonly maxNewTokens?: number;
  readonly temperature: number;
  readonly topK?: number;
  readonly beams?: number;
}

const help = `
Examples:
  lowrank generate --model models/tiny-gpt2 --prompt "Fellow citizens"
  lowrank generate --model models/tiny-gpt2 --adapter out --data asks.jsonl

With a temperature above 0, another --seed gives another text.

A file of prompts is .jsonl or .csv with the field prompt (or text), or .txt
with a prompt in each line; each gets an answer. Prompts are written as in the
training of the adapter, or of the model, if it is known.

JSON: {"prompt", "tokens", "text"}; with --data one such line for each prompt.`;

/** Continues prompts. */
export const generateCommand: LowrankCommand = {
  name: "generate",
  summary: "continue a prompt, or each prompt of a file",
  options: [
    required(
      "--model <folder>",
      "Hugging Face folder with a tokenizer.json, or GGUF file",
      modelFolder,
    ),
    option("--adapter <folder>", "folder of an adapter; repeat to add several", collect),
    allowOption(),
    baseDtypeOption(),
    option("--prompt <text>", "text to continue"),
    option("--data <file>", "prompts to continue: .jsonl, .csv or .txt"),
    option(
      "--max-new-tokens <n>",
      "most tokens (words or parts of them) to add (default: 64, or as many as fit)",
      positiveNumber,
    ),
    option(
      "--temperature <t>",
      "0 takes the most likely token; above 0 draws one, the higher the freer",
      temperature,
      0,
    ),
    option("--top-k <k>", "draw each token from the k most likely ones only", positiveNumber),
    option(
      "--beams <n>",
      "follow the n best texts so far and keep the most likely (beam search); at most as many as the vocabulary has tokens",
      positiveNumber,
    ),
  ],
  uses: ["--device", "--seed"],
  permissions: ["read", "device"],
  help,
  run,
};

async function run(options: GenerateOptions): Promise<void> {
  assertSampling(options);
  await assertModelFolder(options.model);
  const prompts = await promptsOf(options);
  await assertLanguageModel(options.model, options.adapter);
  const tokenizer = await loadTokenizer(options.model);
  using device = await openChosen(options);
  using loaded = await loadAdapted(device, options.model, options.adapter, options);
  // A beam search has no result until it ends, so Ctrl-C may end it at once.
  using interrupt = options.beams ? undefined : new Interrupt().listen();
  let cut = 0;
  for (const prompt of prompts) {
    const { isCut, ...answer } = await answerTo(
      prompt,
      loaded.model,
      tokenizer,
      options,
      interrupt?.signal,
    );
    if (options.json && options.data) console.log(terminalJson(answer));
    else print(options, answer, () => shown(loaded.model, answer));
    if (isCut) cut++;
    interrupt?.throwIfStopped();
  }
  if (cut > 0) {
    note(options, `ended by the limit of new tokens (--max-new-tokens): ${howMany(cut, "answer")}`);
  }
  if (options.temperature > 0) note(options, "another --seed draws another text");
}

/** The prompts of the command, or of its file. */
async function promptsOf({ prompt, data }: GenerateOptions): Promise<readonly string[]> {
  if (prompt !== undefined && data === undefined) return [prompt];
  if (prompt === undefined && data !== undefined) return await readPrompts(data);
  const found = prompt === undefined ? "neither" : "both";
  throw new RangeError(`generate needs --prompt TEXT or --data FILE, found ${found}`);
}

function assertSampling({ beams, temperature, topK }: GenerateOptions): void {
  if (beams && (temperature > 0 || topK)) {
    throw new RangeError("--beams does not sample: leave out --temperature and --top-k");
  }
  if (topK && temperature === 0) {
    throw new RangeError(
      "--top-k needs a --temperature above 0: otherwise the most likely token is always taken",
    );
  }
}

/** A prompt with its answer. */
export interface Answer {
  /** The prompt as it was given. */
  readonly prompt: string;
  /** The new tokens. */
  readonly tokens: readonly number[];
  /** Their text. */
  readonly text: string;
}

/** Settings of an answer, which is greedy unless they say otherwise. */
export interface AnswerOptions {
  /** Most new tokens. Default: 64, or as many as fit. */
  readonly maxNewTokens?: number;
  /** Of the sampling. */
  readonly temperature?: number;
  /** From how many tokens one is drawn. */
  readonly topK?: number;
  /** Beams of a search. */
  readonly beams?: number;
  /** Seed of the sampling. */
  readonly seed: number;
}

const shown = (model: TextModel, { prompt, text }: Answer): string =>
  prompt + promptFormatOf(model).separator + text;

/** Has a model answer a prompt, which is written as in its training. */
export async function answerTo(
  prompt: string,
  model: TextModel,
  tokenizer: Tokenizer,
  options: AnswerOptions,
  signal?: AbortSignal,
): Promise<Answer & { isCut: boolean }> {
  const input = promptTokens(model, tokenizer, prompt);
  assertFits(input, model);
  const { endOfText: stopToken } = tokenizer, { beams, temperature, topK, seed } = options;
  const maxNewTokens = options.maxNewTokens ?? usualLength(model, input);
  const most = { maxNewTokens, stopToken };
  const tokens = beams
    ? [...(await beamSearch(model, input, { ...most, beams })).tokens]
    : await sample(generate(model, input, { ...most, temperature, topK, seed, signal }));
  const isCut = tokens.length === maxNewTokens && tokens.at(-1) !== stopToken;
  return { prompt, tokens, text: completionText(model, tokenizer, tokens), isCut };
}

function assertFits({ length }: readonly number[], { positions }: TextModel): void {
  if (length < positions) return;
  throw new RangeError(
    `a prompt must be shorter than the model's ${positions} tokens, found ${length}: shorten it`,
  );
}

async function sample(made: AsyncIterable<number>): Promise<number[]> {
  const tokens: number[] = [];
  for await (const token of made) {
    tokens.push(token);
    await letSignalsIn();
  }
  return tokens;
}
