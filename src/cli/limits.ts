/** What a model requires of its inputs, checked before anything is computed. @module */

import type { ModelInputs } from "../core/batch.ts";
import { howMany } from "../core/how_many.ts";
import { DryDevice } from "../device/dry.ts";
import { withLabels } from "../models/labels.ts";
import { allocateModel, headModules, labelsOf, readConfig, type TextModel } from "../models/mod.ts";
import { newLabels } from "./common.ts";
import { assertModelFolder } from "./model_folder.ts";
import { assertBelow, labelKindOf, type LabelLimits } from "./targets.ts";

/** How many positions a model's inputs may have, and how large a token id may be. */
export type InputLimits = Pick<TextModel, "positions" | "vocabulary">;

/** What a model's configuration says about it. */
export interface ModelFacts extends InputLimits, LabelLimits {
  /** For display: `GPT-2 of 12 blocks, width 768, 12 heads`. */
  readonly description: string;
  /** Width of its hidden states. */
  readonly width: number;
  /** Whether it predicts the next token. */
  readonly isCausal: boolean;
  /** Token that fills up short sequences, if its configuration names one. */
  readonly padding?: number;
  /** The modules that become a classifier's head where texts have labels. */
  readonly head?: readonly string[];
}

/**
 * What is known of the model in a folder from its configuration alone.
 *
 * @param adapters Folders of adapters for it, which may make it a classifier.
 * @throws {RangeError} when there is no such folder, or it holds an adapter; the message says what to do.
 */
export async function readFacts(
  folder: string,
  adapters: readonly string[] = [],
): Promise<ModelFacts> {
  await assertModelFolder(folder);
  const config = await readConfig(folder), made = await newLabels(folder, adapters);
  using device = new DryDevice();
  using model = allocateModel(device, made ? withLabels(config, made) : config);
  const { positions, vocabulary, padding, isCausal, description } = model;
  const labels = labelsOf(model), head = labels ? undefined : headModules(model.configJson());
  const width = model.architecture.tensors[0].shape[1], labelKind = labelKindOf(model, config);
  return { positions, vocabulary, padding, isCausal, description, width, labels, labelKind, head };
}

/** Throws a `RangeError` unless the model in a folder, with these adapters, predicts the next token. */
export async function assertLanguageModel(
  model: string,
  adapters?: readonly string[],
): Promise<void> {
  const { labels, isCausal, description } = await readFacts(model, adapters);
  if (isCausal) return;
  throw new RangeError(
    labels
      ? `generating needs a language model, found a classifier of ${
        howMany(labels.length, "label")
      }: lowrank evaluate measures it`
      : `generating needs a model that predicts the next token, found ${description}, in ${model}`,
  );
}

/** A model's facts beside virtual tokens; one that has no room for them refuses them when they are put on it. */
export const roomIn = (facts: ModelFacts, virtual: number): ModelFacts =>
  virtual < facts.positions ? { ...facts, positions: facts.positions - virtual } : facts;

/**
 * Checks the inputs of one case against a model's vocabulary and length; `what` names it in errors.
 *
 * @throws {RangeError} when a row is too long or an id too large; the message names the row and position.
 */
export function assertInputs(
  what: string,
  { tokens, positionIds }: ModelInputs,
  { positions, vocabulary }: InputLimits,
): void {
  const time = tokens.shape[1];
  if (time > positions) {
    throw new RangeError(
      `${what}: a row may have at most ${positions} tokens, the model's context length, found ${time}`,
    );
  }
  assertBelow(`${what}: token id`, tokens, vocabulary, "the vocabulary");
  if (positionIds) {
    assertBelow(`${what}: position id`, positionIds, positions, "the context length");
  }
}
