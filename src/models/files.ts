/** Loading models from Hugging Face folders. @module */

import {
  type Architecture,
  bareName,
  storedShape,
  type TensorSpec,
} from "../architectures/architecture.ts";
import type { ConfigJson } from "../architectures/config_fields.ts";
import { isBuffer, legacyName } from "../architectures/infer_architecture.ts";
import { architectureOf } from "../architectures/registry.ts";
import { ShapeError } from "../core/errors.ts";
import { readJson } from "../core/files.ts";
import { isRecord } from "../core/json.ts";
import { assertOptions } from "../core/options.ts";
import { oneLine, quote } from "../core/quote.ts";
import { formatShape, sameShape } from "../core/shape.ts";
import { fileIn, fileName, type FileSource, type Folder, splitPath } from "../core/storage.ts";
import type { FourBitWeight } from "../autograd/four_bit_weight.ts";
import type { HalfWeight } from "../autograd/weight.ts";
import type { Device, Tensor } from "../device/device.ts";
import { assertOwnConfig } from "../formats/config_digest.ts";
import { parseMerged } from "../formats/merged_metadata.ts";
import { parsePromptFormat } from "../formats/prompt_metadata.ts";
import { floatDtypeOf } from "../formats/dtype.ts";
import { openSafetensors, type ReadOptions, type SafetensorsFile } from "../formats/mod.ts";
import { ownerOf } from "../formats/quantized_keys.ts";
import { drawHidden, withLabels } from "./labels.ts";
import { loaderFrom } from "./load_tensor.ts";
import { withoutQuantization } from "./quantization_config.ts";
import { type QuantizedWeights, readQuantizedForms } from "./quantized_weights.ts";
import { allocateModel, familyOf, mathematicsOfModel } from "./registry.ts";
import { assertStorage, storageNames, type StorageOptions, storedForms } from "./stored_forms.ts";
import { modelNames, type ModelOptions, type TextModel } from "./text_model.ts";

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
 * relative to the page; files in memory work too.
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

/** A file of weights that fits its `config.json`. */
interface CheckedFile extends Pick<SafetensorsFile, "tensors"> {
  /** The `config.json`, without what it says of 4 bits. */
  readonly json: ConfigJson;
  /** The same with its family's defaults. */
  readonly config: ConfigJson;
  /** What the two describe. */
  readonly architecture: Architecture;
  /** Weights in 4 bits, by their names in the file. */
  readonly quantized: QuantizedWeights;
  /** Where the architecture's tensors are. */
  readonly places: ReadonlyMap<TensorSpec, string>;
}

/** Compares the header with the configuration. */
async function checkFile(read: ConfigJson, file: SafetensorsFile): Promise<CheckedFile> {
  const json = withoutQuantization(read);
  const config = familyOf(json).complete(json), architecture = architectureOf(config);
  await assertOwnConfig(file.metadata, "config.json", mathematicsOfModel(json));
  const quantized = await readQuantizedForms(file, read);
  const places = namesInFile(architecture, file, quantized);
  return { tensors: file.tensors, json, config, architecture, quantized, places };
}

/** The model of a checked file, with a new head where there are labels. */
function allocateFor(
  device: Device,
  folder: Folder,
  { tensors, json, config, architecture, quantized, places }: CheckedFile,
  { allowNonFinite: _, labels, dtype, blockSize, doubleQuantization, ...behavior }:
    LoadModelOptions,
): TextModel {
  const nameInFile = new Map(
    Array.from(places, ([spec, name]) => [bareName(architecture, spec), name]),
  );
  const shaped = labels ? withLabels(config, labels) : config, own = architectureOf(shaped);
  const formOf = (name: string) => {
    const stored = nameInFile.get(bareName(own, { name })); // A trunk alone has no prefix, one with a new head has.
    return stored === undefined ? undefined : quantized.get(stored) ?? tensors.get(stored)!.dtype;
  };
  const stored = [...places.values()].filter((name) => !quantized.has(name))
    .map((name) => tensors.get(name)!);
  const origin = { folder, config: labels ? shaped : json, dtype: floatDtypeOf(stored) };
  const forms = storedForms(shaped, { dtype, blockSize, doubleQuantization }, formOf);
  return allocateModel(device, shaped, { ...behavior, origin }, forms);
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

/** Each tensor's name in the file, once the file is known to fit the architecture. */
function namesInFile(
  architecture: Architecture,
  file: SafetensorsFile,
  quantized: QuantizedWeights,
): Map<TensorSpec, string> {
  const { modelType, tensors, copies, besides = [] } = architecture;
  const isThere = ({ name }: TensorSpec) => file.tensors.has(name);
  const names = new Map(
    [...tensors, ...besides.filter(isThere)]
      .map((spec) => [spec, findTensor(architecture, spec, file, quantized)]),
  );
  const known = new Set([...names.values(), ...copies ?? []]);
  for (const name of file.tensors.keys()) {
    if (known.has(ownerOf(name) ?? name) || isBuffer(name)) continue;
    throw new RangeError(
      `a ${modelType} file must hold only the tensors of its model, found ${oneLine(name)}`,
    );
  }
  return names;
}

/** A model's tensors by their bare names. */
const namesIn = (architecture: Architecture): Map<string, string> =>
  new Map(architecture.tensors.map((spec) => [bareName(architecture, spec), spec.name]));

function findTensor(
  { modelType, trunk }: Architecture,
  spec: TensorSpec,
  { tensors }: SafetensorsFile,
  quantized: QuantizedWeights,
): string {
  const { name, shape } = spec, bare = bareName({ trunk }, spec);
  const nameInFile = [name, bare, legacyName(name), legacyName(bare)]
    .find((candidate) => tensors.has(candidate));
  if (!nameInFile) throw new RangeError(`a ${modelType} file needs the tensor ${name}, found none`);
  const found = quantized.get(nameInFile)?.shape ??
    storedShape({ ...spec, shape: tensors.get(nameInFile)!.shape });
  if (sameShape(found, shape)) return nameInFile;
  throw new ShapeError(
    `${nameInFile} must have shape ${formatShape(shape)} as (out, in) to fit config.json, found ${
      formatShape(found)
    }`,
  );
}

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
