/** Which adapters have low-rank updates, by their folders. @module */

import { readJson } from "../core/files.ts";
import { isRecord } from "../core/json.ts";
import { quote } from "../core/quote.ts";
import { fileIn, type Folder, folderName } from "../core/storage.ts";
import { hubMethod, isHubConfig } from "../formats/hub_adapter.ts";
import { methodIn } from "./load_any.ts";

/**
 * Whether an adapter is VeRA rather than LoRA. One of which nothing is known is taken for LoRA: reading it says
 * what is wrong.
 *
 * @param action What needs its updates, for the message.
 * @throws {RangeError} when it is of a method that has none.
 */
export async function isVera(action: string, folder: Folder): Promise<boolean> {
  const method = await methodIn(folder);
  if (method === undefined || method === "vera") return method === "vera";
  throw new RangeError(
    `${action} needs LoRA or VeRA, which change weights by low-rank updates, found ${await foundIn(
      folder,
      method,
    )}`,
  );
}

/**
 * Throws for an adapter of another method than LoRA.
 *
 * @param action What needs LoRA, for the message.
 * @throws {RangeError} then.
 */
export async function assertLora(action: string, folder: Folder): Promise<void> {
  const method = await methodIn(folder);
  if (method === undefined) return;
  const way = method === "vera" ? ": lowrank convert --base writes it as LoRA" : "";
  throw new RangeError(`${action} needs LoRA, found ${await foundIn(folder, method)}${way}`);
}

/** The method and the folder; the adapters library has more methods than bottlenecks. */
async function foundIn(folder: Folder, method: unknown): Promise<string> {
  const config = await readJson(fileIn(folder, "adapter_config.json"));
  const isTheirs = isRecord(config) && config.method === undefined && isHubConfig(config);
  const name = isTheirs ? `${quote(hubMethod(config))} of the adapters library` : quote(method);
  return `${name} in ${folderName(folder)}`;
}

/**
 * Refuses VeRA where no base says how many inputs its layers have.
 *
 * @throws {RangeError} always.
 */
export function refuseWithoutBase(action: string, folder: Folder): never {
  const place = folderName(folder);
  throw new RangeError(
    `${action} needs --base for "vera" in ${place}, as its file does not say how many inputs a layer has, ` +
      "found none",
  );
}
