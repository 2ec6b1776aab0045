/** Saving models as Hugging Face folders. @module */

import { storedShape } from "../architectures/architecture.ts";
import type { ConfigJson } from "../architectures/config_fields.ts";
import { jsonText } from "../storage/files.ts";
import { type FloatDtype, floatTypes } from "../core/float_types.ts";
import type { HostTensor } from "../core/tensor.ts";
import { assertOptions } from "../core/checks.ts";
import { about } from "../core/errors.ts";
import { type FolderFile, saveFolder } from "../storage/folder.ts";
import { pathIn } from "../storage/storage.ts";
import { configMetadata, promptMetadata } from "../formats/peft/metadata.ts";
import { assertNoOtherKind } from "../formats/folder_kind.ts";
import { mergedMetadata } from "../formats/peft/base_metadata.ts";
import { shardFilesIn } from "../formats/safetensors/shards.ts";
import { safetensorsFile, type UnreadTensor } from "../formats/safetensors/write.ts";
import { assertModel, type Model, type ModelOrigin } from "./model.ts";
import { withPadToken } from "./heads.ts";
import { mathematicsOfModel } from "./registry.ts";
import { readSmallFiles, smallFiles } from "./files.ts";
import { TextModel } from "./text_model.ts";
import { reorient } from "./layers.ts";

/** Files and fields that {@link saveModel} saves along with a model. */
export interface SavedAlong {
  /** Fields of `config.json` that replace the model's, such as the ids of special tokens. */
  readonly config?: ConfigJson;
  /** Files by name, such as another tokenizer's. */
  readonly files?: Readonly<Record<string, Uint8Array>>;
}

/**
 * Saves a model, without its adapters, as a Hugging Face folder, in one `model.safetensors`: the shards and
 * the index of an older model in the folder are removed. Of a model without a known architecture, only the
 * parameters are saved, without a `config.json`.
 *
 * The `config.json` of a model that was loaded is as it was in its folder, but for what changed: the dtype
 * and the fields that are given along with it. The tokenizer's files and the settings of generation in that
 * folder are saved too; such files of an older model in the new folder are removed, as they would not fit.
 *
 * The folder is saved as a whole: after a crash at any time, a reader finds the old model, the new one, or
 * no `config.json` and so an error. The weights' metadata has a digest of the configuration, by which
 * `loadModel` recognizes files that do not belong together.
 *
 * Memory: one tensor on the host.
 *
 * @param dtype Type of the stored values. Default: as in the folder that the model was loaded from, in F32 for a
 * model that was made here.
 * @param along Files and fields that are saved in the same step.
 * @throws {RangeError} when a value is not finite in the dtype, a weight is in 4 bits, or the folder holds an
 * adapter, which other programs would apply to the model; nothing is written.
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
  dtype: FloatDtype = originOf(model)?.dtype ?? "F32",
  along: SavedAlong = {},
): Promise<void> {
  assertModel("saveModel", model);
  assertOptions("saveModel", along, { config: true, files: true });
  assertWhole(model);
  await assertNoOtherKind(folder, "model");
  const origin = originOf(model), { config = {} } = along;
  const configJson = model instanceof TextModel
    ? { ...savedConfig(model, dtype), ...config }
    : undefined;
  const given = { ...origin && await readSmallFiles(origin.folder), ...along.files };
  const files = configJson ? withPadToken(given, configJson) : given;
  const obsolete = origin ? smallFiles.filter((name) => !(name in files)) : [];
  const metadata = {
    ...model.architecture && { format: "pt" },
    ...configJson && await configMetadata(mathematicsOfModel(configJson)),
    ...promptMetadata(model.promptFormat),
    ...mergedMetadata(model.merged?.flatMap(({ file }) => file ?? []) ?? []),
  };
  const options = { dtype, ...Object.keys(metadata).length > 0 && { metadata } };
  await saveFolder(folder, [
    safetensorsFile(pathIn(folder, "model.safetensors"), storedTensors(model), options),
    ...Object.entries(files).map(([name, content]): FolderFile => ({ name, content })),
    ...configJson ? [{ name: "config.json", content: jsonText(configJson) }] : [],
  ], async (folder) => [...obsolete, ...await oldShardsIn(folder)]);
}

function assertWhole({ weights }: Model): void {
  const other = [...weights?.values() ?? []].find(({ bits }) => bits < 16);
  if (!other) return;
  const words = "load the model with dtype F32";
  const sentence =
    `saving a model needs weights of 16 bits or more, found ${other.name} in ${other.bits}: save its ` +
    `adapter, or ${words}`;
  throw about(new RangeError(sentence), { option: "dtype", value: "F32", words });
}

const originOf = (model: Model): ModelOrigin | undefined =>
  model instanceof TextModel ? model.options.origin : undefined;

const savedConfig = (model: TextModel, dtype: FloatDtype): ConfigJson =>
  withDtype(model.options.origin?.config ?? model.configJson(), dtype);

/** A configuration with the dtype in the field that it has for it; transformers 5 calls it `dtype`. */
export function withDtype(config: ConfigJson, dtype: FloatDtype): ConfigJson {
  const fields = ["dtype", "torch_dtype"].filter((field) => field in config);
  const named = fields.length > 0 ? fields : ["torch_dtype"];
  return {
    ...config,
    ...Object.fromEntries(named.map((field) => [field, floatTypes[dtype].torch])),
  };
}

/** Files of a sharded model that the one new file does not replace. */
const oldShardsIn = async (folder: string): Promise<string[]> =>
  (await shardFilesIn(folder)).filter((name) => name !== "model.safetensors");

/** A model's tensors as a file holds them. */
function storedTensors(model: Model): (readonly [string, UnreadTensor])[] {
  const specs = model.architecture?.tensors ?? [...model.parameters.values()];
  return specs.map((spec) => {
    const read = async () => reorient(spec, await readTensor(model, spec.name));
    return [spec.name, { shape: storedShape(spec), read }] as const;
  });
}

/** Reads a tensor in F32, however it is stored, without what adapters add. */
async function readTensor(
  { device, parameters, weights }: Model,
  name: string,
): Promise<HostTensor> {
  using scope = new DisposableStack();
  const tensor = parameters.get(name)?.own ?? scope.use(weights!.get(name)!.dense());
  return (await device.read(tensor))[0];
}
