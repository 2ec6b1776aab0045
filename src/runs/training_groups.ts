/** Groups of parameters that a specification gives rates of their own. @module */

import { type Adapter, LoraAdapter, type LoraPlusGroup, loraPlusGroups } from "../adapt/mod.ts";
import type { MethodSpec } from "./method.ts";
import type { TrainingSpec } from "./spec.ts";

/**
 * The groups of LoRA+, if a training asks for them; without, all parameters are one group.
 *
 * @throws {RangeError} when what is trained is no adapter of LoRA, or there is a rate of embeddings alone.
 */
export function trainingGroups(
  adapter: Adapter | undefined,
  { learningRate, loraPlusRatio: ratio, loraPlusEmbeddingRate: embeddingRate }: TrainingSpec,
  { kind }: MethodSpec,
): LoraPlusGroup[] | undefined {
  if (ratio === undefined) {
    if (embeddingRate === undefined) return undefined;
    throw new RangeError("loraPlusEmbeddingRate needs loraPlusRatio, found none");
  }
  if (adapter instanceof LoraAdapter) {
    return loraPlusGroups(adapter, { learningRate, ratio, embeddingRate });
  }
  throw new RangeError(`loraPlusRatio needs the method lora, found ${kind}`);
}
