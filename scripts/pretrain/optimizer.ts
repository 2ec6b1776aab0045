/** Optimizer and groups of weights for training our small models. @module */

import type { TextModel } from "../../src/models/mod.ts";
import type { ParameterGroup } from "../../src/train/mod.ts";

/** Settings of AdamW and of the batches, which the card tells. */
export interface Recipe {
  /** Texts or windows of a step. */
  readonly batch: number;
  /** η. */
  readonly learningRate: number;
  /** β₁ and β₂. */
  readonly betas: readonly [number, number];
  /** λ of matrices. */
  readonly weightDecay: number;
  /** Largest norm of the gradients. */
  readonly clipNorm: number;
}

/** Embeddings are matrices that have no decay. */
const embeddings = /\.(wte|wpe)\.|embeddings/;

/** Decay on matrices only, as is usual for pretraining. */
export function decayGroups(model: TextModel, weightDecay: number): ParameterGroup[] {
  const groups = Map.groupBy(
    model.trainable(),
    ({ name, shape }) => shape.length === 2 && !embeddings.test(name),
  );
  return [true, false].map((isMatrix) => ({
    parameters: groups.get(isMatrix)!,
    weightDecay: isMatrix ? weightDecay : 0,
  }));
}

/** The optimizer in words. */
export const optimizerWords = ({ learningRate, betas, weightDecay, clipNorm }: Recipe): string =>
  `AdamW at ${learningRate} with betas ${betas.join(" and ")}, decay ${weightDecay} on matrices, ` +
  `clipping at norm ${clipNorm}`;

/** The first weights of `initGpt2` and `initEncoder` in words, for two layers. */
export const firstWeights =
  "Matrices start as N(0, 1/fan-in), those that write to the residual stream scaled by another " +
  "1/√(2 layers), embeddings as N(0, 0.1²)";
