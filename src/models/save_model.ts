/** Saving models as Hugging Face folders. @module */

import type { ConfigJson } from "../architectures/config_fields.ts";
import { jsonText, readJson } from "../core/files.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import { assertOptions } from "../core/options.ts";
import { type FolderFile, saveFolder } from "../core/save_folder.ts";
import { fileIn } from "../core/storage.ts";
import { configMetadata } from "../formats/config_digest.ts";
import type { FloatDtype } from "../formats/mod.ts";
import { promptMetadata } from "../formats/prompt_metadata.ts";
import { parseWeightMap } from "../formats/shards.ts";
import { safetensorsFile } from "../formats/write_safetensors.ts";
import { assertModel, type Model } from "./model.ts";
import { mathematicsOfModel } from "./registry.ts";
import { TextModel } from "./text_model.ts";
import { reorient } from "./transpose.ts";

/** What {@link saveModel} saves along with a model. */
export interface SavedAlong {
  /** Fields of `config.json` that the model does not know, such as the ids of special tokens. */
  readonly config?: ConfigJson;
  /** Files by name, such as a tokenizer's. */
  readonly files?: Readonly<Record<string, Uint8Array>>;
  /** Names of files of an older model in the folder that are removed, such as a tokenizer's. */
  readonly obsolete?: readonly string[];
}

const INDEX = "model.safetensors.index.json";

/**
 * Saves a model, without its adapters, as a Hugging Face folder, in one `model.safetensors`: the shards and
 * the index of an older model in the folder are removed. Of a model without a known architecture, only the
 * parameters are saved, without a `config.json`.
 *
 * The folder is saved as a whole: after a crash at any time, a reader finds the old model, the new one, or
 * no `config.json` and so an error. The weights' metadata has a digest of the configuration, by which
 * `loadModel` recognizes files that do not belong together.
 *
 * @param dtype How values are stored. Default F32.
 * @param along What else is saved in the same step.
 * @throws {RangeError} when a value is not finite in the dtype; nothing is written.
 * @throws {Error} when the folder cannot be written or is being saved to already; the message says what a
 * reader finds: the older files unchanged, unless the disk fails repeatedly.
 *
 * @example
 * ```ts
 * import { loadModel, openDevice, saveModel } from "@lowrank/core";
 *
 * using device = await openDevice();
 * using model = await loadModel(device, "models/tiny-gpt2");
 * const folder = await Deno.makeTempDir();
 * await saveModel(model, folder, "BF16");
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function saveModel(
  model: Model,
  folder: string,
  dtype: FloatDtype = "F32",
  along: SavedAlong = {},
): Promise<void> {
  assertModel("saveModel", model);
  assertOptions("saveModel", along, { config: true, files: true, obsolete: true });
  const { config = {}, files = {}, obsolete = [] } = along;
  const configJson = model instanceof TextModel
    ? { ...model.configJson(), torch_dtype: torchDtypes[dtype], ...config }
    : undefined;
  const metadata = {
    ...model.architecture && { format: "pt" },
    ...configJson && await configMetadata(mathematicsOfModel(configJson)),
    ...promptMetadata(model.promptFormat),
  };
  const options = { dtype, ...Object.keys(metadata).length > 0 && { metadata } };
  await saveFolder(folder, [
    safetensorsFile(fileIn(folder, "model.safetensors"), await storedTensors(model), options),
    ...Object.entries(files).map(([name, content]): FolderFile => ({ name, content })),
    ...configJson ? [{ name: "config.json", content: jsonText(configJson) }] : [],
  ], async (folder) => [...obsolete, ...await shardsIn(folder)]);
}

const torchDtypes: Readonly<Record<FloatDtype, string>> = {
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
};

/** The shards of a model in the folder, and their index after them: it says which they are. */
async function shardsIn(folder: string): Promise<string[]> {
  try {
    const { shards } = parseWeightMap(INDEX, await readJson(fileIn(folder, INDEX)));
    return [...shards, INDEX].filter((name) => name !== "model.safetensors");
  } catch {
    return [];
  }
}

/** A model's tensors as a file holds them. */
async function storedTensors(model: Model): Promise<(readonly [string, HostTensor])[]> {
  const specs = model.architecture?.tensors ?? [...model.parameters.values()];
  const values = await readTensors(model, specs.map(({ name }) => name));
  return specs.map((spec, i) => [spec.name, reorient(spec, values[i])] as const);
}

/** Reads the named tensors in F32, however they are stored, without what adapters add. */
async function readTensors(
  { device, parameters, linears }: Model,
  names: readonly string[],
): Promise<HostTensor[]> {
  using scope = new DisposableStack();
  const weights = new Map(linears.map(({ weight }) => [weight.name, weight]));
  const tensors = names.map((name) =>
    parameters.get(name)?.own ?? scope.use(weights.get(name)!.dense())
  );
  return await device.read(...tensors);
}
