/** The project's own small base. @module */

import { readBytes, readJson } from "../src/storage/files.ts";
import type { Device } from "../src/device/device.ts";
import { loadModel, type LoadModelOptions, type TextModel } from "../src/models/mod.ts";
import { ownModels } from "./own_models.ts";

/** Its Hugging Face folder. */
export const baseFolder: string = ownModels("tiny-gpt2");

/** Identity of the base in a specification: its name and the hash of its weights. */
export async function baseIdentity(): Promise<{ name: string; sha256: string }> {
  const bytes = await readBytes(`${baseFolder}/model.safetensors`);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return { name: "tiny-gpt2", sha256: digest.toHex() };
}

/** Its `config.json`. */
export async function baseConfig(): Promise<Record<string, unknown>> {
  return await readJson(`${baseFolder}/config.json`) as Record<string, unknown>;
}

/** Loads it, in F32 unless said. */
export function loadBase(device: Device, options?: LoadModelOptions): Promise<TextModel> {
  return loadModel(device, baseFolder, options);
}
