/** Table 7 and figure 8 on a real decoder: claims and words of decision 0056. @module */

import { updateDirections } from "../../src/analysis/mod.ts";
import { phi } from "../../src/analysis/subspaces.ts";
import { fromTo, median } from "../../src/core/numbers.ts";
import type { LowRankUpdate } from "../../src/adapt/mod.ts";
import {
  type AmplificationRow,
  amplificationRows,
  topDirectionsOf,
} from "../../src/inspect/amplification_rows.ts";
import {
  type DenseMatrix,
  frobeniusNorm,
  identity,
  multiplyTransposed,
} from "../../src/linalg/mod.ts";
import noted from "../notes.json" with { type: "json" };
import { marginBelow, reachedBy } from "../differences.ts";
import type { Claim, Margin } from "../frame/mod.ts";
import { amplificationRules, deviations } from "../rank_study/amplification.ts";
import { mostShare } from "../rank_study/subspaces.ts";
import { siteOf } from "./updates.ts";

/** Ranks of Figure 8; Table 7 has the first and the last. */
export const amplifiedRanks = [4, 8, 64] as const;

const [smallest, , largest] = amplifiedRanks;

/** The base's width. */
export const realWidth = 576;

/** A row, with ‖UᵀWV‖ of each seed, of which its own is the mean, where it is known. */
export interface RealAmplificationRow extends AmplificationRow {
  readonly bySeed?: readonly number[];
}

type Rows = readonly RealAmplificationRow[];

/** W_q of every layer beside the updates of several seeds at each rank, which all change the same layers. */
export function realAmplification(
  updates: ReadonlyMap<number, readonly (readonly LowRankUpdate[])[]>,
  weightOf: (module: string) => DenseMatrix,
): RealAmplificationRow[] {
  const [[first]] = updates.values();
  const queries = first.flatMap((update, place) => siteOf(update).site === "q" ? [place] : []);
  const modules = queries.map((place) => ({
    ...siteOf(first[place]),
    weight: weightOf(first[place].module),
    metric: { activations: identity(realWidth) },
    updates: new Map([...updates].map(([rank, own]) => [rank, own.map((all) => all[place])])),
  }));
  const options = { inMetric: false, randomDirections: largest };
  return amplificationRows(modules, amplifiedRanks, options).map((row) => {
    const { weight, updates } = modules.find(({ layer }) => `${layer + 1}` === row.layer)!;
    return { ...row, bySeed: updates.get(row.rank)!.map((one) => inDeltaOf(one, weight)) };
  });
}

/** ‖UᵀWV‖ with all of an update's directions. */
function inDeltaOf(update: LowRankUpdate, weight: DenseMatrix): number {
  const { left, right } = updateDirections(update);
  return frobeniusNorm(multiplyTransposed(left, multiplyTransposed(right, weight)));
}

const at = (rows: Rows, rank: number) => rows.filter((row) => row.rank === rank);

/** `0.95 (0.60 to 2.10)`: the median over the layers, with the range. */
const shown = (rows: Rows, value: (row: AmplificationRow) => number, decimals = 2) => {
  const values = rows.map(value);
  return `${median(values).toFixed(decimals)} (${fromTo(values, decimals)})`;
};

const overlap = ({ overlap }: AmplificationRow) => phi(overlap, overlap.length, overlap[0].length);

const timesChance = ({ inDelta, inRandom }: AmplificationRow) => inDelta / inRandom;

/** A factor by that of random directions. */
const besideChance = ({ factor, randomFactor }: AmplificationRow) => factor / randomFactor;

/** Deviations of a draw above random, of a mean or of a seed. */
const deviationsAbove = (row: RealAmplificationRow, inDelta: number) =>
  (inDelta - row.inRandom) / row.randomSpread;

/** How far three quarters of the layers are from three deviations above random, beside the spread over seeds. */
function randomMargin(rows: Rows): Margin {
  const own = at(rows, smallest);
  const reached = (inDelta: (row: RealAmplificationRow) => number) =>
    reachedBy(own.map((row) => deviationsAbove(row, inDelta(row))), mostShare);
  const { bySeed: seeds = [] } = own[0];
  const each = seeds.map((_, seed) => reached(({ bySeed }) => bySeed![seed]));
  return marginBelow(deviations, reached(({ inDelta }) => inDelta), each);
}

const layers = (rows: Rows) => `median and range of ${at(rows, smallest).length} layers`;

/** What a report says of each claim, where there are more layers than it can list. */
const words: readonly Pick<Claim<Rows>, "ours" | "found" | "text" | "why" | "note" | "margin">[] = [
  {
    text: "Figure 8: on SmolLM2, the top directions of W_q are not those of ΔW_q",
    ours: (rows) => `φ ${shown(at(rows, smallest), overlap)}, chance 0.10; ${layers(rows)}`,
    found: () => "In the paper chance is 0.096.",
  },
  {
    text: "Figure 8: on SmolLM2, at a larger r ΔW_q picks up more of W_q's top directions",
    ours: (rows) =>
      `${
        [smallest, largest].map((rank) => shown(at(rows, rank), ({ pickedUp }) => pickedUp)).join(
          " to ",
        )
      } directions beyond chance; ${layers(rows)}`,
    found: (rows) =>
      `A random matrix at r = ${largest}, at most: ${
        shown(at(rows, largest), ({ randomPickedUp }) => randomPickedUp)
      }.`,
    ...noted.realPicked,
  },
  {
    text: "Table 7: on SmolLM2, ΔW_q has a stronger correlation with W_q than random directions",
    ours: (rows) => `${shown(at(rows, smallest), timesChance)} times random's; ${layers(rows)}`,
    found: () => "In the paper 16 times.",
    margin: randomMargin,
    ...noted.realRandom,
  },
  {
    text: "Table 7: on SmolLM2, ΔW_q amplifies directions that W_q does not emphasize",
    ours: (rows) =>
      `${
        shown(at(rows, smallest), ({ inDelta, inWeight }) => 100 * inDelta / inWeight, 1)
      }% of W's own; ${layers(rows)}`,
    // Below half of W's own is what all layers are so far: what fails is the claim before it.
    margin: randomMargin,
    ...noted.realOwn,
  },
  {
    text: "Table 7: on SmolLM2, the amplification factor falls as r grows",
    ours: (rows) =>
      `${
        [smallest, largest].map((rank) => shown(at(rows, rank), ({ factor }) => factor, 1)).join(
          " to ",
        )
      }; ${layers(rows)}`,
    found: (rows) =>
      `By the factor of random directions, which falls as well: ${
        [smallest, largest].map((rank) => shown(at(rows, rank), besideChance)).join(" to ")
      }; in the paper 1 / 16 at r = ${smallest}.`,
    note: "Weak: the factor of random directions falls as well, so that the rule can hardly fail.",
  },
];

/** The paper's claims on W_q. */
export const realAmplificationClaims: readonly Claim<Rows>[] = amplificationRules({
  ...{ inLayers: "in at least three quarters of the layers", top: topDirectionsOf(realWidth) },
}).map(({ why: _, note: __, found: ___, corrected: ____, ...claim }, i) => ({
  ...claim,
  ...words[i],
}));
