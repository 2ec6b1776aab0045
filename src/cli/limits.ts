/** What a model asks of its input, checked before anything is computed. @module */

import { countLabels, type ModelInputs } from "../core/batch.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import { type Gpt2Config, parseGpt2Config, readConfig } from "../models/mod.ts";
import { shiftLabels } from "./cases.ts";

/**
 * The configuration of a language model's folder.
 *
 * @throws {RangeError} when the model has another head.
 */
export async function readLanguageModel(folder: string): Promise<Gpt2Config> {
  const config = parseGpt2Config(await readConfig(folder));
  if (!config.num_labels) return config;
  throw new RangeError(`this command needs a language model, found a classifier in ${folder}`);
}

/**
 * Checks the inputs of one case against a model's vocabulary and length; `what` names it in errors.
 *
 * @throws {RangeError} that names the case, the row and the position.
 */
export function assertInputs(
  what: string,
  { tokens, positionIds }: ModelInputs,
  config: Gpt2Config,
): void {
  const time = tokens.shape[1], { n_positions: longest, vocab_size: vocabulary } = config;
  if (time > longest) {
    throw new RangeError(
      `${what}: a row may have at most ${longest} tokens (n_positions), found ${time}`,
    );
  }
  assertBelow(`${what}: token id`, tokens, vocabulary, "the vocabulary");
  if (positionIds) assertBelow(`${what}: position id`, positionIds, longest, "n_positions");
}

/** The same for labels, of which one must count: the first of a row predicts nothing. */
export function assertLabels(what: string, labels: HostTensor, { vocab_size }: Gpt2Config): void {
  assertBelow(`${what}: label`, labels, vocab_size, "the vocabulary");
  if (countLabels(shiftLabels(labels).data) > 0) return;
  throw new RangeError(
    `${what}: a label must count, found none (negative labels and the first of a row do not)`,
  );
}

function assertBelow(what: string, { shape, data }: HostTensor, limit: number, name: string): void {
  const at = data.findIndex((value) => value >= limit);
  if (at < 0) return;
  const place = `row ${Math.floor(at / shape[1])}, position ${at % shape[1]}`;
  throw new RangeError(`${what} ${data[at]} at ${place} must be below ${name} of ${limit}`);
}
