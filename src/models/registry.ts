/** The families that run, by the `model_type` of their configurations. @module */

import type { ConfigJson } from "../architectures/config_fields.ts";
import { gpt2ConfigJson, parseGpt2Config } from "../architectures/gpt2.ts";
import type { Device } from "../device/device.ts";
import { Gpt2 } from "./gpt2.ts";
import type { ModelOptions, TextModel } from "./text_model.ts";

/** How a family comes from a configuration to a model. */
interface Family {
  /** The whole configuration, defaults filled in; refuses what the forward pass does not implement. */
  complete(json: ConfigJson): ConfigJson;
  /** A model whose weights are zero. */
  allocate(device: Device, json: ConfigJson, options?: ModelOptions): TextModel;
}

const families: Readonly<Record<string, Family>> = {
  gpt2: {
    complete: (json) => gpt2ConfigJson(parseGpt2Config(json)),
    allocate: (device, json, options) => Gpt2.allocate(device, parseGpt2Config(json), options),
  },
};

/**
 * A model of a configuration whose weights are zero, to be written.
 *
 * @throws {RangeError} when it is of no family that runs, or a field cannot be honored.
 */
export function allocateModel(
  device: Device,
  config: ConfigJson,
  options?: ModelOptions,
): TextModel {
  return familyOf(config).allocate(device, config, options);
}

/** Values of `model_type` that run. */
export const runnableTypes: readonly string[] = Object.keys(families);

/**
 * A configuration with its defaults filled in.
 *
 * @throws {RangeError} when it is of no family that runs, or a field cannot be honored.
 */
export function completeConfig(config: ConfigJson): ConfigJson {
  return familyOf(config).complete(config);
}

/**
 * The family of a configuration.
 *
 * @param what Names the configuration in errors.
 * @throws {RangeError} when it is of no family that runs.
 */
export function familyOf({ model_type }: ConfigJson, what = "a configuration"): Family {
  if (typeof model_type === "string" && Object.hasOwn(families, model_type)) {
    return families[model_type];
  }
  const known = runnableTypes.join(" or ");
  throw new RangeError(`${what} must have model_type ${known}, found ${model_type}`);
}
