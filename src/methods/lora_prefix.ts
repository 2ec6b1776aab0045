/** LoRA joined with virtual tokens (Hu et al. 2021, appendix E: LoRA+PE and LoRA+PL). @module */

import { randomInits } from "../core/update.ts";
import { lora, type LoraSettings } from "./lora.ts";
import { type CardWords, type Method, onlyOurs } from "./method.ts";
import { oneOf } from "./option.ts";
import { type CountedTokens, prefixEmbedding, prefixLayer, type PrefixMethod } from "./prefix.ts";

/** LoRA joined with a method of virtual tokens. */
export type JoinedMethod<Kind extends string> = Method<
  `lora+${Kind}`,
  LoraSettings & CountedTokens
>;

/** LoRA and virtual tokens: the options and the values of both. */
const joined = <Kind extends string>(
  prefix: PrefixMethod<Kind>,
  card: CardWords,
): JoinedMethod<Kind> => ({
  kind: `lora+${prefix.kind}`,
  summary: `${lora.summary.split(";")[0]}, and ${prefix.summary}`,
  // The other starts of LoRA are computed from weights by injectors of their own.
  options: { ...lora.options, init: oneOf(...randomInits), ...prefix.options },
  defaults: (settings) => ({ ...lora.defaults!(settings), ...prefix.defaults!(settings) }),
  title: (settings) => `${lora.title(settings)} and ${prefix.title(settings)}`,
  counts: (model, options, value) => ({
    ...prefix.counts(model, options, value),
    ...lora.counts(model, options, value),
  }),
  trains: "matrices",
  scaling: lora.scaling,
  card,
});

/** Low-rank updates, and embeddings of virtual tokens. */
export const loraPrefixEmbedding: JoinedMethod<"prefix-embedding"> = joined(prefixEmbedding, {
  ...{ title: "LoRA with a prefix of embeddings", tag: "lora" },
  what:
    "Low-rank updates, and embeddings of virtual tokens before every text (LoRA+PE, Hu et al. " +
    `2021,\nappendix E). ${onlyOurs}.`,
});

/** Low-rank updates, and what every block reads of virtual tokens. */
export const loraPrefixLayer: JoinedMethod<"prefix-layer"> = joined(prefixLayer, {
  ...{ title: "LoRA with a prefix in every layer", tag: "lora" },
  what:
    "Low-rank updates, and states of virtual tokens that every block reads before every text (LoRA+PL, " +
    `Hu\net al. 2021, appendix E). ${onlyOurs}.`,
});
