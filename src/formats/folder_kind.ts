/** Kind of a folder: an adapter or a model. @module */

import { hasFile, kindOf } from "../storage/storage.ts";
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

/** Throws when a folder that should hold an adapter does not exist, is a file, or holds a model. */
export async function assertAdapterFolder(folder: string): Promise<void> {
  const kind = await kindOf(folder);
  if (kind !== "folder") {
    const found = kind === "file"
      ? "it is a file, and an adapter is a folder: convert it first (lowrank convert)"
      : "there is no such folder";
    throw new RangeError(`cannot read the adapter in ${folder}: ${found}`);
  }
  if (await hasFile(folder, configFile)) return;
  const [weights] = await weightFilesIn(folder, "model");
  if (weights === undefined) return;
  throw new RangeError(
    `cannot read the adapter in ${folder}: it holds a model (${weights}), and an adapter's folder ` +
      "has adapter_config.json and adapter_model.safetensors",
  );
}
