/** Which directions adapters share on a real decoder, with the start controlled. @module */

import { join } from "node:path";
import type { LowRankUpdate } from "../../src/adapt/mod.ts";
import { kindOf } from "../../src/storage/storage.ts";
import { readAdapter } from "../../src/formats/mod.ts";
import {
  claimOn,
  claimsIn,
  type Experiment,
  experiment,
  LeftOut,
  type MadeRun,
  type NotedClaim,
} from "../frame/mod.ts";
import kept from "./cells.json" with { type: "json" };
import { cellsFigure, cellsTable, layersFigure, stepsFigure } from "./cell_pictures.ts";
import { type CellLine, cellLines } from "./cell_lines.ts";
import { type Cell, cellsAt, judgedCell, nameOf, readAt } from "./cells.ts";
import { inputMetric } from "./metric.ts";
import { tried } from "./rank_real.ts";
import { planReal, type RealRun, realSteps } from "./runs.ts";
import { adaptersFolder } from "./shipped.ts";
import { beyondClaims, realSubspaceClaims } from "./subspaces.ts";
import {
  cellSimilarities,
  type CellSimilarity,
  inA,
  inMetric,
  type MetricOf,
} from "./subspace_rows.ts";
import { findReal, openReal } from "./task.ts";
import { loraRuns, placesIn, readUpdates } from "./updates.ts";

/** What is judged and what is drawn. */
export interface DirectionRows {
  /** The cell that the paper's claims are judged by, in A and, where it was measured, in the inputs' metric. */
  readonly judged: readonly CellSimilarity[];
  /** All cells: measured, or kept of a run with `--full`. */
  readonly lines: readonly CellLine[];
  /** Where the lines are from, if they are kept. */
  readonly source?: string;
}

/** Updates by the name of their adapter. */
type Updates = ReadonlyMap<string, readonly LowRankUpdate[]>;

const allCells = (updates: Updates): Cell[] =>
  readAt.flatMap(([at, steps]) => cellsAt(at, steps, (place) => updates.has(nameOf(place))));

/** Whether the paper's claims are judged there: in A, and beyond the paper in the metric of the inputs. */
const isJudged = ({ cell: { name, at, steps, seeds }, space }: CellSimilarity) =>
  name === judgedCell && at === realSteps && steps === realSteps && seeds.length > 0 &&
  (space === inA || space === inMetric);

/** All cells of what there is; with the metric of the inputs where that is known. */
function measured(updates: Updates, metricOf?: MetricOf): DirectionRows {
  const found = cellSimilarities(updates, allCells(updates), metricOf);
  return { judged: found.filter(isJudged), lines: cellLines(found) };
}

/** The adapters of runs, at their end and where they were kept on the way. */
async function updatesOf(made: readonly MadeRun<RealRun>[]): Promise<Updates> {
  const updates = new Map<string, readonly LowRankUpdate[]>();
  for (const { chosen, folder } of made) {
    for (const one of placesIn(chosen, folder)) {
      updates.set(nameOf(one.place), await readUpdates(one));
    }
  }
  return updates;
}

/** The adapters that are shipped, of six layers. */
async function shippedUpdates(): Promise<Updates> {
  const cells = readAt.flatMap(([at, steps]) => cellsAt(at, steps, () => true));
  const names = new Set(
    cells.flatMap(({ ranks, seeds }) => [...ranks, ...seeds].flat().map(nameOf)),
  );
  const updates = new Map<string, readonly LowRankUpdate[]>();
  for (const name of names) {
    const folder = join(adaptersFolder, name);
    if (await kindOf(folder) === "folder") updates.set(name, (await readAdapter(folder)).updates);
  }
  return updates;
}

/** The paper's claims on each space, and those beyond it on all cells. */
function claimsOn({ judged, lines }: DirectionRows): NotedClaim<DirectionRows>[] {
  return [
    ...judged.flatMap((found) =>
      claimsIn(found.space, realSubspaceClaims, found, found.space !== inA)
    ),
    ...beyondClaims(lines).map((claim) => claimOn(claim, ({ lines }: DirectionRows) => lines)),
  ] as NotedClaim<DirectionRows>[];
}

/** The ranks whose directions are compared. */
const compared = ["qv-8", "qv-64"];

/** Figures 3, 4, 6 and 7 on SmolLM2. */
export const realDirections: Experiment = experiment<RealRun, DirectionRows>({
  name: "rank-real-subspaces",
  title: "Which directions do adapters of a real decoder share?",
  question:
    "Do r = 8 and r = 64, or two seeds, find the same directions on SmolLM2-135M? The start of A and the data " +
    "are the same or others, in four cells: what is shared without either is the task's.",
  source: "Hu et al. 2021, section 7.2, figures 3, 4, 6 and 7",
  async runs({ full }) {
    const places = full ? await findReal() : undefined;
    if (!places) return [];
    const task = openReal(places);
    return loraRuns(tried).filter(({ key }) => compared.includes(key))
      .map((chosen) => planReal(task, chosen));
  },
  async rows(made, { device, full }) {
    if (made.length > 0) {
      const updates = await updatesOf(made), [first] = updates.values(), places = await findReal();
      const modules = first.map(({ module }) => module);
      return measured(updates, await inputMetric(openReal(places!), device, modules));
    }
    const updates = full ? new Map() : await shippedUpdates(), found = measured(updates);
    return found.judged.length > 0
      ? { ...found, lines: kept.rows as readonly CellLine[], source: kept.source }
      : new LeftOut("no adapters are shipped, and --full needs LOWRANK_DATA with the base and E2E");
  },
  settings: ({ source }) =>
    `Runs of “Which rank is enough on a real decoder?”, and of r = 64 with the start of r = 8.` +
    (source
      ? ` Judged in A on adapters of six layers; all cells and layers quoted: --full, ${source}.`
      : ""),
  seeds: "data 1, 2, 3, starts of their own, so the header's do not apply",
  scale: true,
  claims: claimsOn,
  tables: [({ lines }) => cellsTable(lines)],
  figures: [({ lines }) => [cellsFigure(lines), layersFigure(lines), stepsFigure(lines)]],
});
