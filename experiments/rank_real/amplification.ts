/** Table 7 and figure 8 on a real decoder. @module */

import { join } from "node:path";
import type { LowRankUpdate } from "../../src/adapt/mod.ts";
import { fromTo, median } from "../../src/core/numbers.ts";
import { kindOf } from "../../src/storage/storage.ts";
import { type DataTable, table } from "../../src/figures/mod.ts";
import { readAdapter } from "../../src/formats/mod.ts";
import {
  type AmplificationRow,
  amplificationRows,
  topDirectionsOf,
} from "../../src/inspect/amplification_rows.ts";
import { openBaseWeights } from "../../src/inspect/mod.ts";
import { type DenseMatrix, identity } from "../../src/linalg/mod.ts";
import { marginBelow, reachedBy } from "../differences.ts";
import { type Claim, type Experiment, experiment, LeftOut, type Margin } from "../frame/mod.ts";
import { amplificationRules, deviations, overlapOf } from "../rank_study/amplification.ts";
import { mostShare } from "../rank_study/subspaces.ts";
import { nameOf, ownPlaces } from "./cells.ts";
import { onSmolLM2, type Words } from "./rank_claims.ts";
import { tried } from "./rank_real.ts";
import { chosenRuns } from "./rows.ts";
import { planReal, type RealRun, realSteps } from "./runs.ts";
import { adaptersFolder, shippedWeights } from "./shipped_adapters.ts";
import { findReal, openReal, realWidth } from "./task.ts";
import { siteOf } from "./update_lines.ts";

/** Ranks of Figure 8; Table 7 has the first and the last. */
const amplifiedRanks = [4, 8, 64] as const;

const [smallest, , largest] = amplifiedRanks;

type Rows = readonly AmplificationRow[];

/** W_q of every layer beside the updates of several seeds at each rank, which all change the same layers. */
function realAmplification(
  updates: ReadonlyMap<number, readonly (readonly LowRankUpdate[])[]>,
  weightOf: (module: string) => DenseMatrix,
): AmplificationRow[] {
  const [[first]] = updates.values();
  const queries = first.flatMap((update, place) => siteOf(update).site === "q" ? [place] : []);
  const modules = queries.map((place) => ({
    ...siteOf(first[place]),
    weight: weightOf(first[place].module),
    metric: { activations: identity(realWidth) },
    updates: new Map([...updates].map(([rank, own]) => [rank, own.map((all) => all[place])])),
  }));
  const options = { inMetric: false, randomDirections: largest };
  return amplificationRows(modules, amplifiedRanks, options);
}

const at = (rows: Rows, rank: number) => rows.filter((row) => row.rank === rank);

/** `0.95 (0.60 to 2.10)`: the median over the layers, with the range. */
const shown = (rows: Rows, value: (row: AmplificationRow) => number, decimals = 2) => {
  const values = rows.map(value);
  return `${median(values).toFixed(decimals)} (${fromTo(values, decimals)})`;
};

const timesChance = ({ inDelta, inRandom }: AmplificationRow) => inDelta / inRandom;

/** A factor by that of random directions. */
const besideChance = ({ factor, randomFactor }: AmplificationRow) => factor / randomFactor;

/** Deviations of a draw above random. */
const deviationsAbove = ({ inDelta, inRandom, randomSpread }: AmplificationRow) =>
  (inDelta - inRandom) / randomSpread;

/** Directions of W that r = 64 has more of than r = 4 and than any random matrix, layer by layer. */
function morePickedUp(rows: Rows): number[] {
  const small = at(rows, smallest);
  return at(rows, largest).map(({ pickedUp, randomPickedUp }, layer) =>
    pickedUp - Math.max(small[layer].pickedUp, randomPickedUp)
  );
}

/** The distance from a mark of what three quarters of the layers reach, beside its spread over the seeds of all rows. */
function layersMargin(mark: number, rows: Rows, values: (rows: Rows) => number[]): Margin {
  const reached = (own: Rows) => reachedBy(values(own), mostShare);
  const seeds = Math.min(...rows.map(({ bySeed }) => bySeed.length));
  const each = Array.from(
    { length: seeds },
    (_, seed) => reached(rows.map((row) => ({ ...row, ...row.bySeed[seed] }))),
  );
  return marginBelow(mark, reached(rows), each);
}

const randomMargin = (rows: Rows): Margin =>
  layersMargin(deviations, at(rows, smallest), (own) => own.map(deviationsAbove));

const pickedUpMargin = (rows: Rows): Margin =>
  layersMargin(0, [smallest, largest].flatMap((rank) => at(rows, rank)), morePickedUp);

const layers = (rows: Rows) => `median and range of ${at(rows, smallest).length} layers`;

/** A report's words on each claim of the tiny base, for more layers than it can list. */
const words: Words<Rows> = {
  "Figure 8: the top directions of W_q are not those of ΔW_q": {
    ours: (rows) => `φ ${shown(at(rows, smallest), overlapOf)}, chance 0.10; ${layers(rows)}`,
    found: () => "In the paper chance is 0.096.",
  },
  "Figure 8: at a larger r, ΔW_q picks up more of W_q's top directions": {
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
    margin: pickedUpMargin,
  },
  "Table 7: ΔW_q has a stronger correlation with W_q than random directions": {
    ours: (rows) => `${shown(at(rows, smallest), timesChance)} times random's; ${layers(rows)}`,
    found: () => "In the paper 16 times.",
    margin: randomMargin,
  },
  "Table 7: ΔW_q amplifies directions that W_q does not emphasize": {
    ours: (rows) =>
      `${
        shown(at(rows, smallest), ({ inDelta, inWeight }) => 100 * inDelta / inWeight, 1)
      }% of W's own; ${layers(rows)}`,
    // Of the first half of the rule: broken by W's own alone, it is within that mark, and reads “at this scale”.
    margin: randomMargin,
  },
  "Table 7: the amplification factor falls as r grows": {
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
};

/** The paper's claims on W_q. */
export const realAmplificationClaims: readonly Claim<Rows>[] = onSmolLM2(
  amplificationRules({
    ...{ inLayers: "in at least three quarters of the layers", top: topDirectionsOf(realWidth) },
  }),
  words,
);

/** Updates of several seeds at each rank. */
type Updates = Map<number, (readonly LowRankUpdate[])[]>;

const keys = amplifiedRanks.map((rank) => `qv-${rank}`);

/** Reads the adapters of folders; ranks without a folder are left out. */
async function readAll(folders: readonly (readonly [rank: number, folder: string])[]) {
  const updates: Updates = new Map();
  for (const [rank, folder] of folders) {
    if (await kindOf(folder) !== "folder") continue;
    updates.getOrInsertComputed(rank, () => []).push((await readAdapter(folder)).updates);
  }
  return updates;
}

/** The shipped ones, of six layers. */
const shippedFolders = amplifiedRanks.flatMap((rank) =>
  ownPlaces(`qv-${rank}`, realSteps, realSteps)
    .map((place) => [rank, join(adaptersFolder, nameOf(place))] as const)
);

/** W_q of every layer that is adapted, from the base. */
async function baseWeights(base: string, updates: readonly LowRankUpdate[]) {
  using weights = await openBaseWeights(base);
  const known = new Map<string, DenseMatrix>();
  for (const update of updates.filter((one) => siteOf(one).site === "q")) {
    const { shape: [rows, columns], data } = await weights.weightOf(update);
    known.set(update.module, { rows, columns, data: Float64Array.from(data) });
  }
  return (module: string) => known.get(module)!;
}

const normsTable = (rows: Rows): DataTable =>
  table<Omit<AmplificationRow, "overlap" | "randomOverlap" | "bySeed">>({
    id: "rank-real-amplification",
    title:
      "Table 7 on SmolLM2, for W_q: means over the seeds; for random directions, over 20 draws",
    columns: [
      ["layer", "layer", "text"],
      ["rank", "r", "count"],
      ["inDelta", "‖UᵀWV‖, ΔW's directions", "share"],
      ["inWeight", "W's own", "share"],
      ["inRandom", "random", "share"],
      ["randomSpread", "± (one draw)", "share"],
      ["deltaNorm", "‖ΔW‖", "share"],
      ["weightNorm", "‖W‖", "share"],
      ["factor", "‖ΔW‖ / ‖UᵀWV‖", "share"],
      ["randomFactor", "by chance", "share"],
      [
        "beside",
        "factor by chance's",
        "share",
        ({ factor, randomFactor }) => factor / randomFactor,
      ],
      ["pickedUp", "W's top 58, beyond chance", "share"],
    ],
    rows,
  });

/** ΔW_q beside W_q on SmolLM2. */
export const realAmplificationStudy: Experiment = experiment<RealRun, Rows>({
  name: "rank-real-amplification",
  seconds: 1,
  title: "How does an update of a real decoder relate to the weight that it changes?",
  question:
    "Does ΔW_q repeat the top directions of W_q on SmolLM2-135M, or amplify others that W_q has but does not " +
    "emphasize, more than random directions would?",
  source: "Hu et al. 2021, section 7.3, table 7 and figure 8",
  async runs({ full }) {
    const places = full ? await findReal() : undefined;
    if (!places) return [];
    const task = openReal(places);
    return chosenRuns(tried).filter(({ key }) => keys.includes(key))
      .map((chosen) => planReal(task, chosen));
  },
  async rows(made) {
    const updates = await readAll(
      made.length > 0
        ? made.map(({ chosen: { key }, folder }) => [Number(key.slice(3)), join(folder, "adapter")])
        : shippedFolders,
    );
    const missing = amplifiedRanks.filter((rank) => !updates.has(rank));
    if (missing.length > 0) {
      return new LeftOut(
        `no adapters of r = ${
          missing.join(", ")
        } are shipped, and --full needs LOWRANK_DATA with the base and E2E`,
      );
    }
    const [[first]] = updates.values(),
      shipped = made.length > 0 ? undefined : await shippedWeights();
    return realAmplification(
      updates,
      shipped ?? await baseWeights(openReal((await findReal())!).heldOut.base, first),
    );
  },
  settings:
    "Runs of “Which rank is enough on a real decoder?” at r = 4, 8 and 64: the layers whose adapters are shipped, " +
    "or all with --full.",
  seeds:
    "data 1, 2, 3, and 4, 5 at r = 4, those whose adapters are shipped, so the header's do not apply",
  scale: true,
  claims: realAmplificationClaims,
  tables: [normsTable],
});
