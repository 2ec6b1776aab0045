/** Every family with every prefix method, and tokens for all of them. @module */

import {
  injectPrefixEmbedding,
  injectPrefixLayer,
  injectPrefixTuning,
  type PrefixAdapter,
  type PrefixKind,
  type PrefixOptions,
} from "../../../src/adapt/mod.ts";
import { crossEntropy, type Tape } from "../../../src/autograd/mod.ts";
import type { ModelInputs } from "../../../src/core/batch.ts";
import { type HostTensor, hostTensor } from "../../../src/core/tensor.ts";
import type { Device, Tensor } from "../../../src/device/device.ts";
import { loadModel, outputsOf, type TextModel } from "../../../src/models/mod.ts";
import { golden } from "../../support/golden.ts";

/** The function that injects each method. */
export const methods: Readonly<
  Record<PrefixKind, (model: TextModel, options: PrefixOptions) => PrefixAdapter>
> = {
  "prefix-embedding": injectPrefixEmbedding,
  "prefix-layer": injectPrefixLayer,
  "prefix-tuning": injectPrefixTuning,
};

/** The kinds. */
export const kinds = Object.keys(methods) as PrefixKind[];

/** Every family that runs, with its heads. */
export const families = [
  ...["gpt2_tiny", "classifier", "families/llama", "families/llama_wide"],
  ...["families/llama_classifier", "families/mistral", "families/qwen2", "families/qwen3"],
  ...["families/gpt_neox", "families/gpt_neox_serial", "families/gpt_neox_classifier"],
  ...["families/bert_masked", "families/bert_classifier", "families/roberta_masked"],
  ...["families/roberta_classifier", "families/deberta_masked", "families/deberta_classifier"],
  ...["families/deberta_v2_masked", "families/deberta_v2_convolution"],
  ...["families/mpnet_masked", "families/mpnet_classifier"],
];

/** Opens one of them. */
export const openFamily = (device: Device, name: string): Promise<TextModel> =>
  loadModel(device, golden(name));

/** True if a method fits a family: DeBERTa's and MPNet's attention need more of a token than its key. */
export const fits = (kind: PrefixKind, name: string): boolean =>
  kind !== "prefix-tuning" || !/deberta|mpnet/.test(name);

/** Each method on each family that it fits. */
export const pairs = families.flatMap((name) =>
  kinds.filter((kind) => fits(kind, name)).map((kind) => [kind, name] as const)
);

/** Tokens for any of them: two sequences, of which the second is shorter. */
export const inputs: ModelInputs = {
  tokens: hostTensor([2, 5], Uint32Array.of(5, 9, 30, 7, 12, 8, 8, 21, 0, 0)),
  attentionMask: hostTensor([2, 5], Uint32Array.of(1, 1, 1, 1, 1, 1, 1, 1, 0, 0)),
};

/** Labels of the tokens, or of the sequences. */
export const targetsOf = ({ architecture: { head } }: TextModel): HostTensor =>
  head === "classes"
    ? hostTensor([2], Int32Array.of(1, 0))
    : hostTensor([2, 5], Int32Array.of(9, 30, 7, 12, -100, 8, 21, -100, -100, -100));

/** The loss of a model on them. */
export const lossOf = (tape: Tape, model: TextModel): Tensor =>
  crossEntropy(tape, model.forward(tape, inputs), targetsOf(model).data);

/** The outputs at tokens that are not hidden. */
export async function seen(model: TextModel, given = inputs): Promise<number[]> {
  const { data, shape } = await outputsOf(model, given), mask = given.attentionMask?.data;
  const isPerToken = shape[0] === mask?.length;
  return Array.from(data).filter((_, i) => !isPerToken || mask![Math.floor(i / shape[1])] === 1);
}

/** Sums of some hundred terms of size one. */
export const tolerance = (epsilon: number) => ({
  relative: 100 * epsilon,
  absolute: 100 * epsilon,
});
