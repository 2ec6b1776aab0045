/** What a model folder must be, and what an output folder may already contain. @module */

import { join } from "node:path";
import { isSamePlace, readJson } from "../core/files.ts";
import { isRecord, isText } from "../core/json.ts";
import { oneLine } from "../core/quote.ts";
import { hasFile, kindOf } from "../core/storage.ts";

/**
 * Throws unless there is a folder with a model's configuration, and says what to do instead.
 *
 * @throws {RangeError} when there is no folder, or an adapter in it.
 */
export async function assertModelFolder(folder: string): Promise<void> {
  if (await hasFile(folder, "config.json")) return;
  if (await hasFile(folder, "adapter_config.json")) {
    throw new RangeError(
      `--model needs the base model, found an adapter in ${folder}: give --model ${await baseOf(
        folder,
      )} ` +
        `--adapter ${folder}`,
    );
  }
  if (await kindOf(folder) !== undefined) return; // Reading says what is missing in it.
  const name = /^gpt2(-medium|-large|-xl)?$/.test(folder) ? `openai-community/${folder}` : folder;
  const [owned] = /^[\w.-]+\/[\w.-]+$/.exec(name) ?? [], place = name.split("/").at(-1);
  throw new RangeError(
    `--model needs a folder on this machine, found none at ${folder}` +
      (owned
        ? `: download it with "hf download ${owned} --local-dir ${place}", then give --model ${place}`
        : ""),
  );
}

/** Which base model an adapter says that it is for. */
async function baseOf(folder: string): Promise<string> {
  const config = await readJson(join(folder, "adapter_config.json")).catch(() => undefined);
  const base = isRecord(config) ? config.base_model_name_or_path : undefined;
  return isText(base) && base !== "" ? oneLine(base) : "BASE";
}

/** Throws when a model would overwrite the one that it is made from. */
export async function assertOtherFolder(model: string, output: string): Promise<void> {
  if (!await isSamePlace(model, output)) return;
  throw new RangeError(`the output must not be the input folder itself, found ${output}`);
}
