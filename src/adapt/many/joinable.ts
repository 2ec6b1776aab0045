/** Which adapters may be trained together. @module */

import { quote } from "../../core/quote.ts";
import { rangesOf } from "../../core/row_range.ts";
import type { Model } from "../../models/model.ts";
import { TextModel } from "../../models/text_model.ts";
import { Linear } from "../../nn/linear.ts";
import { LoraAdapter } from "../lora/adapter.ts";
import { DoraSite } from "../lora/dora_site.ts";
import type { LoraSite } from "../lora/lora_site.ts";
import { sharesBase } from "./share_base.ts";
import { assertSeesTokens } from "./stackable.ts";

/**
 * Throws unless all are LoRA of linear layers, each alone on a model of its own without dropout, and these share one
 * base.
 *
 * @throws {RangeError} then.
 */
export function assertTogether(adapters: readonly LoraAdapter[]): void {
  if (adapters.length === 0) {
    throw new RangeError("training together needs at least 1 adapter, found none");
  }
  adapters.forEach((adapter, at) => {
    if (!(adapter instanceof LoraAdapter)) {
      refuse(at, "LoRA adapters", typeof adapter === "object" ? "another object" : quote(adapter));
    }
    if (adapters.indexOf(adapter) < at) refuse(at, "each adapter once", "it before");
    assertAlone(adapter, at);
    if (!sharesBase(adapters[0].model, adapter.model)) {
      refuse(at, "models that share one base (shareBase)", "other weights");
    }
    assertFactorsAlone(adapter, at);
  });
  const models = adapters.map(({ model }) => model), twice = new Set(models).size < models.length;
  if (twice) {
    throw new RangeError("training together needs a model for each adapter, found one twice");
  }
  assertSeesTokens(models[0]);
  models.forEach(assertNoDropout);
}

/** Masks would depend on who else is in the batch. */
function assertNoDropout(model: Model, at: number): void {
  const rate = model instanceof TextModel ? model.dropoutRate : 0;
  if (rate === 0) return;
  refuse(at, "models without dropout (load them with { dropout: 0 })", `a rate of ${rate}`);
}

function assertAlone(adapter: LoraAdapter, at: number): void {
  const { adapters } = adapter.model;
  if (!adapters.has(adapter)) refuse(at, "adapters that are on their models", "a removed one");
  if (adapters.size > 1) {
    refuse(at, "one adapter on each model (shareBase)", `${adapters.size} adapters`);
  }
}

/** Biases, modules and rows of tables would be those of all rows of a batch. */
function assertFactorsAlone(adapter: LoraAdapter, at: number): void {
  const ofSites = new Set(adapter.sites.flatMap(({ A, B }) => [A, B]));
  const other = adapter.parameters.find((one) => !ofSites.has(one));
  const found = adapter.sites.map(unusual).find((what) => what !== undefined) ??
    (adapter.starts.length > 0 ? "start values in the weights" : other?.name);
  if (found) refuse(at, "A and B of linear layers alone, without dropout", found);
}

/** What a site has that is not computed for many at once. */
function unusual(site: LoraSite): string | undefined {
  const { name, linear, rows, dropout } = site;
  if (!(linear instanceof Linear)) return `an embedding, ${name}`;
  const cases: Readonly<Record<string, boolean>> = {
    "DoRA": site instanceof DoraSite,
    "a bias of B": site.bias !== undefined,
    "a head": linear.parts.head !== undefined,
    "rows in several ranges": rangesOf(rows).length > 1,
    [`dropout of ${dropout}`]: dropout > 0,
  };
  const found = Object.keys(cases).find((what) => cases[what]);
  return found && `${found} on ${name}`;
}

function refuse(at: number, rule: string, found: string): never {
  throw new RangeError(`training together needs ${rule}, found ${found} at place ${at + 1}`);
}
