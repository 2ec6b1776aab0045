/** What a model requires of its inputs, checked before anything is computed. @module */

import { countLabels, type ModelInputs } from "../core/batch.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import { DryDevice } from "../device/dry.ts";
import { allocateModel, headModules, labelsOf, readConfig, type TextModel } from "../models/mod.ts";
import { assertModelFolder } from "./model_folder.ts";
import { shiftLabels } from "./cases.ts";

/** How many positions a model's inputs may have, and how large a token id may be. */
export type InputLimits = Pick<TextModel, "positions" | "vocabulary">;

/** What a model's configuration says about it. */
export interface ModelFacts extends InputLimits {
  /** Width of its hidden states. */
  readonly width: number;
  /** Whether it predicts the next token. */
  readonly isCausal: boolean;
  /** Token that fills up short sequences, if its configuration names one. */
  readonly padding?: number;
  /** The names of its labels, if it is a classifier. */
  readonly labels?: readonly string[];
  /** The modules that become a classifier's head where texts have labels. */
  readonly head?: readonly string[];
}

/**
 * What is known of the model in a folder from its configuration alone.
 *
 * @throws {RangeError} when there is no such folder, or it holds an adapter; the message says what to do.
 */
export async function readFacts(folder: string): Promise<ModelFacts> {
  await assertModelFolder(folder);
  using device = new DryDevice();
  using model = allocateModel(device, await readConfig(folder));
  const { positions, vocabulary, padding, isCausal, architecture: { tensors } } = model;
  const labels = labelsOf(model), head = labels ? undefined : headModules(model.configJson());
  return { positions, vocabulary, padding, isCausal, width: tensors[0].shape[1], labels, head };
}

/**
 * The limits of the language model in a folder, from its configuration alone.
 *
 * @throws {RangeError} when the model is a classifier.
 */
export async function readInputLimits(folder: string): Promise<InputLimits> {
  const { labels, ...limits } = await readFacts(folder);
  if (labels === undefined) return limits;
  throw new RangeError(`this command needs a language model, found a classifier in ${folder}`);
}

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

/** The same for labels. At least one must count; the first label of a row does not, as nothing precedes it. */
export function assertLabels(what: string, labels: HostTensor, { vocabulary }: InputLimits): void {
  assertBelow(`${what}: label`, labels, vocabulary, "the vocabulary");
  if (countLabels(shiftLabels(labels).data) > 0) return;
  throw new RangeError(
    `${what}: at least one label must count, found none (negative labels and the first label of a row ` +
      "do not)",
  );
}

function assertBelow(what: string, { shape, data }: HostTensor, limit: number, name: string): void {
  const at = data.findIndex((value) => value >= limit);
  if (at < 0) return;
  const place = `row ${Math.floor(at / shape[1])}, position ${at % shape[1]}`;
  throw new RangeError(`${what} ${data[at]} at ${place} must be below ${name} of ${limit}`);
}
