/** Values that are trained of virtual tokens. @module */

import type { Architecture } from "../architectures/architecture.ts";
import { blocksOf } from "../architectures/blocks.ts";
import { quote } from "../core/quote.ts";
import { countRows } from "../core/row_range.ts";
import { evaluateFormula } from "./evaluate_formula.ts";

/** A prefix method, and how many virtual tokens it trains. */
export interface PrefixCount {
  /** The method. */
  readonly kind: "prefix-embedding" | "prefix-layer" | "prefix-tuning";
  /** Number of virtual tokens, l_p. */
  readonly length: number;
}

/** Whether a method trains virtual tokens. */
export const isPrefix = (method: { readonly kind: string }): method is PrefixCount =>
  method.kind.startsWith("prefix-");

/**
 * Values that a prefix method trains on a model.
 *
 * @throws {RangeError} when the length is not a positive integer, or the model has no single list of blocks with
 * keys, or is a DeBERTa, whose keys alone cannot be trained.
 */
export function prefixParameters(model: Architecture, { kind, length }: PrefixCount): number {
  if (!(Number.isSafeInteger(length) && length >= 1)) {
    throw new RangeError(`length must be a whole number from 1, found ${quote(length)}`);
  }
  const { length: L } = blocksOf(model.layers, "virtual tokens");
  const keys = model.linears.find(({ parts }) => parts.k);
  if (!keys) throw new RangeError("virtual tokens need a model with keys, found none");
  const isRelative = model.modelType?.startsWith("deberta");
  if (kind === "prefix-tuning" && isRelative) {
    throw new RangeError(`${kind} needs keys that do not depend on distances, found a DeBERTa`);
  }
  const d = keys.inputs, d_kv = countRows(keys.parts.k!), l_p = length;
  const values = kind === "prefix-embedding"
    ? evaluateFormula("preEmbedParameters", { d, l_p, l_i: 0 })
    : kind === "prefix-layer"
    ? evaluateFormula("preLayerParameters", { L, d, l_p, l_i: 0 })
    : evaluateFormula("prefixTuningParameters", { L, d_kv, l_p });
  return Number(values);
}
