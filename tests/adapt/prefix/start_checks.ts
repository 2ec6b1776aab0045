/** From which values virtual tokens start. @module */

import type { ModelInputs } from "../../../src/core/batch.ts";
import { type HostTensor, hostTensor } from "../../../src/core/host_tensor.ts";
import { Random } from "../../../src/core/random.ts";
import type { Device } from "../../../src/device/device.ts";
import { outputsOf, type TextModel } from "../../../src/models/mod.ts";
import { assertAllClose } from "../../support/all_close.ts";
import type { Check } from "../../support/devices.ts";
import { families, fits, inputs, kinds, methods, openFamily } from "./prefixes.ts";

/** The outputs at tokens that are not hidden. */
export async function seen(model: TextModel, given = inputs): Promise<number[]> {
  const { data, shape } = await outputsOf(model, given), mask = given.attentionMask?.data;
  const isPerToken = shape[0] === mask?.length;
  return Array.from(data).filter((_, i) => !isPerToken || mask![Math.floor(i / shape[1])] === 1);
}

/** The tokens from whose values virtual ones start. */
function wordsOf({ vocabulary }: TextModel, length: number, seed: number): number[] {
  const random = new Random(seed);
  return Array.from({ length }, () => random.integer(vocabulary));
}

/** Sequences that begin with more tokens. */
function after(first: readonly number[], { tokens, attentionMask }: ModelInputs): ModelInputs {
  const [batch, time] = tokens.shape, wide = first.length + time;
  const extended = ({ data }: HostTensor, values: readonly number[]) =>
    hostTensor(
      [batch, wide],
      Uint32Array.from(
        Array.from({ length: batch }, (_, row) => [
          ...values,
          ...data.subarray(row * time, (row + 1) * time),
        ]).flat(),
      ),
    );
  return {
    tokens: extended(tokens, first),
    attentionMask: attentionMask && extended(attentionMask, first.map(() => 1)),
  };
}

/** Sums of some hundred terms of size one. */
export const tolerance = (epsilon: number) => ({
  relative: 100 * epsilon,
  absolute: 100 * epsilon,
});

/** What the base computes where the words from which virtual tokens start stand before every sequence. */
async function behindWords(model: TextModel, words: readonly number[]): Promise<number[]> {
  const { data, shape: [, width] } = await outputsOf(model, after(words, inputs));
  if (model.architecture.head === "classes") return [...data];
  const wide = words.length + 5, mask = inputs.attentionMask!.data;
  return Array.from(data).filter((_, i) => {
    const row = Math.floor(i / width), place = row % wide - words.length;
    return place >= 0 && mask[Math.floor(row / wide) * 5 + place] === 1;
  });
}

async function checkStart(device: Device, name: string, epsilon: number): Promise<void> {
  using model = await openFamily(device, name);
  const words = wordsOf(model, 3, 6), wanted = await behindWords(model, words);
  for (const kind of kinds.filter((kind) => fits(kind, name))) {
    // In an encoder, words see the others, and virtual states and keys do not.
    const isEncoder = /bert/.test(name);
    if (isEncoder && kind !== "prefix-embedding") continue;
    using _ = methods[kind](model, { length: 3, seed: 6 });
    const what = `${kind} of ${name}`;
    assertAllClose(await seen(model), wanted, { ...tolerance(epsilon), what });
  }
}

/** Virtual tokens at step zero. */
export const startChecks: readonly Check[] = families.map((name): Check => ({
  name: `virtual tokens on ${name} start as words before every sequence`,
  run: (device, epsilon) => checkStart(device, name, epsilon),
}));
