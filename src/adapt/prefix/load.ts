/** Virtual tokens from files that were read. @module */

import { isWithin } from "../../core/module_names.ts";
import { quote } from "../../core/quote.ts";
import { promptPrefix } from "../../formats/adapter_weights.ts";
import { parsePromptConfig, type PromptType } from "../../formats/mod.ts";
import type { Model } from "../../models/model.ts";
import { savedModulesOf, type SavedValues } from "../saved_values.ts";
import { assertTakes, PrefixAdapter, promptConfigOf } from "./adapter.ts";
import type { PrefixKind } from "./virtual.ts";

/** The states that blocks read, from a folder of our own. */
export function loadPrefixLayer(model: Model, saved: SavedValues): PrefixAdapter {
  const { length } = saved.config, modulesToSave = savedModulesOf(saved.config);
  if (typeof length !== "number") {
    throw new RangeError(`length must be a number of virtual tokens, found ${quote(length)}`);
  }
  return new PrefixAdapter(model, { kind: "prefix-layer", length, modulesToSave }, saved);
}

const kinds: Readonly<Record<PromptType, PrefixKind>> = {
  PROMPT_TUNING: "prefix-embedding",
  PREFIX_TUNING: "prefix-tuning",
};

/**
 * Virtual tokens from a folder of PEFT's. Of prefix tuning with a projection PEFT saves the keys and values that were
 * projected, which are trained on as they are.
 */
export function loadPrompt(model: Model, saved: SavedValues): PrefixAdapter {
  const found = parsePromptConfig(saved.config), { tokens: length } = found;
  const kind = kinds[found.type];
  assertTakes(model, kind, length);
  const own = promptConfigOf(kind, length, model.blockShape);
  const fields = {
    num_layers: "layers",
    token_dim: "width",
    num_attention_heads: "heads",
  } as const;
  for (const [field, name] of Object.entries(fields)) {
    if (own[name] === found[name]) continue;
    throw new RangeError(`${field} must be the model's ${own[name]}, found ${found[name]}`);
  }
  const tensors = new Map(
    Array.from(saved.tensors, ([name, values]) => [nameOf(name), values] as const),
  );
  // PEFT names the heads of all classifiers, of which a model has one.
  const modulesToSave = found.savedModules
    .filter((module) => [...tensors.keys()].some((name) => isWithin(name, module)));
  return new PrefixAdapter(model, { kind, length, modulesToSave }, { ...saved, tensors });
}

const nameOf = (name: string): string =>
  name.startsWith(promptPrefix) ? name.slice(promptPrefix.length) : name;
