/** Claims of many adapters in one batch; decision 0038 has the rules and their reasons. @module */

import {
  allHold,
  type Claim,
  clockRule,
  controlText,
  isAtMost,
  onQuietMachine,
  ratioOf,
  ratioText,
  type TimeRatio,
} from "../frame/mod.ts";
import type { TurnTimes } from "../quantized/speed/turns.ts";
import type { RowDifferences } from "./equality.ts";
import { ruledRank, type Variant } from "./variants.ts";

/** The times of a variant's passes. */
export interface VariantTimes extends Variant, TurnTimes {}

/** Result of the experiment. */
export interface ManyAdapters {
  /** The passes that take turns. */
  readonly times: readonly VariantTimes[];
  /** Differences on the job's device, then on `cpu` without BLAS. */
  readonly differences: readonly [own: RowDifferences, plain: RowDifferences];
}

/** Largest ratio to the time of one adapter, by the number of adapters. */
const limits = { 32: 1.3, 128: 2 } as const;

/** Tolerances: the control's share, and the difference of rows from those of single adapters. */
const controlShare = 0.1, mostDifference = 1e-5;

/** The time of the same base, timed again, by its first. */
function controlOf({ times }: ManyAdapters): TimeRatio {
  const of = (kind: Variant["kind"]) => times.find((one) => one.kind === kind)!.each;
  return ratioOf(of("base again"), of("base"));
}

const isOf = ({ ranks }: Variant, rank: number): boolean => ranks.length === 1 && ranks[0] === rank;

/** Ratio of its time to that of the single adapter of the same rank; none for mixed ranks. */
export function timesOfOne({ times }: ManyAdapters, variant: VariantTimes): TimeRatio | undefined {
  const single = times.find((one) =>
    one.kind === "single" && variant.ranks.length === 1 && isOf(one, variant.ranks[0])
  );
  return single && ratioOf(variant.each, single.each);
}

/** The sets of the rule's rank, from one adapter to all. */
export const ruledSets = ({ times }: ManyAdapters): VariantTimes[] =>
  times.filter((one) => one.kind === "set" && isOf(one, ruledRank));

const ofCount = (found: ManyAdapters, count: number): TimeRatio =>
  timesOfOne(found, ruledSets(found).find(({ adapters }) => adapters === count)!)!;

const isCheap: Claim<ManyAdapters> = {
  text: "A batch of 32 adapters takes hardly longer than one of a single adapter",
  rule:
    `when of rank ${ruledRank} on all linear layers a set of 32 takes at most ${
      limits[32]
    } times and ` +
    `one of 128 at most ${limits[128]} times as long as a single adapter${
      clockRule("the base again", controlShare)
    }`,
  scale: true,
  corrected: "2026-11-30, decision 0026",
  ours: (found) =>
    `${ofCount(found, 32).ratio.toFixed(2)} and ${ofCount(found, 128).ratio.toFixed(2)} times`,
  holds: (found) =>
    onQuietMachine(
      [controlOf(found)],
      controlShare,
      () =>
        allHold(
          ([32, 128] as const).map((count) =>
            isAtMost(ofCount(found, count), limits[count], controlShare)
          ),
        ),
    ),
  found: (found) => {
    const sets = ruledSets(found).map((one) =>
      `${one.adapters}: ${ratioText(timesOfOne(found, one)!)}`
    );
    return `By number of adapters ${sets.join(", ")}. ${controlText([controlOf(found)])}`;
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

/** The two of decision 0038. */
export const manyAdaptersClaims: readonly Claim<ManyAdapters>[] = [isCheap, isSame];
