/** LoRA adapters to PEFT folders. @module */

import { type FloatDtype, writeAdapter } from "../../formats/mod.ts";
import { isStoredTransposed } from "../../models/gpt2/layout.ts";
import type { LoraAdapter } from "./adapter.ts";

/** What a saved adapter says beside its weights. */
export interface SaveAdapterOptions {
  /** Name or path of the base model, `base_model_name_or_path`; `null` in the file unless said. */
  readonly baseModelName?: string;
  /** Type of the weights in the file, F32 unless said. */
  readonly dtype?: FloatDtype;
}

/** Reads an adapter from its device and writes the folder that PEFT loads. */
export async function saveAdapter(
  adapter: LoraAdapter,
  folder: string,
  options: SaveAdapterOptions = {},
): Promise<void> {
  const { modules } = adapter;
  await writeAdapter(folder, {
    updates: await adapter.read(),
    // PEFT sets the flag for Conv1D layers, whose files hold (in, out).
    fanInFanOut: modules.every(({ linear }) => isStoredTransposed(linear.weight.name)),
    dropout: Math.max(...modules.map(({ dropout }) => dropout)),
    ...options,
  });
}
