/** The models that are timed: one base, alone, with one adapter, and with sets of many. @module */

import { AdapterSet, injectUpdates, type LowRankUpdate } from "../../src/adapt/mod.ts";
import { Random } from "../../src/core/random.ts";
import { hostTensor } from "../../src/core/tensor.ts";
import type { ModelInputs, TextModel } from "../../src/models/mod.ts";
import { shareBase } from "../../src/runs/mod.ts";

/** Rows of every batch. */
export const batchRows = 128;

/** A timed variant; decision 0038 has the reasons. */
export interface Variant {
  /** The base, the base again, one adapter by the usual path, or a set of which each row takes one in turn. */
  readonly kind: "base" | "base again" | "single" | "set";
  /** Number of adapters. */
  readonly adapters: number;
  /** Their ranks, which take turns. */
  readonly ranks: readonly number[];
}

/** The rank of the rule. */
export const ruledRank = 8;

const mixedRanks = [1, 2, 4, 8, 16, 32, 64];

const setOf = (adapters: number, ...ranks: number[]): Variant => ({ kind: "set", adapters, ranks });

const single = (rank: number): Variant => ({ kind: "single", adapters: 1, ranks: [rank] });

const withSets = (...counts: number[]): readonly Variant[] => [
  { kind: "base", adapters: 0, ranks: [] },
  { kind: "base again", adapters: 0, ranks: [] },
  single(ruledRank),
  ...counts.map((count) => setOf(count, ruledRank)),
];

/** Variants that the rules read, and those beside them. */
export const ruledVariants: readonly Variant[] = withSets(1, 8, 32, 128);

/** All variants. */
export const allVariants: readonly Variant[] = [
  ...withSets(1, 2, 4, 8, 16, 32, 64, 128),
  ...[1, 64].flatMap((rank) => [single(rank), setOf(32, rank)]),
  setOf(32, ...mixedRanks),
];

/**
 * An adapter of random values on all linear layers, the `index`-th of a job. Few values are drawn and repeated
 * from another one on: drawing all takes longer than timing the passes.
 */
export function randomAdapter(
  { linears }: TextModel,
  rank: number,
  seed: number,
  index: number,
): LowRankUpdate[] {
  const drawn = new Random(seed).uniformWithin(1, 2 ** 16);
  let next = 997 * index;
  const values = (rows: number, columns: number, scale: number) => {
    const from = next;
    next += rows * columns;
    const at = (i: number) => scale * drawn[(from + i) % drawn.length];
    return hostTensor(
      [rows, columns],
      Float32Array.from({ length: rows * columns }, (_, i) => at(i)),
    );
  };
  return linears.map(({ name: module, extents: [outputs, inputs] }) => ({
    module,
    A: values(rank, inputs, inputs ** -0.5),
    B: values(outputs, rank, 0.1),
    scaling: 1,
  }));
}

/** The name of an adapter in a set. */
export const nameOf = (index: number): string => `${index}`;

/** A set of random adapters on a model, of which the rows of a batch may take any. */
export function openSet(
  model: TextModel,
  { adapters, ranks }: Pick<Variant, "adapters" | "ranks">,
  seed: number,
): AdapterSet {
  const set = new AdapterSet(model);
  const all = Array.from(
    { length: adapters },
    (_, i) => [nameOf(i), randomAdapter(model, ranks[i % ranks.length], seed, i)] as const,
  );
  set.add(Object.fromEntries(all));
  return set;
}

/** A model of a variant; what is on it is freed with `owner`. */
export function openVariant(
  base: TextModel,
  variant: Variant,
  seed: number,
  owner: DisposableStack,
): TextModel {
  const model = shareBase(base), { kind, adapters, ranks } = variant;
  if (kind === "single") {
    owner.use(injectUpdates(model, randomAdapter(base, ranks[0], seed, 0)));
  } else if (kind === "set") {
    const set = owner.use(openSet(model, variant, seed));
    set.use(Array.from({ length: batchRows }, (_, row) => nameOf(row % adapters)));
  }
  return model;
}

/** Random tokens for all rows. */
export function randomBatch({ vocabulary }: TextModel, length: number, seed: number): ModelInputs {
  const random = new Random(seed), size = batchRows * length;
  const data = Uint32Array.from({ length: size }, () => random.integer(vocabulary));
  return { tokens: hostTensor([batchRows, length], data) };
}
