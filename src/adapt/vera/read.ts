/** VeRA's folders on the files of a base. @module */

import { type Folder, folderName } from "../../storage/storage.ts";
import type { BaseFile } from "../../models/base_file.ts";
import { type AdapterFolder, openAdapterFolder } from "../../formats/peft/adapter_folder.ts";
import type { TrainedUpdate } from "../../formats/peft/record.ts";
import { type MethodKind, methods } from "../../methods/mod.ts";
import { foundIn, methodOf } from "../load.ts";
import { usable } from "../loader.ts";
import { adaptingOf } from "../methods.ts";
import { readValues, type SavedValues } from "../named_adapter.ts";
import { parseVera, type VeraFile } from "./load.ts";
import { veraUpdates } from "./updates.ts";

/** A VeRA adapter on the files of a base. */
export interface VeraRecord
  extends Pick<VeraFile, "config" | "vectors" | "others">, Pick<SavedValues, "promptFormat"> {
  /** Its updates, one for each layer; their factors are made when values are asked for. */
  readonly updates: readonly TrainedUpdate[];
}

/**
 * Reads a folder of PEFT's VeRA.
 *
 * @throws {AdapterFileError} when it is broken, or does not fit the base.
 */
export async function readVera(
  base: BaseFile,
  folder: Folder | AdapterFolder,
): Promise<VeraRecord> {
  const open = openAdapterFolder(folder);
  return await usable(open.folder, async () => {
    const saved = await readValues(open), file = parseVera(saved);
    const { config, vectors, others } = file, { promptFormat } = saved;
    return { config, vectors, others, promptFormat, updates: veraUpdates(base, file) };
  });
}

/**
 * True for VeRA, false for LoRA. A folder of which nothing is known is taken for LoRA: reading it says what is wrong.
 *
 * @param action Action that needs its updates, for the message.
 * @throws {RangeError} when it is of a method that has none.
 */
export async function isVera(action: string, folder: Folder | AdapterFolder): Promise<boolean> {
  const open = openAdapterFolder(folder), method = await methodOf(open);
  if (method === undefined || method === "vera") return method === "vera";
  throw new RangeError(
    `${action} needs LoRA or VeRA, found ${await foundIn(open, method)}${wayTo(method)}`,
  );
}

/** The way to the low-rank change of another method, where vectors make one of weights. */
function wayTo(method: unknown): string {
  if (!adaptingOf(method)?.merge || methods[method as MethodKind].trains !== "vectors") return "";
  return ": lowrank merge writes a model with it, and lowrank extract the LoRA that is closest to the change";
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
