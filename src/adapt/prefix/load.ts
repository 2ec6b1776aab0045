/** Virtual tokens from folders. @module */

import { AdapterFileError } from "../../core/errors.ts";
import { isWithin } from "../../core/module_names.ts";
import { assertOptions } from "../../core/options.ts";
import { type Folder, folderName } from "../../core/storage.ts";
import { adapterFile } from "../../formats/merged_metadata.ts";
import { type PromptConfig, readPrompt } from "../../formats/mod.ts";
import type { Model } from "../../models/model.ts";
import { TextModel } from "../../models/text_model.ts";
import { assertFree, type JoinOptions } from "../attach.ts";
import { PrefixAdapter } from "./adapter.ts";
import { promptConfig, writeColumns } from "./save.ts";
import type { PrefixKind } from "./virtual.ts";

/**
 * Reads a PEFT folder of prompt tuning or prefix tuning and puts the virtual tokens before a model's sequences,
 * trainable and with the base frozen. Of prefix tuning with a projection PEFT saves the keys and values that were
 * projected, which are trained on as they are.
 *
 * @throws {TypeError} when an option does not exist.
 * @throws {RangeError} when the model has an adapter and `onTop` is not set.
 * @throws {AdapterFileError} when the folder is broken, of another method, or not for this model.
 *
 * @example
 * ```ts
 * import { injectPrefixTuning, loadPrefix } from "@lowrank/core/adapt";
 * import { initGpt2, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * const folder = await Deno.makeTempDir();
 * {
 *   using adapter = injectPrefixTuning(model, { length: 3, seed: 1 });
 *   await adapter.save(folder);
 * }
 * using adapter = await loadPrefix(model, folder);
 * console.log(adapter.kind, adapter.length); // prefix-tuning 3
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function loadPrefix(
  model: Model,
  folder: Folder,
  options: JoinOptions = {},
): Promise<PrefixAdapter> {
  assertOptions("loadPrefix", options, { onTop: true });
  assertFree(model, options, "loadPrefix");
  const record = await readPrompt(folder), values = { file: await adapterFile(folder) };
  assertFree(model, options, "loadPrefix"); // Another may have come while this one was read.
  try {
    const kind = kinds[record.type], { tokens: length, saved } = record;
    assertFits(model, kind, record);
    const modulesToSave = record.savedModules
      .filter((module) => [...saved.keys()].some((name) => isWithin(name, module)));
    const adapter = new PrefixAdapter(model, { kind, length, modulesToSave }, (made) => {
      made.modules.write(saved);
      writeColumns(record, made.virtual);
    });
    return Object.assign(adapter, { values, promptFormat: record.promptFormat });
  } catch (error) {
    const { message } = error as Error, place = folderName(folder);
    throw new AdapterFileError(`cannot use the adapter in ${place}: ${message}`, { cause: error });
  }
}

const kinds = {
  PROMPT_TUNING: "prefix-embedding",
  PREFIX_TUNING: "prefix-tuning",
} as const;

/** Throws unless PEFT would have said the same of virtual tokens on this model. */
function assertFits(model: Model, kind: PrefixKind, found: PromptConfig): void {
  if (!(model instanceof TextModel) || kind === "prefix-tuning" && !model.blockShape.keys) return;
  const own = promptConfig(kind, found.tokens, model.blockShape);
  const fields = {
    num_layers: "layers",
    token_dim: "width",
    num_attention_heads: "heads",
  } as const;
  for (const [field, name] of Object.entries(fields)) {
    if (own[name] === found[name]) continue;
    throw new RangeError(`${field} must be the model's ${own[name]}, found ${found[name]}`);
  }
}
