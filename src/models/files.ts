/** Loading models from Hugging Face folders. @module */

import { type Architecture, bareName } from "../architectures/architecture.ts";
import type { ConfigJson } from "../architectures/config_fields.ts";
import { canonicalJson } from "../core/digest.ts";
import { readJson } from "../core/files.ts";
import { isRecord } from "../core/json.ts";
import { assertOptions } from "../core/options.ts";
import { oneLine, quote } from "../core/quote.ts";
import { fileIn, fileName, type FileSource, type Folder, splitPath } from "../core/storage.ts";
import type { FourBitWeight } from "../autograd/four_bit_weight.ts";
import type { HalfWeight } from "../autograd/weight.ts";
import type { Device, Tensor } from "../device/device.ts";
import { parseMerged } from "../formats/merged_metadata.ts";
import { parsePromptFormat } from "../formats/prompt_metadata.ts";
import { floatDtypeOf } from "../formats/dtype.ts";
import { openSafetensors, type ReadOptions } from "../formats/mod.ts";
import { type CheckedFile, checkFile, formsOf } from "./checked_file.ts";
import { drawHidden, withLabels } from "./labels.ts";
import { loaderFrom } from "./load_tensor.ts";
import { allocateModel, familyOf } from "./registry.ts";
import {
  assertStorage,
  storageNames,
  type StorageOptions,
  type StoredForms,
} from "./stored_forms.ts";
import { modelNames, type ModelOptions } from "./model_options.ts";
import type { TextModel } from "./text_model.ts";

/** How {@link loadModel} reads a model, and how the model behaves. */
export interface LoadModelOptions extends ModelOptions, ReadOptions, StorageOptions {
  /**
   * Makes a classifier for these labels of a language model: its trunk with a new head, which is zero, so
   * that every label is equally likely before training.
   */
  readonly labels?: readonly string[];
}

/**
 * Loads a Hugging Face folder onto a device: its `config.json` and its `model.safetensors` (F32, F16 or
 * BF16; sharded or not). `hf:OWNER/NAME[@REVISION]` is a repository of the Hugging Face hub, whose files
 * are downloaded to the cache of Hugging Face's tools unless they are there. In a browser the path is a URL
 * relative to the page; files in memory work too. In place of a folder there may be a GGUF file of a Llama or
 * Qwen2 (F32, F16, BF16, Q4_0, Q4_1 or Q8_0), whose values are transformers' to the bit.
 *
 * Tensor names may have the trunk's prefix (GPT-2's `transformer.`) or not, and weights of Conv1D
 * layers are transposed. The header is compared with the configuration before anything is allocated, so that
 * neither can claim more than the file holds. Cost: the weights once on the device; on the host 3 MiB, and one
 * matrix if the file holds some transposed or they are quantized.
 *
 * A folder that bitsandbytes has quantized to 4 bits, by transformers' `load_in_4bit`, is loaded with its own
 * bytes. `blockSize` and `doubleQuantization` are how `dtype` `nf4` or `fp4` quantizes one that is not.
 *
 * @throws {TypeError} when there is no device, or an option does not exist.
 * @throws {SyntaxError} when `config.json` is not a JSON object, or a part of a weight in 4 bits is missing or wrong.
 * @throws {RangeError} when the path is a file's, the model type is unknown, a tensor is missing or is not part of the model, or
 * the weights were saved with another `config.json`, a value is NaN, infinite or beyond the dtype and not allowed, or
 * the dtype is none of these, or the folder is quantized in another way.
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
  options: LoadModelOptions = {},
): Promise<TextModel> {
  const names = { ...modelNames, ...storageNames, allowNonFinite: true, labels: true } as const;
  assertOptions("loadModel", options, names);
  assertStorage(options);
  assertPlace(device, folder);
  const read = await readConfig(folder), { allowNonFinite } = options;
  using file = await openSafetensors(folder, { allowNonFinite });
  const checked = await checkFile(read, file);
  using unfinished = new DisposableStack();
  const model = unfinished.use(allocateFor(device, folder, checked, options));
  model.promptFormat = parsePromptFormat(file.metadata);
  model.merged = parseMerged(file.metadata).map((file) => ({ file }));
  const load = loaderFrom(file, checked.quantized, allowNonFinite);
  const ownName = namesIn(model.architecture), made = new Set(model.parameters.keys());
  for (const [spec, nameInFile] of checked.places) {
    const name = ownName.get(bareName(checked.architecture, spec));
    if (name === undefined) continue; // The head that a new one replaces.
    await load(spec, nameInFile, targetIn(model, name));
    made.delete(name);
  }
  drawHidden(model, made);
  unfinished.move();
  return model;
}

/** The model of a checked file, with a new head where there are labels. */
function allocateFor(
  device: Device,
  folder: Folder,
  checked: CheckedFile,
  { allowNonFinite: _, labels, dtype, blockSize, doubleQuantization, ...behavior }:
    LoadModelOptions,
): TextModel {
  const { tensors, json, config, quantized, places } = checked;
  const shaped = labels ? withLabels(config, labels) : config;
  const stored = [...places.values()].filter((name) => !quantized.has(name))
    .map((name) => tensors.get(name)!);
  const origin = { folder, config: labels ? shaped : json, dtype: floatDtypeOf(stored) };
  const forms = formsOf(checked, shaped, { dtype, blockSize, doubleQuantization });
  return allocateModel(device, shaped, { ...behavior, origin }, forms);
}

/**
 * The matrices that a model would not have in F32 if it were loaded so, by name; headers and states are read, and
 * no values.
 *
 * @throws As {@link loadModel}, as far as that depends on no values.
 */
export async function storedFormsIn(
  folder: Folder,
  { labels, ...storage }: StorageOptions & Pick<LoadModelOptions, "labels">,
): Promise<StoredForms> {
  const read = await readConfig(folder);
  using file = await openSafetensors(folder);
  const checked = await checkFile(read, file), { config } = checked;
  return formsOf(checked, labels ? withLabels(config, labels) : config, storage);
}

/**
 * Whether a folder's matrices are stored as if nobody said how: floats in F32, and what is in 4 bits as it is.
 *
 * @throws As {@link storedFormsIn}.
 */
export async function isStoredAsUsual(folder: Folder, storage: StorageOptions): Promise<boolean> {
  const read = await readConfig(folder);
  using file = await openSafetensors(folder);
  const checked = await checkFile(read, file);
  const [asked, usual] = [storage, {}].map((each) =>
    canonicalJson([...formsOf(checked, checked.config, each)])
  );
  return asked === usual;
}

/** What a tensor of a file is loaded to. */
function targetIn({ parameters, weights }: TextModel, name: string): Tensor | FourBitWeight {
  const weight = weights.get(name) as HalfWeight | FourBitWeight | undefined;
  return weight === undefined
    ? parameters.get(name)!.own
    : "values" in weight
    ? weight.values
    : weight;
}

/** Callers without types may leave out the device, or name one of the folder's files. */
function assertPlace(device: Device, folder: Folder): void {
  if (typeof device?.write !== "function") {
    throw new TypeError(
      `loadModel needs a device, then a folder, found ${quote(device)} as device: ` +
        "loadModel(await openDevice(), folder)",
    );
  }
  if (typeof folder !== "string" || !/\.(json|safetensors)$/.test(folder)) return;
  const { folder: whole } = splitPath(folder);
  throw new RangeError(
    `loadModel needs a model's folder, found its file ${oneLine(folder)}: pass ${oneLine(whole)}`,
  );
}

/** A model's tensors by their bare names. */
const namesIn = (architecture: Architecture): Map<string, string> =>
  new Map(architecture.tensors.map((spec) => [bareName(architecture, spec), spec.name]));

/**
 * Reads the `config.json` of a model that can be loaded; the path is that file or its folder.
 *
 * @throws {SyntaxError} when it is not a JSON object.
 * @throws {RangeError} when the model type is not supported.
 */
export async function readConfig(path: Folder): Promise<ConfigJson> {
  const config = await readConfigJson(path);
  familyOf(config, fileName(configFile(path)));
  return config;
}

/**
 * Reads a `config.json` of any architecture; the path is that file or its folder.
 *
 * @throws {SyntaxError} when it is not a JSON object.
 */
export async function readConfigJson(path: Folder): Promise<ConfigJson> {
  const file = configFile(path), json = await readJson(file);
  if (isRecord(json)) return json;
  throw new SyntaxError(`cannot read ${fileName(file)}: a configuration must be a JSON object`);
}

const configFile = (path: Folder): FileSource =>
  typeof path === "string" && path.endsWith(".json") ? path : fileIn(path, "config.json");
