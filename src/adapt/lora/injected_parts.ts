/** What a new adapter trains of the model itself. @module */

import { isNamed, listNames } from "../../core/module_names.ts";
import { quote } from "../../core/quote.ts";
import type { BiasMode } from "../../formats/peft_extras.ts";
import type { Model } from "../../models/model.ts";
import { Embedding } from "../../nn/embedding.ts";
import { type InitialRows, TokenRows } from "../token_rows.ts";
import { TrainedModules } from "../trained_modules.ts";
import type { LoraPlan } from "./plan.ts";
import type { TrainedParts } from "./trained_parts.ts";

/** What is trained of the model itself, beside low-rank updates; by default nothing. */
export interface BesideOptions {
  /**
   * Modules that are trained in full beside the sites, by names or name endings, and saved with the adapter
   * as PEFT does: `["score"]`, the head of a classifier. Default: none.
   */
  readonly modulesToSave?: readonly string[];
  /**
   * Tokens whose rows of the embedding are trained while the rest of it is frozen, such as new ones; or, by the
   * paths of the embeddings, of several. A head that shares the weight has the same rows. Default: none.
   */
  readonly trainableTokens?: readonly number[] | Readonly<Record<string, readonly number[]>>;
  /** Train biases of the base model: of all modules, or (`lora_only`) of the adapted layers. Default `none`. */
  readonly bias?: BiasMode;
}

/** The modules, biases and rows that are trained beside the sites. */
export function injectedParts(
  model: Model,
  plans: readonly LoraPlan[],
  { modulesToSave = [], trainableTokens = {}, bias: biasMode = "none" }: BesideOptions,
): TrainedParts {
  using unfinished = new DisposableStack();
  const modules = unfinished.use(new TrainedModules(model, modulesToSave));
  const tokens = unfinished.use(new TokenRows(model, tokensByTable(model, trainableTokens)));
  const inFull = new Set(modules.parameters.map(({ name }) => name));
  const all = [...model.parameters.keys()].filter((name) => name.endsWith(".bias"));
  const adapted = new Set(plans.map(({ site }) => site.linear.bias?.name));
  const chosen = { none: [], all, lora_only: all.filter((name) => adapted.has(name)) }[biasMode];
  if (!chosen) {
    throw new RangeError(`bias must be "none", "all" or "lora_only", found ${quote(biasMode)}`);
  }
  const biases = new TrainedModules(model, chosen.filter((name) => !inFull.has(name)));
  unfinished.move();
  return { modules, biases, biasMode, tokens };
}

/** A list is of the first embedding, that of the tokens. */
function tokensByTable(
  { outerLayers = [] }: Model,
  tokens: NonNullable<BesideOptions["trainableTokens"]>,
): Map<string, InitialRows> {
  const tables = outerLayers.filter((layer) => layer instanceof Embedding);
  const byName = Array.isArray(tokens) ? { [tables[0]?.name ?? ""]: tokens } : tokens;
  return new Map(
    Object.entries(byName).map(([name, indices]) => {
      const table = tables.find((one) => isNamed(one.name, name));
      if (table && Array.isArray(indices)) return [table.name, { indices }];
      const known = listNames(tables.map(({ name }) => name));
      throw new RangeError(
        `trainableTokens must list tokens, or map embeddings of the model (${known}) to them, found ${
          quote({ [name]: indices })
        }`,
      );
    }),
  );
}
