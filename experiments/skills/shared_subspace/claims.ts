/** Rules of the shared subspace, and the rows that they read. @module */

import { mean } from "../../../src/core/numbers.ts";
import type { Claim } from "../../frame/mod.ts";
import { type About, sizes } from "./held.ts";
import type { HeldRow, Out, SharedRows } from "./rows.ts";
import type { Starts } from "./runs.ts";
import type { View } from "./views.ts";

/** Thresholds of the rules, and the directions that they read. */
const timesChance = 10, majority = 0.5, learned = 50, judgedSize = "k16";

/** The rows of all seeds that have something in common. */
export interface Case {
  readonly view: View;
  readonly out: Out;
  readonly about: About;
  readonly starts?: Starts;
  readonly made?: HeldRow["made"];
}

/** A column of shares. */
type Column = "mean" | `k${typeof sizes[number]}`;

/** The shares of a case, one for each seed. */
export function sharesOf(
  { held }: SharedRows,
  wanted: Case,
  column: Column = judgedSize,
): number[] {
  const { starts = "own", made = "trained", view, out, about } = wanted;
  return held.filter((row) =>
    row.view === view && row.out === out && row.about === about && row.starts === starts &&
    row.made === made
  ).map((row) => row[column]!);
}

/** True if a rule holds for each seed: it reads the seeds' shares of several cases. */
const everySeed = (
  of: readonly (readonly number[])[],
  rule: (...shares: number[]) => boolean,
): boolean => of[0].every((_, seed) => rule(...of.map((shares) => shares[seed])));

const percent = (share: number): string => {
  const value = 100 * share;
  return `${value.toFixed(value >= 10 ? 0 : value >= 0.1 ? 1 : 3)}%`;
};

const meanText = (shares: readonly number[]): string => percent(mean(shares));

/** `17% (16 to 18%)`. */
const spanText = (shares: readonly number[]): string =>
  `${meanText(shares)} (${percent(Math.min(...shares)).slice(0, -1)} to ${
    percent(Math.max(...shares))
  })`;

/** ΔW where the family is left out, and where one adapter is. */
export const families: Case = { view: "ΔW", out: "family", about: "mean" },
  leftOut: Case = { view: "ΔW", out: "one", about: "mean" };
const aboutZero: Case = { ...leftOut, about: "zero" };
/** ΔW where none is left out. */
export const ofThemselves: Case = { ...leftOut, out: "none" };

const chance = (one: Case): Case => ({ ...one, made: "chance" });
const oneStart = (one: Case): Case => ({ ...one, starts: "one" });

/** `17% (16 to 18%), by chance 0.03%`. */
const besideChance = (rows: SharedRows, one: Case): string =>
  `${spanText(sharesOf(rows, one))}, by chance ${meanText(sharesOf(rows, chance(one)))}`;

/** The gain over the base in right answers, in points, of a repeat with starts of their own. */
function gains(
  { answers }: SharedRows,
  of: "whole" | "projected" | "mean",
  starts: Starts = "own",
) {
  const seeds = Map.groupBy(answers.filter((row) => row.starts === starts), ({ seed }) => seed);
  return [...seeds.values()].map((own) => mean(own.map((row) => row[of] - row.base)));
}

const gainText = (gain: readonly number[]): string => mean(gain).toFixed(1);

/** Modes where one adapter is left out. */
export const sides: readonly Case[] = (["inputs", "outputs"] as const).map((view) => ({
  ...{ view, out: "one", about: "zero" },
}));

/** The share above chance. */
const above = (rows: SharedRows, one: Case): number[] => {
  const byChance = sharesOf(rows, chance(one));
  return sharesOf(rows, one).map((share, seed) => share - byChance[seed]);
};

const ofA: Case = { ...aboutZero, view: "A" };
const drawn: Case = { ...leftOut, out: "drawn" };

/** Those of experiments/skills/shared_subspace/rules.md, in its order. */
export const rules: readonly Claim<SharedRows>[] = [
  {
    text: "Adapters of unrelated tasks share more directions than chance",
    rule:
      `when the first 16 directions of ΔW of other families, about their mean, hold at least ${timesChance} times as ` +
      "much of an adapter as by chance, for every seed, with starts of their own",
    quote:
      "“deep neural networks trained across diverse tasks exhibit remarkably similar low-dimensional parametric " +
      "subspaces” (2512.05117, abstract)",
    ours: (rows) => besideChance(rows, families),
    holds: (rows) =>
      everySeed(
        [families, chance(families)].map((one) => sharesOf(rows, one)),
        (share, byChance) => share >= timesChance * byChance,
      ),
  },
  {
    text: "Sixteen directions hold most of the adapters that they were made of, and not by chance",
    rule:
      "when the first 16 directions of all 40 hold at least half of their own variance, and by chance less than half, " +
      "for every seed, with starts of their own",
    quote:
      "“universal subspaces capturing majority variance in just a few principal directions” (2512.05117, abstract)",
    ours: (rows) => besideChance(rows, ofThemselves),
    holds: (rows) => isMajority(rows, ofThemselves),
  },
  {
    text: "Sixteen directions hold most of an adapter that was left out",
    rule:
      "when the first 16 directions of the 39 others hold at least half of ΔW about their mean, for every seed, with " +
      "starts of their own",
    quote:
      "“universal subspaces capturing majority variance in just a few principal directions” (2512.05117, abstract)",
    ours: (rows) => besideChance(rows, leftOut),
    holds: (rows) => sharesOf(rows, leftOut).every((share) => share >= majority),
    found: (rows) =>
      `By k = ${sizes.join(", ")}: ${
        sizes.map((size) => meanText(sharesOf(rows, leftOut, `k${size}`))).join(", ")
      }; of other families ${
        sizes.map((size) => meanText(sharesOf(rows, families, `k${size}`))).join(", ")
      }.`,
  },
  {
    text: "Sixteen directions of inputs and of outputs hold most of an adapter that was left out",
    rule:
      "when of inputs and of outputs the first 16 directions of the 39 others hold at least half, and less than half by " +
      "chance, for every seed, with starts of their own",
    quote: "“through mode-wise spectral analysis” (2512.05117, abstract)",
    ours: (rows) => sides.map((one) => `${one.view} ${besideChance(rows, one)}`).join("; "),
    holds: (rows) => sides.every((one) => isMajority(rows, one)),
  },
  {
    text: "What is shared does not depend on the start",
    rule:
      "when 16 directions of the 39 others hold, less chance, at least half as much of ΔW about zero with starts of " +
      "their own as with one start, for every seed",
    quote: "“regardless of initialization, task, or domain” (2512.05117, abstract)",
    ours: (rows) =>
      `${besideChance(rows, aboutZero)}; one start: ${besideChance(rows, oneStart(aboutZero))}`,
    holds: (rows) =>
      everySeed(
        [above(rows, aboutZero), above(rows, oneStart(aboutZero))],
        (own, one) => own >= one / 2,
      ),
  },
  {
    text: "A's are alike by their start alone",
    rule:
      "when 16 directions of the A's of the 39 others hold at least half of A about zero with one start, and less with " +
      "starts of their own, for every seed",
    ours: (rows) =>
      `one start ${spanText(sharesOf(rows, oneStart(ofA)))}, their own ${
        spanText(sharesOf(rows, ofA))
      }`,
    holds: (rows) =>
      everySeed(
        [sharesOf(rows, oneStart(ofA)), sharesOf(rows, ofA)],
        (one, own) => one >= majority && own < majority,
      ),
  },
  {
    text: "Most of what is shared is the mean",
    rule:
      "when the direction of the mean of the 39 others holds at least half of what their first 16 directions hold of " +
      "ΔW about zero, for every seed, with starts of their own",
    ours: (rows) =>
      `the mean ${spanText(sharesOf(rows, aboutZero, "mean"))}, 16 directions ${
        spanText(sharesOf(rows, aboutZero))
      }`,
    holds: (rows) =>
      everySeed(
        [sharesOf(rows, aboutZero, "mean"), sharesOf(rows, aboutZero)],
        (ofMean, all) => ofMean >= all / 2,
      ),
  },
  {
    text: "Related tasks share more than unrelated ones",
    rule:
      "when 16 directions of 30 others hold more of ΔW about the mean where some are of the family than where none is, " +
      "for every seed, with starts of their own",
    ours: (rows) => `${spanText(sharesOf(rows, drawn))} and ${spanText(sharesOf(rows, families))}`,
    holds: (rows) =>
      everySeed(
        [sharesOf(rows, drawn), sharesOf(rows, families)],
        (related, unrelated) => related > unrelated,
      ),
  },
  {
    text: "What others share is enough for half of the answers",
    rule:
      "when an adapter's projection on the mean and 16 directions of the 39 others has at least half of its gain over " +
      "the base in right answers, in the mean of the tasks, for every seed, with starts of their own",
    ours: (rows) =>
      `${gainText(gains(rows, "projected"))} of ${gainText(gains(rows, "whole"))} points`,
    holds: (rows) =>
      everySeed(
        [gains(rows, "projected"), gains(rows, "whole")],
        (projected, whole) => projected >= whole / 2,
      ),
    found: (rows) =>
      `On the mean alone ${gainText(gains(rows, "mean"))} points. With one start ${
        gainText(gains(rows, "projected", "one"))
      } of ${gainText(gains(rows, "whole", "one"))}, on the mean alone ${
        gainText(gains(rows, "mean", "one"))
      }.`,
    note:
      "A projection has a third of the adapter's norm; whether a larger one answers more was not tried. Known " +
      "skills keep 6.7 points, and dates and numbers lose 7.0 that the base has.",
  },
];

/** At least half, and by chance less. */
const isMajority = (rows: SharedRows, one: Case): boolean =>
  everySeed(
    [one, chance(one)].map((each) => sharesOf(rows, each)),
    (share, byChance) => share >= majority && byChance < majority,
  );

/** The claims; none where adapters have learned too little. */
export function sharedClaims(rows: SharedRows): readonly Claim<SharedRows>[] {
  return mean(rows.answers.map(({ whole }) => whole)) >= learned ? rules : [];
}
