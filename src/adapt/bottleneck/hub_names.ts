/** The names of bottlenecks' tensors in the `adapters` library's models and files (AdapterHub). @module */

import { moduleOf } from "../../core/module_names.ts";
import type { Place } from "../../nn/place.ts";

/** Under which name our adapters are in its models. */
export const hubAdapterName = "lowrank";

/**
 * Before the name of each tensor of a place's bottleneck: in encoders the library holds it inside of the module
 * whose output it changes, `bert.encoder.layer.0.output`, in decoders beside it, `transformer.h.0.output_adapters`.
 */
export function hubPrefix({ name, sublayer }: Place): string {
  const beside = `${moduleOf(name)}.${sublayer === "attention" ? "attention" : "output"}_adapters`;
  const holder = name.endsWith(".output") ? name : beside;
  return `${holder}.adapters.${hubAdapterName}`;
}

/** The second name of a norm before the down projection, which the library's files have twice. */
export const normAlias = (key: string): string => key.replace(/adapter_down\.0\./, normName);

/** What is in the second name, and in no other. */
export const normName = "adapter_norm_before.";

/** A name without the path of the base model in it, which files of models without a head do not have. */
export const bareName = (name: string): string =>
  name.replace(/^(bert|roberta|deberta|transformer|model)\./, "");
