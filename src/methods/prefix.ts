/** Virtual tokens before every sequence (Hu et al. 2021, section 5.1; Li and Liang 2021). @module */

import { type Architecture, blocksOf } from "../architectures/architecture.ts";
import { assertPrefixLength } from "../architectures/config_fields.ts";
import { howMany } from "../core/numbers.ts";
import { countRows } from "../core/update.ts";
import { type CardWords, type FormulaValue, type Method, onlyOurs } from "./method.ts";
import { type MethodOption, modulesToSave, positive } from "./option.ts";
import type { CountedModules } from "./selection.ts";

/** Virtual tokens. */
export interface CountedTokens {
  /** l_p. */
  readonly length: number;
}

/** A method of virtual tokens alone. */
export type PrefixMethod<Kind extends string> = Method<Kind, CountedTokens & CountedModules>;

const length: MethodOption = {
  ...positive,
  ...{ flag: "--prefix-length <n>", reads: "whole number" },
  help: "number of virtual tokens (default: 16)",
};

/** Parts in which the methods differ. */
interface Form<Kind extends string> extends Pick<PrefixMethod<Kind>, "kind" | "peftType"> {
  /** Words for the trained values of the tokens. */
  readonly what: string;
  /** Number of values of l_p tokens. */
  readonly count: (model: Architecture, l_p: number, value: FormulaValue) => number;
  readonly card: CardWords;
}

const prefixMethod = <Kind extends string>(form: Form<Kind>): PrefixMethod<Kind> => ({
  kind: form.kind,
  summary: `${form.what} of virtual tokens`,
  peftType: form.peftType,
  options: { length, modulesToSave },
  defaults: () => ({ length: 16 }),
  title: ({ length }) =>
    `${form.what} of ${
      length === undefined ? "virtual tokens" : howMany(Number(length), "virtual token")
    }`,
  counts(model, { length }, value) {
    if (model.positions !== undefined) assertPrefixLength(form.kind, length, model.positions);
    return { beside: { "virtual tokens": form.count(model, length, value) } };
  },
  trains: "vectors",
  card: form.card,
});

/** The embeddings of virtual tokens: PEFT's prompt tuning. */
export const prefixEmbedding: PrefixMethod<"prefix-embedding"> = prefixMethod({
  ...{ kind: "prefix-embedding", peftType: "PROMPT_TUNING", what: "embeddings" },
  count: (model, l_p, value) => value("preEmbedParameters", { d: wordWidth(model), l_p, l_i: 0 }),
  card: {
    ...{ title: "Prompt tuning adapter", library: "peft", tag: "prompt-tuning" },
    what: "Embeddings of virtual tokens, which stand before every text that a base model reads.",
    settings: { "Virtual tokens": "num_virtual_tokens" },
  },
});

/** The states of virtual tokens that every block reads. */
export const prefixLayer: PrefixMethod<"prefix-layer"> = prefixMethod({
  ...{ kind: "prefix-layer", what: "states" },
  count: (model, l_p, value) =>
    value("preLayerParameters", { L: blockCount(model), d: blockWidth(model), l_p, l_i: 0 }),
  card: {
    ...{ title: "Prefix-layer adapter", tag: "prefix-layer" },
    what: "States of virtual tokens, which every block of a base model reads before every text " +
      `(Hu et al. 2021,\nsection 5.1). ${onlyOurs}.`,
    settings: { "Virtual tokens": "length" },
  },
});

/** Keys and values of virtual tokens in every block. */
export const prefixTuning: PrefixMethod<"prefix-tuning"> = prefixMethod({
  ...{ kind: "prefix-tuning", peftType: "PREFIX_TUNING", what: "keys and values" },
  count: (model, l_p, value) =>
    value("prefixTuningParameters", { L: blockCount(model), d_kv: keyWidthOf(model), l_p }),
  card: {
    ...{ title: "Prefix tuning adapter", library: "peft", tag: "prefix-tuning" },
    what:
      "Keys and values of virtual tokens, which every block of a base model sees before every text.",
    settings: { "Virtual tokens": "num_virtual_tokens" },
    isWithoutLabels: true, // PEFT 0.21 refuses it with transformers 5.
  },
});

const blockCount = ({ layers }: Architecture): number => blocksOf(layers, "virtual tokens").length;

/** The width of the embeddings of words, the first table. */
function wordWidth({ linears }: Architecture): number {
  const table = linears.find(({ kind }) => kind === "embedding");
  if (table) return table.inputs;
  throw new RangeError(
    "counting a method of this kind needs a model with an embedding, found none",
  );
}

/** The width of the stream between blocks, which queries and keys are made of; words of OPT-350M are narrower. */
export function blockWidth(model: Architecture): number {
  const projection = model.linears.find(({ parts }) => parts.q ?? parts.k);
  return projection?.inputs ?? wordWidth(model);
}

/** The width of the keys of a block. */
function keyWidthOf({ linears, modelType }: Architecture): number {
  const keys = linears.find(({ parts }) => parts.k)?.parts.k;
  if (keys && !modelType?.startsWith("deberta")) return countRows(keys);
  throw new RangeError(
    `prefix-tuning needs attention that takes a token's key and value alone, found ${
      modelType ?? "none"
    }`,
  );
}
