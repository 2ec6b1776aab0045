/** The directions that adapters share on a real decoder, with the start controlled: the study, its tables and figures. @module */

import { join } from "node:path";
import type { LowRankUpdate } from "../../src/adapt/mod.ts";
import { boundsOf, mean } from "../../src/core/numbers.ts";
import { kindOf } from "../../src/storage/storage.ts";
import type { Device } from "../../src/device/device.ts";
import {
  axis,
  baseLayout,
  type DataTable,
  dots,
  type Figure,
  line,
  palette,
  table,
} from "../../src/figures/mod.ts";
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
import {
  type Cell,
  cellNames,
  cellsAt,
  cellsAtStart,
  judgedCell,
  nameOf,
  placesOfCells,
  readAt,
} from "./cells.ts";
import { longKept, longSteps } from "./plan.ts";
import { tried } from "./rank_real.ts";
import { meanAndRange, unpacked } from "./rows.ts";
import { planReal, type RealRun, realSteps } from "./runs.ts";
import { adaptersFolder } from "./shipped_adapters.ts";
import {
  cellLayers,
  type CellLine,
  cellLines,
  cellSimilarities,
  type CellSimilarity,
  inA,
  inMetric,
  inputMetric,
  similaritiesInA,
  similarityUnit,
  type UpdatesByName,
} from "./similarities.ts";
import { beyondClaims, realSubspaceClaims } from "./subspace_claims.ts";
import { findReal, openReal, type RealTask } from "./task.ts";
import { loraRuns, placesIn, readUpdates, startUpdates } from "./update_lines.ts";

type Lines = readonly CellLine[];

/** Largest similarity of Gaussian updates. */
const byChance = ({ gaussian }: CellLine, place: number) =>
  unpacked(gaussian, similarityUnit)[place];

/** Every cell, space and site: means over the layers with their range. */
export const cellsTable = (lines: Lines): DataTable =>
  table<CellLine>({
    id: "rank-real-cells",
    title:
      "φ between r = 8 and r = 64, and between two seeds at r = 64: mean over the layers, and range",
    columns: [
      ["cell", "start and data", "text"],
      ["at", "after steps", "count"],
      ["steps", "of", "count"],
      ["pairs", "pairs", "count"],
      ["space", "space", "text"],
      ["site", "site", "text"],
      ["top", "φ(1, 1)", "text", (line) => meanAndRange(cellLayers(line, "top"))],
      ["topChance", "Gaussian, at most", "share", (line) => byChance(line, 0)],
      ["rest", "directions 2 to 8", "text", (line) => meanAndRange(cellLayers(line, "rest"))],
      ["restChance", "Gaussian, at most", "share", (line) => byChance(line, 1)],
      ["eighth", "φ(8, 8)", "text", (line) => meanAndRange(cellLayers(line, "eighth"))],
      [
        "seeds",
        "two seeds, r = 64: φ(8, 8)",
        "text",
        (line) =>
          line.seedsEighth === undefined
            ? undefined
            : meanAndRange(cellLayers(line, "seedsEighth")),
      ],
    ],
    rows: lines,
  });

/** Marks beside each other where several have one place. */
const spread = (place: number, i: number, count: number) => place + 0.3 * (i / count - 0.5);

/** A mark for every module of some lines, at its cell's place. */
const marksOf = (lines: Lines) =>
  lines.flatMap((line) =>
    cellLayers(line, "top").map((top, layer, all) => {
      const place = cellNames.findIndex((name) => name === line.cell) +
        (line.site === "q" ? -0.2 : 0.2);
      return { site: line.site, x: spread(place, layer, all.length), top };
    })
  );

/** φ(1, 1) of every module in the four cells, before the first step and after the last. */
export function cellsFigure(lines: Lines): Figure {
  const after = (step: number) =>
    lines.filter(({ space, at, steps }) => space === inA && at === step && steps === realSteps);
  const own = after(realSteps), marks = marksOf(own), start = marksOf(after(0));
  const x = (mark: typeof marks[number]) => mark.x, top = (mark: typeof marks[number]) => mark.top;
  const [, most] = boundsOf(own.map((line) => byChance(line, 0)));
  const half = { type: "line", xref: "x domain", x0: 0, x1: 1 } as const;
  const shapes = [0.5, most].map((y) => {
    return { ...half, y0: y, y1: y, line: { color: palette.base, width: 1, dash: "dash" } };
  });
  return {
    id: "rank-real-cells",
    title: "Figure 3 with the start controlled: φ(1, 1) between r = 8 and r = 64, in A",
    caption:
      "One mark for each of 60 modules, from left to right the layers; means over the pairs of a cell. " +
      "Small: A as it is drawn, before the first step, in the same pairs. Dashed: 0.5, the paper's mark, and the " +
      "most of Gaussian updates.",
    data: [
      ...start.length > 0
        ? [dots(start, x, top, { color: palette.base, size: 3 }, { name: "before the first step" })]
        : [],
      ...(["q", "v"] as const).map((site, i) =>
        dots(
          marks.filter((mark) => mark.site === site),
          ...[x, top, { color: palette.series[i], size: 5 }, { name: site }] as const,
        )
      ),
    ],
    layout: baseLayout(
      axis("", { tickvals: cellNames.map((_, i) => i), ticktext: [...cellNames] }),
      axis("φ(1, 1)", { range: [0, 1.02] }),
      { height: 380, shapes, showlegend: true },
    ),
  };
}

/** φ(1, 1) against the steps of long runs, the mean over the layers. */
export function stepsFigure(lines: Lines): Figure {
  const places = [...longKept, longSteps];
  const own = lines.filter(({ space, steps }) => space === inA && steps === longSteps);
  const curves = cellNames.flatMap((name, i) =>
    (["q", "v"] as const).map((site) => {
      const points = own.filter((line) => line.cell === name && line.site === site)
        .map((line) => ({ at: line.at, top: mean(cellLayers(line, "top")) }));
      const style = { color: palette.series[i], dash: site === "q" ? "solid" : "dot" } as const;
      return line(points, ({ at }) => at, ({ top }) => top, { ...style, width: 2 }, {
        name: `${site}, ${name}`,
      });
    })
  );
  return {
    id: "rank-real-steps",
    title: "Do more steps bring it? φ(1, 1) between r = 8 and r = 64 in A",
    caption:
      `Means over 30 layers of runs of ${longSteps} steps, one pair in a cell; the rate falls to 0 at their end.`,
    data: curves.filter(({ x }) => (x as readonly number[]).length > 0),
    layout: baseLayout(
      axis("steps", { type: "log", tickvals: places, ticktext: places.map(String) }),
      axis("φ(1, 1)", { range: [0, 1.02] }),
      { height: 380, showlegend: true },
    ),
  };
}

/** φ(1, 1) layer by layer, with the same start and with another. */
export function layersFigure(lines: Lines): Figure {
  const ends = [cellNames[0], cellNames[3]];
  const own = lines.filter(({ space, at, steps, cell }) =>
    space === inA && at === realSteps && steps === realSteps && ends.some((name) => name === cell)
  );
  return {
    id: "rank-real-layers",
    title: "Figures 6 and 7 on SmolLM2: φ(1, 1) between r = 8 and r = 64 in every layer, in A",
    caption:
      "Means over the pairs of a cell. Solid: same start, same data; dotted: neither in common.",
    data: own.map((one) => {
      const points = cellLayers(one, "top").map((top, layer) => ({ layer: layer + 1, top }));
      const color = palette.series[one.site === "q" ? 0 : 1];
      const dash = one.cell === ends[0] ? "solid" : "dot";
      return line(points, ({ layer }) => layer, ({ top }) => top, { color, dash, width: 2 }, {
        name: `${one.site}, ${one.cell}`,
      });
    }),
    layout: baseLayout(axis("layer"), axis("φ(1, 1)", { range: [0, 1.02] }), {
      height: 340,
      showlegend: true,
    }),
  };
}

/** The cell that is judged, and all that are drawn. */
export interface DirectionRows {
  /** The cell that the paper's claims are judged by, in A and, where it was measured, in the inputs' metric. */
  readonly judged: readonly CellSimilarity[];
  /** All cells: measured, or kept of a run with `--full`. */
  readonly lines: readonly CellLine[];
  /** The source of the lines, if they are kept. */
  readonly source?: string;
}

const allCells = (updates: UpdatesByName): Cell[] =>
  readAt.flatMap(([at, steps]) => cellsAt(at, steps, (place) => updates.has(nameOf(place))));

/** True of the cell by which the paper's claims are judged, where its two seeds are there. */
const isJudgedCell = ({ name, at, steps, seeds }: Cell) =>
  name === judgedCell && at === realSteps && steps === realSteps && seeds.length > 0;

/** True where the paper's claims are judged: in A, and beyond the paper in the metric of the inputs. */
const isJudged = ({ cell, space }: CellSimilarity) =>
  isJudgedCell(cell) && (space === inA || space === inMetric);

/** The cells of the shipped adapters that the paper's claims are judged by, in A; none where none is shipped. */
export async function judgedHere(): Promise<CellSimilarity[]> {
  const updates = await shippedUpdates();
  return similaritiesInA(updates, allCells(updates).filter(isJudgedCell));
}

/** All cells of adapters, with the metric of the inputs, and before the first step. */
export async function measuredCells(
  updates: UpdatesByName,
  task: RealTask,
  device: Device,
): Promise<{ readonly found: CellSimilarity[]; readonly start: CellSimilarity[] }> {
  const [first] = updates.values(), modules = first.map(({ module }) => module);
  const metricOf = await inputMetric(task, device, modules);
  const cells = cellsAtStart((place) => updates.has(nameOf(place)));
  const starts = await startUpdates(placesOfCells(cells), task, device);
  return {
    found: cellSimilarities(updates, allCells(updates), metricOf),
    start: similaritiesInA(starts, cells),
  };
}

/** The adapters of runs, at their end and where they were kept on the way. */
async function updatesOf(made: readonly MadeRun<RealRun>[]): Promise<UpdatesByName> {
  const updates = new Map<string, readonly LowRankUpdate[]>();
  for (const { chosen, folder } of made) {
    for (const one of placesIn(chosen, folder)) {
      updates.set(nameOf(one.place), await readUpdates(one));
    }
  }
  return updates;
}

/** The adapters that are shipped, of six layers. */
async function shippedUpdates(): Promise<UpdatesByName> {
  const cells = readAt.flatMap(([at, steps]) => cellsAt(at, steps, () => true));
  const updates = new Map<string, readonly LowRankUpdate[]>();
  for (const name of placesOfCells(cells).map(nameOf)) {
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
export const realSubspaces: Experiment = experiment<RealRun, DirectionRows>({
  name: "rank-real-subspaces",
  seconds: 2,
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
      const task = openReal((await findReal())!);
      const { found, start } = await measuredCells(await updatesOf(made), task, device);
      return { judged: found.filter(isJudged), lines: cellLines([...start, ...found]) };
    }
    const judged = full ? [] : await judgedHere();
    return judged.length > 0
      ? { judged, lines: kept.rows as readonly CellLine[], source: kept.source }
      : new LeftOut("no adapters are shipped, and --full needs LOWRANK_DATA with the base and E2E");
  },
  settings: ({ source }) =>
    `Runs of “Which rank is enough on a real decoder?”, and of r = 64 with the start of r = 8.` +
    (source
      ? ` Judged in A on adapters of six layers; all cells and layers quoted: --full, ${source}.`
      : ""),
  seeds:
    "data 1, 2, 3, as far as they were run, and starts of their own, so the header's do not apply",
  scale: true,
  claims: claimsOn,
  rules: realSubspaceClaims,
  tables: [({ lines }) => cellsTable(lines)],
  figures: [({ lines }) => [cellsFigure(lines), layersFigure(lines), stepsFigure(lines)]],
});
