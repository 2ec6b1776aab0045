/** Putting new virtual tokens before a model's sequences. @module */

import { assertOptions, type OptionNames } from "../../core/options.ts";
import type { Model } from "../../models/model.ts";
import { assertFree } from "../attach.ts";
import type { MethodAdapterOptions } from "../method_adapter.ts";
import { PrefixAdapter } from "./adapter.ts";
import type { PrefixKind } from "./virtual.ts";

/** How many virtual tokens to train. */
export interface PrefixOptions extends MethodAdapterOptions {
  /** Number of virtual tokens, l_p: a positive integer that leaves a position for another token. */
  readonly length: number;
  /** Seed of the tokens whose values they start from. Default 0. */
  readonly seed?: number;
}

const optionNames: OptionNames<PrefixOptions> = {
  length: true,
  seed: true,
  modulesToSave: true,
  onTop: true,
};

/**
 * Freezes a model and trains the word embeddings of l_p virtual tokens before every sequence: l_p · d values
 * (prefix-embedding tuning, Hu et al. 2021, section 5.1; PEFT's prompt tuning, Lester et al. 2021).
 *
 * The embeddings start as those of tokens drawn from the vocabulary, so **step zero is not the base model**: it reads
 * a prompt of random words. Positions of other tokens begin after the virtual ones, outputs are those of the other
 * tokens, and a classifier that reads the first token reads the first virtual one, all as in PEFT. A decoder's
 * classifier reads the last token that is not padding; PEFT's reads the last of all where a prompt is on it. l_i
 * tokens after the prompt, which the paper's formula counts too, are not implemented: it is not known where a prompt
 * ends in a sequence.
 *
 * Cost: 4 · l_p · d bytes, and the work of l_p further tokens in every sequence. It cannot be merged.
 *
 * @throws {TypeError} when an option does not exist.
 * @throws {RangeError} when the model has an adapter and `onTop` is not set, it has virtual tokens, it is no text
 * model, or the length is not a positive integer below the number of its positions.
 *
 * @example
 * ```ts
 * import { injectPrefixEmbedding } from "@lowrank/core/adapt";
 * import { initGpt2, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using adapter = injectPrefixEmbedding(model, { length: 3, seed: 1 });
 * console.log(adapter.parameters[0].size, model.positions); // 24 5
 * ```
 */
export const injectPrefixEmbedding = (model: Model, options: PrefixOptions): PrefixAdapter =>
  inject("injectPrefixEmbedding", "prefix-embedding", model, options);

/**
 * Freezes a model and trains what every block reads of l_p virtual tokens before every sequence: L · l_p · d values
 * (prefix-layer tuning, Hu et al. 2021, section 5.1). The paper replaces activations after every layer; those
 * after the last would change no other token, so here they are those before each of the L blocks.
 *
 * They start as what blocks read of tokens drawn from the vocabulary, so **step zero is not the base model**, but that
 * of {@link injectPrefixEmbedding} with the same seed, in a decoder. Positions and outputs are as there, but a classifier
 * that reads the first token reads the first other one.
 *
 * Cost: 4 · L · l_p · d bytes, and the work of l_p further tokens in every sequence. It cannot be merged.
 *
 * @throws {TypeError} when an option does not exist.
 * @throws {RangeError} As {@link injectPrefixEmbedding}.
 *
 * @example
 * ```ts
 * import { injectPrefixLayer } from "@lowrank/core/adapt";
 * import { initGpt2, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 2, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using adapter = injectPrefixLayer(model, { length: 3, seed: 1 });
 * console.log(adapter.parameters[0].size, model.positions); // 2 · 3 · 8 = 48, 5
 * ```
 */
export const injectPrefixLayer = (model: Model, options: PrefixOptions): PrefixAdapter =>
  inject("injectPrefixLayer", "prefix-layer", model, options);

/**
 * Freezes a model and trains the keys and values of l_p virtual tokens in every block: 2 · L · l_p · d_kv values, where
 * d_kv is the width of keys, less than d where heads share them (prefix tuning, Li and Liang 2021; PEFT's).
 *
 * They start as keys and values of tokens drawn from the vocabulary, so **step zero is not the base model**.
 * Positions and outputs are as in {@link injectPrefixLayer}. Rotary positions do not turn trained keys, as in PEFT.
 * As nothing reads what would become of the virtual tokens, blocks compute the others alone.
 *
 * Cost: 8 · L · l_p · d_kv bytes, and attention of l_p further tokens in every sequence. It cannot be merged.
 *
 * @throws {TypeError} when an option does not exist.
 * @throws {RangeError} As {@link injectPrefixEmbedding}, or when the model is a DeBERTa.
 *
 * @example
 * ```ts
 * import { injectPrefixTuning } from "@lowrank/core/adapt";
 * import { initGpt2, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 2, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using adapter = injectPrefixTuning(model, { length: 3, seed: 1 });
 * console.log(adapter.parameters[0].size, model.positions); // 2 · 2 · 3 · 8 = 96, 5
 * ```
 */
export const injectPrefixTuning = (model: Model, options: PrefixOptions): PrefixAdapter =>
  inject("injectPrefixTuning", "prefix-tuning", model, options);

function inject(
  action: string,
  kind: PrefixKind,
  model: Model,
  options: PrefixOptions,
): PrefixAdapter {
  assertOptions(action, options, optionNames);
  assertFree(model, options, action);
  return new PrefixAdapter(model, { ...options, kind });
}
