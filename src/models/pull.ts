/** Downloads of whole models and adapters from the Hugging Face hub. @module */

import { openSafetensors } from "../formats/safetensors/shards.ts";
import { listFolder, readBytes } from "../storage/files.ts";
import { parseHubName } from "../storage/hub_name.ts";
import { hubFolder } from "../storage/hub_cache.ts";
import { fileIn, hasFile, openFile, packedIn, splitPath } from "../storage/storage.ts";
import { besideWeights, configFile } from "../formats/peft/keys.ts";
import { openWeights } from "../formats/peft/read.ts";
import { smallFiles } from "./files.ts";

/** Files that were downloaded, or were there. */
export interface Pulled {
  /** The commit that the revision leads to. */
  readonly commit: string;
  /** The folder in the cache. */
  readonly folder: string;
  /** Bytes of the files in it by their names. */
  readonly files: Readonly<Record<string, number>>;
}

/**
 * Downloads what can be used of `hf:OWNER/NAME[@REVISION][/FOLDER]`: the configuration, the tokenizer, and
 * the weights in safetensors files, whose headers are read; those of an adapter, whatever its method, if there
 * is one. Of `hf:OWNER/NAME/FILE.gguf` it is that file.
 *
 * @throws {RangeError} when the name has another form, or its weights are in pickles.
 * @throws {Error} when the hub does not have it, or a file cannot be downloaded or read.
 */
export async function pull(name: string): Promise<Pulled> {
  parseHubName(name);
  const isAdapter = await hasFile(name, configFile);
  for (const file of [configFile, "config.json", ...smallFiles]) {
    if (await hasFile(name, file)) await readBytes(fileIn(name, file));
  }
  if (isAdapter) {
    for (const file of besideWeights) {
      if (!await hasFile(name, file)) continue;
      using _ = await openFile(fileIn(name, file));
    }
  }
  using _ = isAdapter ? await openWeights(name, {}) : await openSafetensors(name);
  const { commit, folder } = await hubFolder(name), files: Record<string, number> = {};
  if (packedIn(name) !== undefined) {
    using gguf = await openFile(name);
    const { folder: around, name: own } = splitPath(folder);
    return { commit, folder: around, files: { [own]: gguf.bytes } };
  }
  for (const file of (await listFolder(folder)).sort()) {
    if (!await hasFile(folder, file)) continue;
    using opened = await openFile(fileIn(folder, file));
    files[file] = opened.bytes;
  }
  return { commit, folder, files };
}
