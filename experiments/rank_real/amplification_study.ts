/** Table 7 and figure 8 on a real decoder. @module */

import { join } from "node:path";
import type { LowRankUpdate } from "../../src/adapt/mod.ts";
import { kindOf } from "../../src/storage/storage.ts";
import { readAdapter } from "../../src/formats/mod.ts";
import { openBaseWeights } from "../../src/inspect/mod.ts";
import { type DataTable, table } from "../../src/figures/mod.ts";
import type { DenseMatrix } from "../../src/linalg/mod.ts";
import { type Experiment, experiment, LeftOut } from "../frame/mod.ts";
import {
  amplifiedRanks,
  realAmplification,
  realAmplificationClaims,
  type RealAmplificationRow,
} from "./amplification.ts";
import { nameOf } from "./cells.ts";
import { dataSeeds, methodOf } from "./plan.ts";
import { tried } from "./rank_real.ts";
import { chosenRuns } from "./rows.ts";
import { planReal, type RealRun, realSteps } from "./runs.ts";
import { adaptersFolder } from "./shipped.ts";
import { findReal, openReal } from "./task.ts";
import { siteOf } from "./updates.ts";
import { shippedWeights } from "./weights.ts";

type Rows = readonly RealAmplificationRow[];

/** Updates of several seeds at each rank. */
type Updates = Map<number, (readonly LowRankUpdate[])[]>;

const keys = amplifiedRanks.map((rank) => `qv-${rank}`);

/** Those in folders, a rank without any left out. */
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
  dataSeeds.map((data) => {
    const key = `qv-${rank}`, start = methodOf(key).starts + data;
    const name = nameOf({ key, start, data, steps: realSteps, at: realSteps });
    return [rank, join(adaptersFolder, name)] as const;
  })
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
  table<Omit<RealAmplificationRow, "overlap" | "randomOverlap" | "bySeed">>({
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

/** How ΔW_q relates to W_q on SmolLM2. */
export const realAmplificationStudy: Experiment = experiment<RealRun, Rows>({
  name: "rank-real-amplification",
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
    if (updates.size < amplifiedRanks.length) {
      return new LeftOut(
        "no adapters are shipped, and --full needs LOWRANK_DATA with the base and E2E",
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
  seeds: "data 1, 2, 3, those whose adapters are shipped, so the header's do not apply",
  scale: true,
  claims: realAmplificationClaims,
  tables: [normsTable],
});
