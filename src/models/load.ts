/** Opening and saving models as Hugging Face folders. @module */

import type { ConfigJson } from "../architectures/config_fields.ts";
import { makeFolder, readJson } from "../core/files.ts";
import { fileIn, fileName, type FileSource, type Folder } from "../core/storage.ts";
import type { Device } from "../device/device.ts";
import type { FloatDtype } from "../formats/mod.ts";
import { loadGpt2, saveGpt2 } from "./gpt2/files.ts";
import { Gpt2, type Gpt2Options } from "./gpt2/gpt2.ts";
import type { Model } from "./model.ts";
import { saveParameters } from "./parameter_files.ts";

/**
 * Reads a folder's `config.json` and `model.safetensors` (F32, F16 or BF16; sharded or not) onto a device.
 * In a browser the path is an address relative to the page; files in memory do as well.
 *
 * Tensor names are taken with and without the `transformer.` prefix, and weights of Conv1D layers are
 * turned by the layer's type. Cost: the weights once in F32 on the device, one tensor at a time here.
 *
 * @throws {RangeError} when the architecture is unknown or a tensor is missing or does not belong.
 * @throws {ShapeError} when a tensor does not fit the configuration.
 *
 * @example
 * ```ts
 * import { loadModel, openDevice } from "@lowrank/core";
 *
 * using device = await openDevice();
 * using model = await loadModel(device, "models/tiny-gpt2");
 * console.log(model.parameters.size);
 * ```
 */
export async function loadModel(
  device: Device,
  folder: Folder,
  options?: Gpt2Options,
): Promise<Gpt2> {
  const config = await readConfig(folder);
  return loadGpt2(device, folder, config, options);
}

/**
 * Reads and checks the architecture of a folder's, or a file's, `config.json`.
 *
 * @throws {SyntaxError} when it is not a JSON object.
 * @throws {RangeError} when the model type is one that we cannot build.
 */
export async function readConfig(path: Folder): Promise<ConfigJson> {
  const config = await readConfigJson(path), type = config.model_type;
  if (type === "gpt2") return config;
  throw new RangeError(`${fileName(configFile(path))} must have model_type gpt2, found ${type}`);
}

/**
 * Reads a folder's, or a file's, `config.json`, of whatever architecture.
 *
 * @throws {SyntaxError} when it is not a JSON object.
 */
export async function readConfigJson(path: Folder): Promise<ConfigJson> {
  const file = configFile(path), json = await readJson(file);
  if (typeof json === "object" && json !== null && !Array.isArray(json)) return json as ConfigJson;
  throw new SyntaxError(`cannot read ${fileName(file)}: a configuration must be a JSON object`);
}

const configFile = (path: Folder): FileSource =>
  typeof path === "string" && path.endsWith(".json") ? path : fileIn(path, "config.json");

/**
 * Writes a model as a Hugging Face folder, each file whole or not at all; adapters are not in it. Of a
 * model other than GPT-2 the parameters alone are written, without a `config.json`.
 *
 * @throws {Error} when the folder cannot be written; an older file stays.
 */
export async function saveModel(model: Model, folder: string, dtype?: FloatDtype): Promise<void> {
  await makeFolder(folder);
  if (model instanceof Gpt2) await saveGpt2(model, folder, dtype);
  else await saveParameters(model, folder, dtype);
}
