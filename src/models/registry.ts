/** The supported model families, by the `model_type` of their configurations. @module */

import type { ConfigJson } from "../architectures/config_fields.ts";
import { gpt2ConfigJson, parseGpt2Config } from "../architectures/gpt2.ts";
import { quote } from "../core/quote.ts";
import type { Device } from "../device/device.ts";
import { Gpt2 } from "./gpt2.ts";
import type { ModelOptions, TextModel, TextModelOptions } from "./text_model.ts";

/** How a family turns a configuration into a model. */
interface Family {
  /** The full configuration, with defaults filled in; refuses what the forward pass does not implement. */
  complete(json: ConfigJson): ConfigJson;
  /** Allocates a model with all weights zero. */
  allocate(device: Device, json: ConfigJson, options?: TextModelOptions): TextModel;
}

const families: Readonly<Record<string, Family>> = {
  gpt2: {
    complete: (json) => gpt2ConfigJson(parseGpt2Config(json)),
    allocate: (device, json, options) => Gpt2.allocate(device, parseGpt2Config(json), options),
  },
};

/**
 * Allocates the model of a configuration, with all weights zero, to be filled.
 *
 * @throws {RangeError} when its family, or the value of a field, is not supported.
 */
export function allocateModel(
  device: Device,
  config: ConfigJson,
  options?: ModelOptions,
): TextModel {
  return familyOf(config).allocate(device, config, options);
}

/** The supported values of `model_type`. */
export const runnableTypes: readonly string[] = Object.keys(families);

/**
 * A configuration with its defaults filled in.
 *
 * @throws {RangeError} when its family, or the value of a field, is not supported.
 */
export function completeConfig(config: ConfigJson): ConfigJson {
  return familyOf(config).complete(config);
}

/**
 * The fields of a configuration that determine what a model computes, with defaults filled in: users may
 * edit the names of tokens and classes, and the rates of dropout, by hand.
 *
 * @throws {RangeError} As {@link completeConfig}.
 */
export function mathematicsOfModel(config: ConfigJson): ConfigJson {
  const { bos_token_id: _, eos_token_id: __, id2label: ___, ...rest } = completeConfig(config);
  // Digests of files have these fields, so they stay, as what they are where nothing is trained.
  return { ...rest, resid_pdrop: 0, embd_pdrop: 0, attn_pdrop: 0 };
}

/**
 * The family of a configuration.
 *
 * @param what Names the configuration in errors.
 * @throws {RangeError} when its family is not supported.
 */
export function familyOf({ model_type }: ConfigJson, what = "a configuration"): Family {
  if (typeof model_type === "string" && Object.hasOwn(families, model_type)) {
    return families[model_type];
  }
  const known = runnableTypes.join(" or ");
  throw new RangeError(`${what} must have model_type ${known}, found ${quote(model_type)}`);
}
