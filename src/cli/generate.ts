/** `lowrank generate`. @module */

import type { Command } from "./commander.ts";
import { Interrupt, letSignalsIn } from "../core/interrupt.ts";
import {
  type BeamOptions,
  beamSearch,
  completionText,
  generate,
  type GenerateOptions as SampleOptions,
  promptFormatOf,
  type TextModel,
} from "../models/mod.ts";
import { encodePrompt, loadTokenizer } from "../tokenizer/mod.ts";
import { collect, modelFolder, positiveNumber, temperature } from "./arguments.ts";
import { type CommonOptions, loadAdapted, openChosen, print } from "./common.ts";

interface GenerateOptions extends CommonOptions {
  readonly model: string;
  readonly adapter?: string[];
  readonly prompt: string;
  readonly maxNewTokens: number;
  readonly temperature: number;
  readonly topK?: number;
  readonly beams?: number;
}

/** Adds `generate`, which continues a prompt. */
export function addGenerate(program: Command): void {
  program.command("generate").description("continue a prompt")
    .requiredOption("--model <folder>", "Hugging Face folder with a tokenizer.json", modelFolder)
    .option("--adapter <folder>", "PEFT folder; repeat to add several", collect)
    .requiredOption("--prompt <text>", "text to continue")
    .option("--max-new-tokens <n>", "maximum number of new tokens", positiveNumber, 32)
    .option("--temperature <t>", "0 takes the most likely token, above 0 samples", temperature, 0)
    .option("--top-k <k>", "sample from the k most likely tokens only", positiveNumber)
    .option("--beams <n>", "use beam search of width n; it does not sample", positiveNumber)
    .action(run);
}

async function run(options: GenerateOptions): Promise<void> {
  assertSampling(options);
  const { beams, maxNewTokens, temperature, topK, seed } = options;
  const tokenizer = await loadTokenizer(options.model);
  using device = await openChosen(options);
  using loaded = await loadAdapted(device, options.model, options.adapter);
  const { endOfText: stopToken } = tokenizer, format = promptFormatOf(loaded.model);
  const prompt = encodePrompt(tokenizer, options.prompt, format);
  // A beam search has no result until it ends, so Ctrl-C may end it at once.
  using interrupt = beams ? undefined : new Interrupt().listen();
  const tokens = interrupt
    ? await sample(loaded.model, prompt, {
      ...{ maxNewTokens, stopToken, temperature, topK, seed },
      signal: interrupt.signal,
    })
    : await search(loaded.model, prompt, { beams: beams!, maxNewTokens, stopToken });
  const text = completionText(loaded.model, tokenizer, tokens);
  const { prompt: question } = options;
  print(options, { prompt: question, tokens, text }, () => question + format.separator + text);
  interrupt?.throwIfStopped();
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

type Prompt = ArrayLike<number>;

async function sample(model: TextModel, prompt: Prompt, options: SampleOptions): Promise<number[]> {
  const tokens: number[] = [];
  for await (const token of generate(model, prompt, options)) {
    tokens.push(token);
    await letSignalsIn();
  }
  return tokens;
}

async function search(model: TextModel, prompt: Prompt, options: BeamOptions): Promise<number[]> {
  return [...(await beamSearch(model, prompt, options)).tokens];
}
