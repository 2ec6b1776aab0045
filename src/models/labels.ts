/** The labels of classifiers. @module */

import type { ConfigJson } from "../architectures/config_fields.ts";
import { architectureOf } from "../architectures/registry.ts";
import { isRecord, isText } from "../core/checks.ts";
import { Random } from "../core/random.ts";
import { completeConfig, familyOf } from "./registry.ts";
import type { TextModel } from "./text_model.ts";

/** The names of a classifier's labels by index; `undefined` for other models. */
export const labelsOf = (model: TextModel): string[] | undefined =>
  labelsOfConfig(model.configJson());

/** The names of the labels in a configuration, by index; `undefined` for other models. */
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
 * The configuration of a classifier on the trunk of a model without classes.
 *
 * @throws {RangeError} when the model is a classifier already.
 */
export function withLabels(config: ConfigJson, labels: readonly string[]): ConfigJson {
  if (config.num_labels) {
    throw new RangeError(
      `new labels need a model that is no classifier yet, found one of ${config.num_labels} labels`,
    );
  }
  const { eos_token_id, pad_token_id } = config;
  const end = Array.isArray(eos_token_id) ? eos_token_id[0] : eos_token_id;
  return {
    ...config,
    architectures: [familyOf(config).classifier],
    num_labels: labels.length,
    id2label: Object.fromEntries(labels.entries()),
    label2id: Object.fromEntries(labels.map((name, index) => [name, index])),
    pad_token_id: pad_token_id ?? end,
  };
}

/**
 * The modules that a classifier has and the model of a configuration has not: `score` in decoders,
 * `classifier` in encoders, and `pooler` where it is new.
 */
export function headModules(config: ConfigJson): string[] {
  const bareNames = (json: ConfigJson) => {
    const { linears, trunk } = architectureOf(json);
    return linears.map(({ name }) => name.startsWith(trunk) ? name.slice(trunk.length) : name);
  };
  const old = new Set(bareNames(config));
  const made = bareNames(withLabels(config, ["", ""])).filter((name) => !old.has(name));
  return [...new Set(made.map((name) => name.split(".")[0]))];
}

/** The standard deviation of new layers, as in BERT. */
const deviation = 0.02;

/**
 * Draws the weights of a new head's hidden layers, always the same; its last layer stays zero, so that all
 * labels are equally likely. Were both zero, neither would have a gradient.
 *
 * @param made Names of the tensors that no file has.
 */
export function drawHidden(
  { device, architecture, parameters }: TextModel,
  made: ReadonlySet<string>,
) {
  const weights = architecture.linears.map(({ tensors: [{ name }] }) => name);
  const random = new Random(0);
  for (const name of weights.slice(0, -1).filter((name) => made.has(name))) {
    const { tensor, size } = parameters.get(name)!;
    device.write(tensor, Float32Array.from({ length: size }, () => deviation * random.normal()));
  }
}
