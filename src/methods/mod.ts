/** The table of methods: adding one here gives it to every part that asks by kind. @module */

import { bitfit } from "./bitfit.ts";
import { bottleneck, type CountedBottlenecks } from "./bottleneck.ts";
import { full } from "./full.ts";
import { type CountedUpdates, lora } from "./lora.ts";
import { type CountedScales, ia3 } from "./ia3.ts";
import { loraPrefixEmbedding, loraPrefixLayer } from "./lora_prefix.ts";
import { type CountedTokens, prefixEmbedding, prefixLayer, prefixTuning } from "./prefix.ts";
import type { CountedModules, CountedSites } from "./selection.ts";
import { type CountedSubspace, subspace } from "./subspace.ts";
import { type CountedTopLayers, topLayers } from "./top_layers.ts";
import { type CountedCores, tinylora } from "./tinylora.ts";
import { vera } from "./vera.ts";

const all = [
  ...[full, lora, bitfit, topLayers, vera, ia3, tinylora, subspace, bottleneck] as const,
  ...[prefixEmbedding, prefixLayer, prefixTuning] as const,
  ...[loraPrefixEmbedding, loraPrefixLayer] as const,
] as const;

type Listed = (typeof all)[number];

/** The options on which a method's count depends, by its name. */
export interface CountedOptions {
  /** All weights: there are none. */
  readonly full: Record<never, never>;
  /** Low-rank updates. */
  readonly lora: CountedUpdates;
  /** Biases. */
  readonly bitfit: CountedModules;
  /** The last blocks. */
  readonly "top-layers": CountedTopLayers;
  /** Two vectors beside shared random matrices. */
  readonly vera: CountedSites & CountedModules;
  /** A vector for each of some layers, which scales its outputs or inputs. */
  readonly ia3: CountedScales;
  /** A few values for each layer, which make a core between its singular vectors. */
  readonly tinylora: CountedCores;
  /** A few values that move all weights in a random subspace. */
  readonly subspace: CountedSubspace;
  /** Small networks after sublayers. */
  readonly bottleneck: CountedBottlenecks & CountedModules;
  /** Embeddings of virtual tokens. */
  readonly "prefix-embedding": CountedTokens & CountedModules;
  /** States of virtual tokens, read by every block. */
  readonly "prefix-layer": CountedTokens & CountedModules;
  /** Keys and values of virtual tokens. */
  readonly "prefix-tuning": CountedTokens & CountedModules;
  /** Low-rank updates and embeddings of virtual tokens. */
  readonly "lora+prefix-embedding": CountedUpdates & CountedTokens;
  /** Low-rank updates and states of virtual tokens. */
  readonly "lora+prefix-layer": CountedUpdates & CountedTokens;
}

/** The name of a method. */
export type MethodKind = keyof CountedOptions;

/** The names of all methods. */
export const methodKinds: readonly MethodKind[] = all.map(({ kind }) => kind);

/** The methods by their kinds. */
export const methods = Object.fromEntries(all.map((method) => [method.kind, method])) as {
  readonly [Kind in MethodKind]: Extract<Listed, { readonly kind: Kind }>;
};

/** True for the name of a method. */
export const isMethodKind = (value: unknown): value is MethodKind =>
  methodKinds.some((kind) => kind === value);

/** The method that an `adapter_config.json` names, as `method` or `peft_type`. */
export const methodOfConfig = (
  { method, peft_type: type }: Readonly<Record<string, unknown>>,
): Listed | undefined =>
  all.find(({ kind, peftType }) =>
    method === undefined ? peftType !== undefined && peftType === type : kind === method
  );
