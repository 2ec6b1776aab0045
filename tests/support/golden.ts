/** Files that PyTorch, transformers and PEFT made; see `tests/golden/manifest.json`. @module */

import { fileURLToPath } from "node:url";
import type { HostTensor } from "../../src/core/tensor.ts";
import { readSafetensors } from "../../src/formats/mod.ts";

/** Path of a golden file. */
export function golden(path: string): string {
  return fileURLToPath(new URL(`../golden/${path}`, import.meta.url));
}

/** The golden models of other families than GPT-2, folders of `tests/golden/families`. */
export const families: readonly string[] = [...Deno.readDirSync(golden("families"))]
  .filter(({ isDirectory }) => isDirectory).map(({ name }) => name).sort();

/** All tensors of a golden file, or of one at another path. */
export async function tensorsOf(path: string): Promise<Map<string, HostTensor>> {
  return (await readSafetensors(path)).tensors;
}

/** A golden JSON file. */
// deno-lint-ignore no-explicit-any -- its shape is in the manifest
export async function goldenJson(path: string): Promise<any> {
  return JSON.parse(await Deno.readTextFile(golden(path)));
}
