/** The table of methods: adding one here gives it to every part that asks by kind. @module */

import { bitfit } from "./bitfit.ts";
import { bottleneck } from "./bottleneck.ts";
import { full } from "./full.ts";
import { lora } from "./lora.ts";
import { loraPrefixEmbedding, loraPrefixLayer } from "./lora_prefix.ts";
import { prefixEmbedding, prefixLayer, prefixTuning } from "./prefix.ts";
import { topLayers } from "./top_layers.ts";
import { vera } from "./vera.ts";

/** One of the methods. */
export type Listed =
  | typeof full
  | typeof lora
  | typeof bitfit
  | typeof topLayers
  | typeof vera
  | typeof bottleneck
  | typeof prefixEmbedding
  | typeof prefixLayer
  | typeof prefixTuning
  | typeof loraPrefixEmbedding
  | typeof loraPrefixLayer;

const all: readonly Listed[] = [
  ...[full, lora, bitfit, topLayers, vera, bottleneck],
  ...[prefixEmbedding, prefixLayer, prefixTuning],
  ...[loraPrefixEmbedding, loraPrefixLayer],
];

/** The name of a method. */
export type MethodKind = Listed["kind"];

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
