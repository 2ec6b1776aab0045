/** What a model folder must be, and what an output folder may already contain. @module */

import { isSamePlace, readJson } from "../core/files.ts";
import { isRecord, isText } from "../core/json.ts";
import { oneLine } from "../core/quote.ts";
import { fileIn, hasFile, kindOf } from "../core/storage.ts";
import { pathWord } from "./call.ts";

/**
 * Throws unless there is a folder with a model's configuration, and says what to do instead.
 *
 * @param what The option that names the folder or, of an argument, the command.
 * @throws {RangeError} when there is no folder, or an adapter in it.
 */
export async function assertModelFolder(folder: string, what = "--model"): Promise<void> {
  const isOption = what.startsWith("--"), given = isOption ? `${what} ` : "";
  if (await hasFile(folder, "config.json")) return;
  if (await hasFile(folder, "adapter_config.json")) {
    const beside = isOption ? ` --adapter ${pathWord(folder)}` : "", base = await baseOf(folder);
    throw new RangeError(
      `${what} needs the base model, found an adapter in ${folder}: give ${given}${base}${beside}`,
    );
  }
  if (await kindOf(folder) !== undefined) return; // Reading says what is missing in it.
  const name = /^gpt2(-medium|-large|-xl)?$/.test(folder) ? `openai-community/${folder}` : folder;
  const isOnHub = /^[\w.-]+\/[\w.-]+$/.test(name);
  throw new RangeError(
    `${what} needs a folder on this machine, found none at ${folder}` +
      (isOnHub ? `: for the one on the Hugging Face hub, give ${given}hf:${name}` : ""),
  );
}

/** Which base model an adapter says that it is for. */
async function baseOf(folder: string): Promise<string> {
  const config = await readJson(fileIn(folder, "adapter_config.json")).catch(() => undefined);
  const base = isRecord(config) ? config.base_model_name_or_path : undefined;
  return isText(base) && base !== "" ? pathWord(oneLine(base)) : "BASE";
}

/** Throws when a model would overwrite the one that it is made from. */
export async function assertOtherFolder(model: string, output: string): Promise<void> {
  if (!await isSamePlace(model, output)) return;
  throw new RangeError(`the output must not be the input folder itself, found ${output}`);
}

/**
 * Throws when an adapter would replace the one of a training, whose record would then speak of other weights.
 *
 * @throws {RangeError} when the output folder has such a record.
 */
export async function assertNoTraining(output: string): Promise<void> {
  if (!await hasFile(output, "run.json")) return;
  throw new RangeError(
    `the output must not be the folder of a training, found run.json in ${output}: choose another folder`,
  );
}
