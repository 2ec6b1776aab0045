/** Texts that answer texts, with prompts written as in training. @module */

import { assertOptions } from "../core/options.ts";
import type { PromptFormat } from "../core/prompt_format.ts";
import { assertTokenizer, encodePrompt, leastTokens } from "../tokenizer/prompt.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { generate, generateNames, type GenerateOptions } from "./generate.ts";
import { assertModel, promptFormatOf } from "./model.ts";
import type { TextModel } from "./text_model.ts";

/** How {@link complete} chooses tokens; the end of text is the default `stopToken`. */
export interface CompleteOptions extends Omit<GenerateOptions, "maxNewTokens"> {
  /** Most new tokens. Default: 64, or as many as the model has positions for. */
  readonly maxNewTokens?: number;
}

/**
 * Continues a text until its end. The prompt's tokens are made as in the training of the adapter that is
 * on the model, or of the model itself, which remember how; otherwise they are those of the text alone.
 *
 * @returns The new text, without special tokens.
 * @throws {TypeError} when the prompt is not a text, or an option does not exist.
 * @throws {RangeError} when the prompt has no token, prompt and continuation exceed the positions, an
 * option is out of range, or a logit is not finite.
 *
 * @example
 * ```ts
 * import { complete, loadModel, loadTokenizer, openDevice } from "@lowrank/core";
 *
 * using device = await openDevice();
 * using model = await loadModel(device, "models/tiny-gpt2");
 * const tokenizer = await loadTokenizer("models/tiny-gpt2");
 * console.log(await complete(model, tokenizer, "Fellow citizens,", { maxNewTokens: 8 }));
 * ```
 */
export async function complete(
  model: TextModel,
  tokenizer: Tokenizer,
  prompt: string,
  options: CompleteOptions = {},
): Promise<string> {
  assertModel("complete", model);
  assertTokenizer("complete", tokenizer);
  assertOptions("complete", options, generateNames);
  const tokens = promptTokens(model, tokenizer, prompt);
  const { endOfText: stopToken } = tokenizer, maxNewTokens = usualLength(model, tokens);
  const made = generate(model, tokens, { stopToken, maxNewTokens, ...options });
  return completionText(model, tokenizer, await Array.fromAsync(made));
}

/**
 * The tokens of a prompt in the format of a model.
 *
 * @throws {RangeError} when it is so long that it need not be encoded to see that the model has too few positions.
 */
export function promptTokens(model: TextModel, tokenizer: Tokenizer, prompt: string): number[] {
  const { positions } = model, least = leastTokens(tokenizer, prompt);
  if (least > positions) {
    throw new RangeError(`a prompt must have at most ${positions} tokens, found at least ${least}`);
  }
  return encodePrompt(tokenizer, prompt, promptFormatOf(model));
}

/** How many tokens an answer may have where nothing is said: 64, or as many as fit after the prompt. */
export const usualLength = ({ positions }: TextModel, { length }: ArrayLike<number>): number =>
  Math.max(0, Math.min(64, positions - length));

/** The text of generated tokens, without what every completion begins with. */
export const completionText = (
  model: TextModel,
  tokenizer: Tokenizer,
  tokens: readonly number[],
): string => answerText(tokenizer, tokens, promptFormatOf(model));

/** The same of tokens that followed a prompt in a format. */
export function answerText(
  tokenizer: Tokenizer,
  tokens: readonly number[],
  { separator }: PromptFormat,
): string {
  const text = tokenizer.decode(tokens, { skipSpecialTokens: true });
  return text.startsWith(separator) ? text.slice(separator.length) : text;
}
