/** Parameters of a model and of what is trained, module by module. @module */

import { type Architecture, countParameters } from "../architectures/architecture.ts";
import type { SiteSelection } from "../architectures/layer_sites.ts";
import { classifierParameters, loraCounts } from "./lora_count.ts";

/** One module. */
export interface ModuleCount {
  /** Its path. */
  readonly name: string;
  /** Number of its values, those that an adapter adds included. */
  readonly parameters: number;
  /** Number of those that are trained. */
  readonly trainable: number;
}

/**
 * Parameters of every module, under full fine-tuning or with LoRA on the selected sites. With LoRA, a
 * classifier counts twice, as in PEFT: the original is frozen and a copy is trained.
 *
 * @throws {RangeError} when a name matches nothing or the rank does not fit a site.
 *
 * @example
 * ```ts
 * import { countModules } from "@lowrank/core/accounting";
 * import { architectureOf, catalog } from "@lowrank/core/architectures";
 *
 * const gpt2 = architectureOf(catalog.gpt2.config);
 * const counts = countModules(gpt2, { rank: 4, sites: ["q", "v"] });
 * console.log(counts.reduce((sum, { trainable }) => sum + trainable, 0)); // 147456
 * ```
 */
export function countModules(
  model: Architecture,
  lora?: SiteSelection & { readonly rank: number },
): ModuleCount[] {
  const added = lora ? loraCounts(model, lora.rank, lora) : [];
  const addedTo = new Map(added.map(({ name, parameters }) => [name, parameters]));
  return model.layers.map((layer) => {
    const { name, tensors } = layer, size = countParameters(tensors);
    if (!lora) return { name, parameters: size, trainable: size };
    const copy = classifierParameters({ ...model, layers: [layer] });
    const trainable = copy + (addedTo.get(name) ?? 0);
    return { name, parameters: size + trainable, trainable };
  });
}
