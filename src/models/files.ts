/** Loading models from Hugging Face folders. @module */

import {
  type Architecture,
  bareName,
  storedShape,
  type TensorSpec,
} from "../architectures/architecture.ts";
import type { ConfigJson } from "../architectures/config_fields.ts";
import { architectureOf, isBuffer, legacyName } from "../architectures/registry.ts";
import { assertOptions, isRecord, parseJsonOf } from "../core/checks.ts";
import { oneLine, quote, ShapeError } from "../core/errors.ts";
import { mostJsonBytes } from "../core/limits.ts";
import { floatTypes } from "../core/float_types.ts";
import { formatShape, sameShape } from "../core/tensor.ts";
import type { Device } from "../device/device.ts";
import { parseMerged } from "../formats/peft/base_metadata.ts";
import { assertOwnConfig, parsePromptFormat } from "../formats/peft/metadata.ts";
import { floatDtypeOf } from "../formats/safetensors/header.ts";
import type { ReadOptions, SafetensorsFile } from "../formats/safetensors/read.ts";
import { openSafetensors } from "../formats/safetensors/shards.ts";
import type { FourBitForm } from "../quant/quantized_tensor.ts";
import { canonicalJson } from "../storage/digest.ts";
import { readBytes, readJson } from "../storage/files.ts";
import {
  fileIn,
  fileName,
  type FileSource,
  type Folder,
  hasFile,
  splitPath,
} from "../storage/storage.ts";
import { drawHidden, withLabels } from "./labels.ts";
import { modelNames, type ModelOptions, type ModelOrigin } from "./model.ts";
import { allocateModel, familyOf, mathematicsOfModel } from "./registry.ts";
import { fileTensors, type TensorOf } from "./storage/file_tensors.ts";
import type { StorageOptions } from "./storage/form.ts";
import { ownerIn, storageFormOf } from "./storage/forms.ts";
import { withoutQuantization } from "./storage/four_bit.ts";
import { writeFloats } from "./storage/half.ts";
import {
  assertStorage,
  type QuantizedWeights,
  readQuantizedForms,
  storageNames,
  type StoredForms,
  storedForms,
} from "./stored_forms.ts";
import type { TextModel } from "./text_model.ts";

/** A file of weights that fits its `config.json`. */
export interface CheckedFile extends Pick<SafetensorsFile, "tensors"> {
  /** The `config.json`, without what it says of 4 bits. */
  readonly json: ConfigJson;
  /** The configuration with its family's defaults. */
  readonly config: ConfigJson;
  /** The architecture that configuration and file describe. */
  readonly architecture: Architecture;
  /** Weights in 4 bits, by their names in the file. */
  readonly quantized: QuantizedWeights;
  /** Names of the architecture's tensors in the file. */
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

/**
 * Storage form of each matrix of a checked file that is not in F32, under a configuration with its
 * head or a new one.
 */
function formsOf(
  { tensors, architecture, quantized, places }: CheckedFile,
  config: ConfigJson,
  storage: StorageOptions,
): StoredForms {
  const nameInFile = new Map(
    Array.from(places, ([spec, name]) => [bareName(architecture, spec), name]),
  );
  const own = architectureOf(config);
  return storedForms(config, storage, (name) => {
    const stored = nameInFile.get(bareName(own, { name })); // A trunk alone has no prefix, one with a new head has.
    return stored === undefined ? undefined : quantized.get(stored) ?? tensors.get(stored)!.dtype;
  });
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
    if (known.has(ownerIn(name)?.name ?? name) || isBuffer(name)) continue;
    throw new RangeError(
      `a ${modelType} file must hold only the tensors of its model, found ${oneLine(name)}`,
    );
  }
  return names;
}

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

/** Options of {@link loadModel}: how it reads the files, and how the model behaves. */
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
  const { labels, dtype, blockSize, doubleQuantization, allowNonFinite: _, ...behavior } = options;
  const config = labels ? withLabels(checked.config, labels) : checked.config;
  const forms = formsOf(checked, config, { dtype, blockSize, doubleQuantization });
  const origin = originOf(folder, checked, labels && config);
  const model = unfinished.use(allocateModel(device, config, { ...behavior, origin }, forms));
  model.promptFormat = parsePromptFormat(file.metadata);
  model.merged = parseMerged(file.metadata).map((file) => ({ file }));
  await fill(model, checked, forms, tensorsOf(file, checked, allowNonFinite));
  unfinished.move();
  return model;
}

/** The origin of a model; a new head makes it one of another configuration. */
function originOf(
  folder: Folder,
  { tensors, json, quantized, places }: CheckedFile,
  config: ConfigJson = json,
): ModelOrigin {
  const stored = [...places.values()].filter((name) => !quantized.has(name))
    .map((name) => tensors.get(name)!);
  return { folder, config, dtype: floatDtypeOf(stored) };
}

/** The tensors of a checked file. */
const tensorsOf = (
  file: SafetensorsFile,
  { quantized }: CheckedFile,
  allowNonFinite = false,
): TensorOf =>
  fileTensors({
    file,
    packedForm: (name) => {
      const stored = quantized.get(name);
      return stored && storageFormOf(stored).packed;
    },
    allowNonFinite,
  });

/** Copies the tensors of a file to the parameters and weights of a model, and draws those that it lacks. */
async function fill(
  model: TextModel,
  { architecture, places }: CheckedFile,
  forms: StoredForms,
  tensorOf: TensorOf,
): Promise<void> {
  const ownName = namesIn(model.architecture), made = new Set(model.parameters.keys());
  for (const [spec, nameInFile] of places) {
    const name = ownName.get(bareName(architecture, spec));
    if (name === undefined) continue; // The head that a new one replaces.
    const form = forms.get(name), tensor = tensorOf(spec, nameInFile);
    if (form) await storageFormOf(form).write(model.weights.get(name)!, tensor);
    else await writeFloats(model.parameters.get(name)!.own, floatTypes.F32, tensor);
    made.delete(name);
  }
  drawHidden(model, made);
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
 * True if a folder's matrices are stored as by default: floats in F32, and what is in 4 bits as it
 * is.
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

/** The settings of generation and the tokenizer's files; what a tokenizer is read from comes last. */
export const smallFiles: readonly string[] = [
  "generation_config.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "chat_template.jinja",
  "preprocessor_config.json",
  "tokenizer.model",
  "sentencepiece.bpe.model",
  "spiece.model",
  "spm.model",
  "vocab.txt",
  "merges.txt",
  "vocab.json",
  "tokenizer.json",
];

/**
 * Reads the small files that a folder has, by name, as they are.
 *
 * @throws {SyntaxError} when one whose name ends with `.json` is not JSON.
 * @throws {Error} when one cannot be read, or has more than 256 MiB.
 */
export async function readSmallFiles(folder: Folder): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = {};
  for (const name of smallFiles) {
    if (!await hasFile(folder, name)) continue;
    const file = fileIn(folder, name);
    files[name] = await readBytes(file, mostJsonBytes);
    if (name.endsWith(".json")) parseJsonOf(fileName(file), files[name]);
  }
  return files;
}

/**
 * Forms of the weights that a Hugging Face folder has in 4 bits, by their names there; headers and
 * states are read, and no values.
 *
 * @throws {SyntaxError} when a part of such a weight is missing or wrong.
 * @throws {RangeError} when the model type is not supported, or the configuration says something else.
 *
 * @example
 * ```ts
 * import { fourBitFormsIn, quantizeFolder } from "@lowrank/core/models";
 *
 * const folder = await Deno.makeTempDir();
 * await quantizeFolder("models/tiny-gpt2", folder, { blockSize: 128 });
 * const [form] = (await fourBitFormsIn(folder)).values();
 * console.log(form.blockSize); // 128
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function fourBitFormsIn(folder: Folder): Promise<ReadonlyMap<string, FourBitForm>> {
  const config = await readConfig(folder);
  using file = await openSafetensors(folder);
  return await readQuantizedForms(file, config);
}
