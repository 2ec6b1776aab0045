/** The labels of classifiers. @module */

import type { ConfigJson } from "../architectures/config_fields.ts";
import { isRecord, isText } from "../core/json.ts";
import { completeConfig, familyOf } from "./registry.ts";
import type { TextModel } from "./text_model.ts";

/** The names of a classifier's labels by index; `undefined` for other models. */
export const labelsOf = (model: TextModel): string[] | undefined =>
  labelsOfConfig(model.configJson());

/** The same from a configuration. */
export function labelsOfConfig(config: ConfigJson): string[] | undefined {
  const { num_labels, id2label } = completeConfig(config);
  if (!num_labels) return undefined;
  const names = isRecord(id2label) ? id2label : {};
  return Array.from({ length: num_labels as number }, (_, index) => {
    const name = names[index];
    return isText(name) ? name : String(index);
  });
}

/**
 * The configuration of a classifier on the trunk of a language model.
 *
 * @throws {RangeError} when the model is a classifier already.
 */
export function withLabels(config: ConfigJson, labels: readonly string[]): ConfigJson {
  if (config.num_labels) {
    throw new RangeError(
      `new labels need a language model, found a classifier of ${config.num_labels} labels`,
    );
  }
  const { eos_token_id, pad_token_id } = config;
  const end = Array.isArray(eos_token_id) ? eos_token_id[0] : eos_token_id;
  return {
    ...config,
    architectures: [familyOf(config).classifier],
    num_labels: labels.length,
    id2label: Object.fromEntries(labels.entries()),
    pad_token_id: pad_token_id ?? end,
  };
}
