/** Folders of models that are made from the files of others. @module */

import type { ConfigJson } from "../architectures/config_fields.ts";
import { jsonText, readBytes, readJson } from "../core/files.ts";
import { isRecord } from "../core/json.ts";
import { type FolderFile, saveFolder } from "../core/save_folder.ts";
import { sizeOf } from "../core/shape.ts";
import { fileIn, pathIn } from "../core/storage.ts";
import { assertOwnConfig, configMetadata } from "../formats/config_digest.ts";
import { bitsOf } from "../formats/dtype.ts";
import type { EncodedTensor } from "../formats/encoded_tensor.ts";
import { isSharded, parseWeightMap, shardFilesIn, shardIndex } from "../formats/shards.ts";
import { safetensorsFile } from "../formats/write_safetensors.ts";
import type { BaseFile } from "./base_file.ts";
import { mathematicsOfModel } from "./registry.ts";
import { smallFiles } from "./small_files.ts";

/** What a new folder has that its base's has not. */
export interface DerivedModel {
  /** Its tensors, by their names. */
  readonly tensors: ReadonlyMap<string, EncodedTensor>;
  /** Its configuration; the base's file is copied byte for byte where it is the base's. */
  readonly config: ConfigJson;
  /** What the weights' metadata have in addition to the base's. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** The tokenizer's files and the settings of generation. */
  readonly small: Readonly<Record<string, Uint8Array | string>>;
}

/** A file of weights that is to be written, with the tensors that it has. */
interface WeightsFile {
  readonly name: string;
  readonly tensors: ReadonlyMap<string, EncodedTensor>;
}

/**
 * Saves a Hugging Face folder as a whole, in shards like the base's, with the digest of its configuration.
 *
 * @param placeOf The name in the base's files of the tensor beside which one is stored. Default: its own.
 * @throws {RangeError} when the base's weights were saved with another configuration.
 * @throws {Error} when the folder cannot be written; the older files are as before.
 */
export async function saveDerived(
  base: BaseFile,
  output: string,
  model: DerivedModel,
  placeOf: (name: string) => string = (name) => name,
): Promise<void> {
  const metadata = { ...await metadataOf(base, model.config), ...model.metadata };
  const files = await weightsFiles(base, model, placeOf);
  const contents = [
    ...files.map(({ name, tensors }) =>
      safetensorsFile(pathIn(output, name), tensors, { metadata })
    ),
    ...await indexFile(base, files),
    ...Object.entries(model.small).map(([name, content]): FolderFile => ({ name, content })),
    ...await configFile(base, model),
  ];
  const names = new Set(contents.map(({ name }) => name));
  await saveFolder(output, contents, async () => {
    const old = [...smallFiles, "model.safetensors", ...await shardFilesIn(output)];
    return old.filter((name) => !names.has(name));
  });
}

/** Bytes of tensors in a file, without its header. */
export const bytesIn = (tensors: Iterable<EncodedTensor>): number =>
  Array.from(tensors, ({ shape, dtype }) => sizeOf(shape) * bitsOf(dtype) / 8)
    .reduce((sum, bytes) => sum + bytes, 0);

/** The tensors by the files of the base; what it has not is in the last one. */
async function weightsFiles(
  { folder }: BaseFile,
  { tensors }: DerivedModel,
  placeOf: (name: string) => string,
): Promise<WeightsFile[]> {
  const isWhole = !await isSharded(folder), index = fileIn(folder, shardIndex);
  const { places, shards } = isWhole
    ? { places: new Map<string, string>(), shards: ["model.safetensors"] }
    : parseWeightMap(shardIndex, await readJson(index));
  const byFile = Map.groupBy(tensors, ([key]) => places.get(placeOf(key)) ?? shards.at(-1)!);
  return Array.from(byFile, ([name, tensors]) => ({ name, tensors: new Map(tensors) }));
}

/** The index of a sharded base, with the sizes and the tensors of the new model. */
async function indexFile(
  { folder }: BaseFile,
  files: readonly WeightsFile[],
): Promise<FolderFile[]> {
  if (!await isSharded(folder)) return [];
  const index = await readJson(fileIn(folder, shardIndex)) as ConfigJson;
  const places = files.flatMap(({ name, tensors }) =>
    Array.from(tensors.keys(), (key) => [key, name])
  );
  const total_size = bytesIn(files.flatMap(({ tensors }) => [...tensors.values()]));
  const metadata = { ...isRecord(index.metadata) ? index.metadata : {}, total_size };
  const weight_map = Object.fromEntries(places.sort(([a], [b]) => a < b ? -1 : 1));
  return [{ name: shardIndex, content: jsonText({ ...index, metadata, weight_map }) }];
}

/** The base's metadata, with the digest of the new configuration. */
async function metadataOf(
  { file, config }: BaseFile,
  newConfig: ConfigJson,
): Promise<Record<string, string>> {
  const [before, after] = [config, newConfig].map(mathematicsIfKnown);
  if (before) await assertOwnConfig(file.metadata, "config.json", before);
  return { format: "pt", ...file.metadata, ...after && await configMetadata(after) };
}

/** What determines the results of a model that runs here; no other needs a digest. */
function mathematicsIfKnown(config: ConfigJson): ConfigJson | undefined {
  try {
    return mathematicsOfModel(config);
  } catch {
    return undefined;
  }
}

/** The configuration, which comes last: no reader takes a folder without it. */
async function configFile(
  { folder, config: own }: BaseFile,
  { config }: DerivedModel,
): Promise<FolderFile[]> {
  const name = "config.json";
  if (Object.keys(own).length === 0) return [];
  const content = config === own ? await readBytes(fileIn(folder, name)) : jsonText(config);
  return [{ name, content }];
}
