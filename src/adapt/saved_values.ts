/** Files of adapters that are a list of named tensors. @module */

import { AdapterFileError } from "../core/errors.ts";
import { jsonText, readJson } from "../core/files.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import { isRecord, isText } from "../core/json.ts";
import { isWithin } from "../core/module_names.ts";
import { assertOptions } from "../core/options.ts";
import type { PromptFormat } from "../core/prompt_format.ts";
import { oneLine, quote } from "../core/quote.ts";
import type { FolderFile } from "../core/save_folder.ts";
import { formatShape, sameShape } from "../core/shape.ts";
import { fileIn, type Folder, pathIn } from "../core/storage.ts";
import type { ArenaEntry } from "../device/arena.ts";
import type { Tensor } from "../device/device.ts";
import { openWeights } from "../formats/adapter_weights.ts";
import { labelsMetadata } from "../formats/labels_metadata.ts";
import { cardFile } from "../formats/save_adapter_folder.ts";
import { parsePromptFormat, promptMetadata } from "../formats/prompt_metadata.ts";
import { quantizedBaseMetadata } from "../formats/quantized_base.ts";
import type { SafetensorsFile } from "../formats/safetensors.ts";
import { safetensorsFile } from "../formats/write_safetensors.ts";
import { labelsOf } from "../models/labels.ts";
import type { Model } from "../models/model.ts";
import { TextModel } from "../models/text_model.ts";
import { quantizedBaseOf, type SaveAdapterOptions, saveNames } from "./adapter.ts";
import { inFileOrder } from "./file_order.ts";
import { methodCard } from "./method_card.ts";

/** A method's settings, as `adapter_config.json` has them. */
export type MethodConfig = Readonly<Record<string, unknown>>;

/** What a folder of an adapter holds. */
export interface SavedValues {
  /** `adapter_config.json`. */
  readonly config: MethodConfig;
  /** Its tensors by name. */
  readonly tensors: ReadonlyMap<string, HostTensor>;
  /** How the prompts of its training were written, if the file says so. */
  readonly promptFormat?: PromptFormat;
}

/** What is saved of an adapter besides its tensors. */
interface Saved {
  readonly model: Model;
  readonly promptFormat?: PromptFormat;
  readonly modules: { readonly parameters: readonly unknown[] };
  readonly parameters: readonly { readonly size: number }[];
  readonly weightsFile: string;
}

/**
 * The file of the weights, a card, then the method's settings in `adapter_config.json`.
 *
 * @throws {RangeError} when a value is not finite in the file's dtype.
 */
export async function valueFiles(
  folder: string,
  { model, promptFormat, modules, parameters, weightsFile }: Saved,
  config: MethodConfig,
  values: readonly (readonly [name: string, tensor: Tensor])[],
  options: SaveAdapterOptions,
): Promise<FolderFile[]> {
  assertOptions("save", options, saveNames);
  const { baseModelName, dtype = "F32" } = options;
  const data = await model.device.read(...values.map(([, tensor]) => tensor));
  const entries = inFileOrder(model, new Map(values.map(([name], i) => [name, data[i]] as const)));
  const labels = model instanceof TextModel && modules.parameters.length > 0
    ? labelsOf(model)
    : undefined;
  const metadata = {
    format: "pt",
    ...promptMetadata(promptFormat),
    ...labelsMetadata(labels),
    ...quantizedBaseMetadata(quantizedBaseOf(model)),
  };
  const base = { base_model_name_or_path: baseModelName ?? null };
  const trained = parameters.reduce((sum, { size }) => sum + size, 0);
  const { modules_to_save: saved } = config,
    full = Array.isArray(saved) ? saved.filter(isText) : [];
  const card = { baseModelName, trained, labels, full, promptFormat, dtype };
  return [
    safetensorsFile(pathIn(folder, weightsFile), entries, { dtype, metadata }),
    ...await cardFile(folder, methodCard(config, card)),
    { name: "adapter_config.json", content: jsonText({ ...config, ...base }) },
  ];
}

/**
 * Reads a folder of {@link valueFiles}.
 *
 * @throws {AdapterFileError} when the weights are in another format than safetensors.
 * @throws {SyntaxError} when a file is broken.
 * @throws {RangeError} when a value is not finite.
 */
export async function readValues(folder: Folder): Promise<SavedValues> {
  const config = await readJson(fileIn(folder, "adapter_config.json"));
  if (!isRecord(config)) {
    throw new AdapterFileError(`adapter_config.json must be an object, found ${quote(config)}`);
  }
  using file = await openWeights(folder, {});
  const tensors = await readFloats(file);
  return { config, tensors, promptFormat: parsePromptFormat(file.metadata) };
}

/**
 * Reads all tensors of a file.
 *
 * @throws {RangeError} when one is not stored as floats, or a value is not finite.
 */
export async function readFloats(file: SafetensorsFile): Promise<Map<string, HostTensor>> {
  const tensors = new Map<string, HostTensor>();
  for (const [name, { dtype }] of file.tensors) {
    if (!["F32", "F16", "BF16", "F64"].includes(dtype)) {
      throw new RangeError(`${oneLine(name)} must be F32, F16, BF16 or F64, found ${dtype}`);
    }
    tensors.set(name, await file.read(name));
  }
  return tensors;
}

/** The names in a configuration of the modules that are trained in full beside the adapter. */
export function savedModulesOf({ modules_to_save: names = [] }: MethodConfig): string[] {
  if (Array.isArray(names) && names.every(isText)) return names;
  throw new RangeError(`modules_to_save must be a list of names, found ${quote(names)}`);
}

/**
 * Throws unless a file has exactly the tensors of an adapter, before any of them is allocated.
 *
 * @throws {RangeError} when it lacks one, has another, or one has another shape.
 */
export function assertSaved(
  { parameters, outerLayers = [] }: Model,
  entries: readonly ArenaEntry[],
  copied: readonly string[],
  { tensors }: SavedValues,
): void {
  const own = [...parameters.values()]
    .filter(({ name }) => copied.some((one) => isWithin(name, one)));
  const needed = new Map([...entries, ...own].map(({ name, shape }) => [name, shape]));
  for (const { name, weight } of outerLayers) { // A tied head gets a weight of its own.
    if (copied.includes(name)) needed.set(`${name}.weight`, weight.shape);
  }
  for (const name of new Set([...needed.keys(), ...tensors.keys()])) {
    const shape = needed.get(name), found = tensors.get(name);
    if (shape && found && sameShape(shape, found.shape)) continue;
    throw new RangeError(
      `${oneLine(name)} must be ${shape ? formatShape(shape) : "absent"}, found ${
        found ? formatShape(found.shape) : "none"
      }`,
    );
  }
}
