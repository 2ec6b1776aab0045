/** Which adapters a merged model contains, in the metadata of its weights. @module */

import { sha256 } from "../core/digest.ts";
import { readBytes } from "../core/files.ts";
import { mostTensorBytes } from "../core/limits.ts";
import { fileIn } from "../core/storage.ts";
import { openSafetensors } from "../formats/mod.ts";

/** The key in `__metadata__`; other programs pass over it. */
const KEY = "lowrank.merged";

/** A line for each adapter: those that the base model contains already, then these. */
export async function mergedMetadata(
  model: string,
  adapters: readonly string[],
): Promise<Record<string, string>> {
  using base = await openSafetensors(model);
  const lines = Object.hasOwn(base.metadata, KEY) ? [base.metadata[KEY]] : [];
  for (const adapter of adapters) lines.push(await lineOf(adapter));
  return { [KEY]: lines.join("\n") };
}

/** An adapter's folder, of whose path the end is enough, and what identifies its weights. */
async function lineOf(adapter: string): Promise<string> {
  const name = adapter.split(/[\\/]/).filter((part) => part !== "").slice(-2).join("/");
  const weights = await readBytes(fileIn(adapter, "adapter_model.safetensors"), mostTensorBytes);
  return `${name} sha256 ${await sha256(weights)}`;
}
