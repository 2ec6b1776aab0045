/** What is claimed of many adapters in one batch; decision 0038 has the rules and their reasons. @module */

import type { Claim } from "../frame/mod.ts";
import type { RowDifferences } from "./equality.ts";
import { ruledRank, type Variant } from "./variants.ts";

/** The times of a variant's passes. */
export interface VariantTimes extends Variant {
  /** The least of the rounds, in ms. */
  readonly minimum: number;
  /** In ms. */
  readonly median: number;
  /** How many rounds there were. */
  readonly rounds: number;
}

/** What the experiment measures. */
export interface ManyAdapters {
  /** The passes that take turns. */
  readonly times: readonly VariantTimes[];
  /** On the job's device, then on `cpu` without BLAS. */
  readonly differences: readonly [own: RowDifferences, plain: RowDifferences];
}

/** How many times the time of one adapter so many may take. */
const limits = { 32: 1.3, 128: 2 } as const;

/** How far the control may be off, and rows from those of single adapters. */
const controlShare = 0.1, mostDifference = 1e-5;

const minimumOf = ({ times }: ManyAdapters, kind: Variant["kind"]): number =>
  times.find((one) => one.kind === kind)!.minimum;

/** How much longer the same base takes the second time, as a share. */
const controlOf = (found: ManyAdapters): number =>
  minimumOf(found, "base again") / minimumOf(found, "base") - 1;

/** Whether a run is too noisy to judge times. */
export const isNoise = (found: ManyAdapters): boolean => Math.abs(controlOf(found)) > controlShare;

const isOf = ({ ranks }: Variant, rank: number): boolean => ranks.length === 1 && ranks[0] === rank;

/** How many times as long as the single adapter of the same rank it takes; none for mixed ranks. */
export function timesOfOne({ times }: ManyAdapters, variant: VariantTimes): number | undefined {
  const single = times.find((one) =>
    one.kind === "single" && variant.ranks.length === 1 && isOf(one, variant.ranks[0])
  );
  return single && variant.minimum / single.minimum;
}

/** The sets of the rule's rank, from one adapter to all. */
export const ruledSets = ({ times }: ManyAdapters): VariantTimes[] =>
  times.filter((one) => one.kind === "set" && isOf(one, ruledRank));

const ofCount = (found: ManyAdapters, count: number): number =>
  timesOfOne(found, ruledSets(found).find(({ adapters }) => adapters === count)!)!;

const shown = (times: number): string => times.toFixed(2);

const controlText = (found: ManyAdapters): string => `${(100 * controlOf(found)).toFixed(1)}%`;

const isCheap: Claim<ManyAdapters> = {
  text: "A batch of 32 adapters takes hardly longer than one of a single adapter",
  rule:
    `when of rank ${ruledRank} on all linear layers a set of 32 takes at most ${
      limits[32]
    } times and ` +
    `one of 128 at most ${
      limits[128]
    } times as long as a single adapter, the least of passes that take turns`,
  scale: true,
  ours: (found) => `${shown(ofCount(found, 32))} and ${shown(ofCount(found, 128))} times`,
  holds: (found) => ([32, 128] as const).every((count) => ofCount(found, count) <= limits[count]),
  found: (found) => {
    const sets = ruledSets(found).map((one) =>
      `${one.adapters}: ${shown(timesOfOne(found, one)!)}`
    );
    return `By number of adapters ${sets.join(", ")}. The control, the base again, takes ${
      controlText(found)
    } more.`;
  },
};

const isSame: Claim<ManyAdapters> = {
  text: "Every row has the values of its adapter alone",
  rule:
    `when rows differ from those of the whole batch with their adapter alone by at most ${mostDifference} of the ` +
    "largest logit and rows of the base not in a bit, and on cpu without BLAS no row does",
  ours: ({ differences: [own, plain] }) =>
    `${own.difference.toExponential(0)}; ${plain.changed} other bits`,
  holds: ({ differences: [own, plain] }) =>
    own.difference <= mostDifference && own.changedOfBase === 0 && plain.changed === 0 &&
    plain.changedOfBase === 0,
  found: ({ differences }) =>
    differences.map(({ device, difference, changed, changedOfBase }) =>
      `${device}: largest difference ${
        difference.toExponential(1)
      }, ${changed} logits with other bits, ` +
      `${changedOfBase} of the base's rows`
    ).join(". ") + ".",
};

/** The two of decision 0038; times are not judged where the control is off. */
export const manyAdaptersClaims = (found: ManyAdapters): readonly Claim<ManyAdapters>[] =>
  isNoise(found) ? [isSame] : [isCheap, isSame];

/** What a reader has to know of a run whose control is off. */
export const noiseNote = (found: ManyAdapters): string =>
  isNoise(found)
    ? ` The control, the base again, takes ${controlText(found)} more: times are not judged.`
    : "";
