/** LoRA adapters to PEFT folders. @module */

import { writeAdapter } from "../../formats/mod.ts";
import { isStoredTransposed } from "../../models/gpt2/layout.ts";
import type { SaveAdapterOptions } from "../adapter.ts";
import type { LoraAdapter } from "./adapter.ts";

/** Reads an adapter from its device and writes the folder that PEFT loads. */
export async function saveAdapter(
  adapter: LoraAdapter,
  folder: string,
  options: SaveAdapterOptions = {},
): Promise<void> {
  const { sites } = adapter;
  await writeAdapter(folder, {
    updates: await adapter.read(),
    // PEFT sets the flag for Conv1D layers, whose files hold (in, out).
    fanInFanOut: sites.every(({ linear }) => isStoredTransposed(linear.weight.name)),
    dropout: Math.max(...sites.map(({ dropout }) => dropout)),
    ...options,
  });
}
