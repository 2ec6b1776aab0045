/** Whether a folder holds an adapter or a model. @module */

import { hasFile } from "../core/storage.ts";

/** Files that are, or describe, weights. */
const weightFiles = {
  adapter: ["adapter_config.json", "adapter_model.safetensors"],
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
