/** Kind of a folder: an adapter or a model. @module */

import { nearestName } from "../core/checks.ts";
import { listFolder } from "../storage/files.ts";
import { isHubName } from "../storage/hub_name.ts";
import { hasFile, kindOf, pathIn, splitPath } from "../storage/storage.ts";
import { configFile, hubWeights, peftWeights } from "./peft/keys.ts";

/** Files that are, or describe, weights. */
const weightFiles = {
  adapter: [configFile, peftWeights, hubWeights],
  model: ["model.safetensors", "model.safetensors.index.json"],
};

/** The names of the files of weights in a folder: an adapter's, a model's. */
export async function weightFilesIn(folder: string, kind: "adapter" | "model"): Promise<string[]> {
  const found: string[] = [];
  for (const name of weightFiles[kind]) if (await hasFile(folder, name)) found.push(name);
  return found;
}

/**
 * Throws when a folder for an adapter already holds a model, or vice versa: a program that reads the
 * folder would combine the two.
 */
export async function assertNoOtherKind(folder: string, kind: "adapter" | "model"): Promise<void> {
  const files = await weightFilesIn(folder, kind === "adapter" ? "model" : "adapter");
  if (files.length === 0) return;
  const found = kind === "adapter" ? "a model" : "an adapter";
  throw new RangeError(
    `${folder} already holds ${found}; choose another folder, or remove ${files.join(" and ")}`,
  );
}

/**
 * Throws when a folder that should hold an adapter does not exist, is a file, or holds something else.
 *
 * @param isAnyForm True where files of other programs than PEFT will do.
 */
export async function assertAdapterFolder(folder: string, isAnyForm = false): Promise<void> {
  const kind = await kindOf(folder);
  const fault = kind === undefined
    ? `there is no such folder${await meantBy(folder)}`
    : await (kind === "file" ? faultOfFile(folder) : faultOfFolder(folder, isAnyForm));
  if (fault !== undefined) throw new RangeError(`cannot read the adapter in ${folder}: ${fault}`);
}

/** An adapter's folder beside the one that is named or, where even its parent does not exist, a name on the hub. */
async function meantBy(path: string): Promise<string> {
  const { folder, name } = splitPath(path.replace(/\/+$/, ""));
  if (isHubName(path)) return "";
  const beside = await listFolder(folder).catch(() => undefined);
  if (beside === undefined) {
    const isOnHub = /^\w[\w.-]*\/[\w.-]+$/.test(path);
    return isOnHub ? `: for the one on the Hugging Face hub, give hf:${path}` : "";
  }
  const near = nearestName(name, beside), meant = near && (folder === "." ? near : folder + near);
  return meant && await hasFile(meant, configFile) ? ` (did you mean ${meant}?)` : "";
}

/** The fault of a file; one of an adapter's folder stands for that folder. */
async function faultOfFile(path: string): Promise<string> {
  const { folder, name } = splitPath(path);
  const isPart = weightFiles.adapter.includes(name) && await hasFile(folder, configFile);
  const advice = isPart
    ? `give ${folder.replace(/\/$/, "")}`
    : "convert it first (lowrank convert)";
  return `it is a file, and an adapter is a folder: ${advice}`;
}

/** The fault of a folder without the configuration of an adapter; none where reading says it. */
async function faultOfFolder(folder: string, isAnyForm: boolean): Promise<string | undefined> {
  if (await hasFile(folder, configFile)) return undefined;
  const [weights] = await weightFilesIn(folder, "model");
  if (weights !== undefined) {
    return `it holds a model (${weights}), and an adapter's folder has ${configFile} and ${peftWeights}`;
  }
  if (isAnyForm) return undefined;
  const names = (await listFolder(folder)).sort();
  const file = names.find((name) => name.endsWith(".safetensors"));
  if (file !== undefined) {
    return `it has ${file} but no ${configFile}: lowrank convert writes a folder with both`;
  }
  for (const name of names) {
    const inner = pathIn(folder, name);
    if (await hasFile(inner, configFile)) {
      return `it has folders of adapters: give one, such as ${inner}`;
    }
  }
}
