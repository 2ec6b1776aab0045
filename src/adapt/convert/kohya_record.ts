/** Files of kohya's scripts and of diffusers as records. @module */

import { AdapterFileError } from "../../core/errors.ts";
import type { HostTensor } from "../../core/host_tensor.ts";
import { isText, jsonValue } from "../../core/json.ts";
import { quote } from "../../core/quote.ts";
import { type AdapterRecord, kohyaUpdates, type LowRankUpdate } from "../../formats/mod.ts";
import { kohyaModules } from "../../formats/kohya.ts";
import type { ForeignFacts } from "./foreign_facts.ts";

/** The key in the metadata of our files of kohya's form: the paths of the layers. */
export const layersKey = "lowrank.layers";

/**
 * The updates of a file with keys of kohya, of diffusers, or of PEFT without a configuration.
 *
 * @returns Also what the file leaves open, in sentences.
 * @throws {AdapterFileError} when the keys are others, a layer's path cannot be told from its underscores, or a
 * file with keys of PEFT has no α.
 */
export function kohyaRecord(
  given: ReadonlyMap<string, HostTensor>,
  metadata: Readonly<Record<string, string>>,
  { alpha, layers }: ForeignFacts,
): AdapterRecord & { readonly notes: readonly string[] } {
  const tensors = new Map([...given].map(([key, tensor]) => [kohyaKey(key), tensor]));
  const modules = kohyaModules(tensors.keys()), keys = [...given.keys()];
  const silent = modules.filter((module) => !tensors.has(`${module}.alpha`));
  if (alpha === undefined && keys.some((key) => key.endsWith(".lora_A.weight"))) {
    assertAlpha(silent);
  }
  if (alpha !== undefined) {
    for (const module of silent) tensors.set(`${module}.alpha`, one(alpha));
  }
  const updates = kohyaUpdates(tensors, layers ?? layersIn(metadata));
  assertPaths(updates);
  const count = alpha === undefined ? silent.length : 0;
  const note = `no alpha in the file for ${count} of ${modules.length} modules: their scaling is 1`;
  return { updates, notes: count > 0 ? [note] : [] };
}

/** PEFT's keys, with or without its prefix, in kohya's words. */
const kohyaKey = (key: string): string =>
  key.replace(/^base_model\.model\.(?=.*\.lora_[AB]\.weight$)/, "")
    .replace(/\.lora_A\.weight$/, ".lora_down.weight")
    .replace(/\.lora_B\.weight$/, ".lora_up.weight");

/** Throws for keys of none of these forms, before a tensor is read. */
export function assertKohyaKeys(keys: readonly string[]): void {
  if (kohyaModules(keys.map(kohyaKey)).length > 0) return;
  throw new AdapterFileError(
    `its keys must be those of PEFT, kohya, diffusers or loralib, found ${quote(keys.slice(0, 3))}`,
  );
}

const one = (value: number): HostTensor => ({ shape: [], data: Float32Array.of(value) });

function layersIn(metadata: Readonly<Record<string, string>>): string[] {
  const layers = Object.hasOwn(metadata, layersKey) ? jsonValue(metadata[layersKey]) : [];
  return Array.isArray(layers) && layers.every(isText) ? layers : [];
}

function assertAlpha([module]: readonly string[]): void {
  if (module === undefined) return;
  throw new AdapterFileError(
    `a file with keys of PEFT but no adapter_config.json must have alpha of every module, found none of ${
      quote(module)
    }: give --alpha`,
  );
}

/** A name that begins with a network's still has underscores for its dots. */
function assertPaths(updates: readonly LowRankUpdate[]): void {
  const vague = updates.find(({ module }) => /^lora_[a-z0-9]+_/.test(module));
  if (vague === undefined) return;
  throw new AdapterFileError(
    `underscores must be told from dots by the layers of the base, found ${
      quote(vague.module)
    }: give --base`,
  );
}
