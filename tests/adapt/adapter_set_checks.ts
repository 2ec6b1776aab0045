/** Rows of a batch with adapters of their own, compared with the loop over single adapters. @module */

import { assert, assertEquals } from "@std/assert";
import { AdapterSet, injectUpdates, type LowRankUpdate } from "../../src/adapt/mod.ts";
import { type HostData, hostTensor } from "../../src/core/tensor.ts";
import { Random } from "../../src/core/random.ts";
import { nextLogits } from "../../src/models/generate/beam_search.ts";
import type { ModelInputs, TextModel } from "../../src/models/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { logitsOf, trainedLora } from "./fixtures.ts";

/** Different ranks, scalings and sites: parts of fused layers, whole layers, layers that no other has. */
const options = {
  small: { rank: 2, alpha: 3, seed: 1 },
  all: { rank: 8, alpha: 4, targetModules: "all-linear", seed: 2 },
  keys: { rank: 1, alpha: 5, sites: ["k", "o"], rankStabilized: true, seed: 3 },
  wide: { rank: 7, alpha: 12, sites: ["q", "k", "v", "o"], seed: 4 },
} as const;

/** The name of an adapter of {@link makeAdapters}. */
export type AdapterName = keyof typeof options;

/** Trained values of several adapters. */
export type Adapters = ReadonlyMap<string, readonly LowRankUpdate[]>;

/** Makes them on a model, which is left without any. */
export async function makeAdapters(model: TextModel): Promise<Adapters> {
  const made = new Map<string, readonly LowRankUpdate[]>();
  for (const [name, own] of Object.entries(options)) {
    using adapter = trainedLora(model, own);
    made.set(name, await adapter.read());
  }
  return made;
}

/** A set of them. */
export function setOf(model: TextModel, adapters: Adapters): AdapterSet {
  const set = new AdapterSet(model);
  set.add(Object.fromEntries(adapters));
  return set;
}

/** Random tokens. */
export function randomTokens(model: TextModel, batch: number, time: number): ModelInputs {
  const random = new Random(time), size = batch * time;
  const data = Uint32Array.from({ length: size }, () => 3 + random.integer(model.vocabulary - 3));
  return { tokens: hostTensor([batch, time], data) };
}

/** The outputs of a whole batch with one adapter, or none. */
export async function alone(
  model: TextModel,
  inputs: ModelInputs,
  updates: readonly LowRankUpdate[] | undefined,
): Promise<HostData> {
  if (!updates) return await logitsOf(model, inputs);
  using _ = injectUpdates(model, updates);
  return await logitsOf(model, inputs);
}

/** Rows that take turns, neighbors, rows of the base, and an adapter of no row. */
export const mixedRows: readonly (AdapterName | undefined)[] = [
  ...["all", undefined, "small", "all", "all"] as const,
  ...["keys", undefined, "small"] as const,
];

/** Comparison of a row's outputs, which throws where they differ. */
export type Compare = (actual: HostData, expected: HostData, what: string) => void;

/** To 1e-5 of the values, as issue 18 says. */
export const close: Compare = (actual, expected, what) =>
  assertAllClose(actual, expected, { relative: 1e-5, absolute: 1e-5, what });

/** Bit for bit. */
export const equal: Compare = (actual, expected, what) => assertEquals(actual, expected, what);

/** Each row of a batch by itself with its adapter, and by all in one batch. */
export async function checkRows(
  model: TextModel,
  rows: readonly (string | undefined)[],
  time: number,
  compare: Compare,
): Promise<void> {
  const adapters = await makeAdapters(model), inputs = randomTokens(model, rows.length, time);
  const expected = new Map<string | undefined, HostData>();
  for (const name of new Set(rows)) {
    expected.set(
      name,
      await alone(model, inputs, name === undefined ? undefined : adapters.get(name)),
    );
  }
  using set = setOf(model, adapters);
  set.use(rows);
  const actual = await logitsOf(model, inputs), width = actual.length / rows.length;
  assert(expected.size < 2 || !sameValues([...expected.values()]), "the adapters do nothing");
  rows.forEach((name, row) => {
    const [own, wanted] = [actual, expected.get(name)!].map((all) =>
      all.subarray(row * width, (row + 1) * width) as HostData
    );
    compare(own, wanted, `row ${row}, ${name ?? "base"}, ${time} tokens`);
  });
}

const sameValues = ([first, ...others]: readonly HostData[]): boolean =>
  others.every((values) => values.every((value, i) => value === first[i]));

/** Logits of each step of a continuation, with a cache. */
export async function stepsOf(
  model: TextModel,
  prompts: readonly number[][],
): Promise<Float32Array[][]> {
  using cache = model.openCache(prompts.length, prompts[0].length + 4);
  const steps = [await nextLogits(model, cache, prompts)];
  for (let token = 3; token < 7; token++) {
    steps.push(await nextLogits(model, cache, prompts.map((_, row) => [token + row])));
  }
  return steps;
}

/** Token by token, where a batch of many rows has as many tokens. */
export async function checkSteps(
  model: TextModel,
  rows: readonly (string | undefined)[],
  compare: Compare,
): Promise<void> {
  const adapters = await makeAdapters(model);
  const prompts = rows.map((_, row) => [5, 9 + row, 4]);
  const expected = new Map<string | undefined, Float32Array[][]>();
  for (const name of new Set(rows)) {
    using _ = injectUpdates(model, name === undefined ? [] : adapters.get(name)!);
    expected.set(name, await stepsOf(model, prompts));
  }
  using set = setOf(model, adapters);
  set.use(rows);
  (await stepsOf(model, prompts)).forEach((step, at) =>
    rows.forEach((name, row) =>
      compare(step[row], expected.get(name)![at][row], `step ${at}, row ${row}`)
    )
  );
}
