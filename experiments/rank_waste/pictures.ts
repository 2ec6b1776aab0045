/** The tables and figures of what adapters share. @module */

import {
  type DataTable,
  type Figure,
  heatmaps,
  linesFigure,
  linesSlider,
  palette,
  sliderFigure,
  table,
} from "../../src/figures/mod.ts";
import { mean } from "../../src/core/numbers.ts";
import { basisOf, ranksOf } from "./claims.ts";
import {
  type BasisRow,
  type PairRow,
  type Side,
  sides,
  type SiteRow,
  type WasteRows,
} from "./rows.ts";
import { wasteShares, wasteSites } from "./rows.ts";
import { allStarts, type Starts, wasteTasks } from "./runs.ts";

/** All three tables, whose rows are shipped. */
export const wasteTables = ({ pairs, sites, bases }: WasteRows): DataTable[] => [
  table<PairRow>({
    id: "pairs",
    title: "What adapters of two tasks have in common: φ, means over the sites",
    columns: [
      ["rank", "r", "count"],
      ["starts", "starts", "text"],
      ["side", "side", "text"],
      ["one", "task", "text"],
      ["two", "other task", "text"],
      ["all", "φ(r, r)", "share"],
      ["chance", "by chance", "share"],
      ["top", "φ(1, 1)", "share"],
    ],
    rows: pairs,
  }),
  table<SiteRow>({
    id: "sites",
    title: "Directions that the four tasks need together, by kind of site",
    columns: [
      ["rank", "r", "count"],
      ["starts", "starts", "text"],
      ["site", "site", "text"],
      ["side", "side", "text"],
      ["energy", "energy held", "share"],
      ["together", "together", "number"],
      ["byChance", "random ones", "number"],
      ["alone", "sharing none", "number"],
    ],
    rows: sites,
  }),
  table<BasisRow>({
    id: "bases",
    title: "What a shared basis loses, and cutting each adapter down",
    columns: [
      ["rank", "r", "count"],
      ["starts", "starts", "text"],
      ["way", "stored", "text"],
      ["share", "share of values, at most", "share"],
      ["values", "values", "count"],
      ["error", "relative error", "share"],
      ["loss", "loss (nats per token)", "nats"],
    ],
    rows: bases,
  }),
];

const taskNumbers = wasteTasks.map(({ name }, i) => `${i + 1} ${name}`).join(", ");

/** φ(r, r) between all tasks, by rank. */
const pairsFigure = (rows: WasteRows): Figure =>
  sliderFigure({
    id: "rank-waste-pairs",
    title: "What adapters of two tasks have in common",
    caption:
      `φ(r, r), mean over the sites and seeds {seeds}. ${taskNumbers}. On the diagonal: the same task, ` +
      "trained with another seed and another start. “One start”: A was the same before training.",
    name: "rank",
    steps: ranksOf(rows).map((rank) => {
      const own = rows.pairs.filter((row) => row.rank === rank), [{ chance }] = own;
      return {
        label: `${rank}`,
        caption: `By chance ${chance.toFixed(3)}.`,
        ...heatmaps({
          columns: sides.flatMap((side) =>
            allStarts.map((starts) => `${side}, ${starts === "own" ? "own starts" : "one start"}`)
          ),
          rows: [{
            label: "task",
            panels: sides.flatMap((side) => allStarts.map((starts) => panelOf(own, side, starts))),
          }],
          xTitle: "task",
          panelHeight: 150,
        }),
      };
    }),
  });

function panelOf(pairs: readonly PairRow[], side: Side, starts: Starts): number[][] {
  const own = pairs.filter((row) => row.side === side && row.starts === starts);
  const at = (one: string, two: string) => own.find((row) => row.one === one && row.two === two);
  return wasteTasks.map(({ name: one }) =>
    wasteTasks.map(({ name: two }) => (at(one, two) ?? at(two, one))?.all ?? NaN)
  );
}

/** The share of the adapters' directions that is needed, by rank; a position for each kind of site and side. */
const sitesFigure = (rows: WasteRows): Figure =>
  linesSlider(
    {
      id: "rank-waste-sites",
      title: "Directions that four adapters need together, of the 4 r that they have",
      caption:
        "For 90% of their energy; means over blocks and seeds {seeds}. What is missing from 100% is waste: " +
        "each adapter's own (above “sharing none”), what chance gives (down to “random”), and what is shared.",
      name: "site",
      x: { title: "rank r", log: true },
      y: { title: "% of 4 r" },
    },
    [undefined, ...wasteSites].flatMap((site) =>
      sides.map((side) => ({
        label: `${site ?? "all sites"}, ${side}`,
        lines: neededLines(rows, site, side),
      }))
    ),
  );

function neededLines(rows: WasteRows, site: string | undefined, side: Side) {
  const x = ranksOf(rows);
  const line = (
    name: string,
    starts: Starts,
    key: "alone" | "byChance" | "together",
    color: string,
    dashed = false,
  ) => ({
    ...{ name, x, color, dashed },
    y: x.map((rank) => {
      const own = rows.sites.filter((row) =>
        row.rank === rank && row.starts === starts && row.side === side && row.energy === 0.9 &&
        (site === undefined || row.site === site)
      );
      return 100 * mean(own.map((row) => row[key])) / (wasteTasks.length * rank);
    }),
  });
  return [
    line("sharing none", "own", "alone", palette.base, true),
    line("random", "own", "byChance", palette.series[2], true),
    line("own starts", "own", "together", palette.series[0]),
    line("one start", "one", "together", palette.series[1]),
  ];
}

/** The losses of adapters that are stored in fewer values; a position for each rank, with axes of its own. */
const lossFigure = (rows: WasteRows): Figure => {
  const words = {
    id: "rank-waste-loss",
    title: "What is lost if the adapters are stored in fewer values",
    caption:
      "Mean held-out loss of the four tasks minus that of whole adapters; starts of their own, seeds {seeds}. " +
      "Each rank has axes of its own.",
    x: { title: "values stored, % of the four adapters'" },
    y: { title: "loss (nats)" },
  };
  const steps = ranksOf(rows).map((rank) => {
    const { data, layout } = linesFigure(words, lossLines(rows, rank));
    return { label: `${rank}`, data, layout };
  });
  return sliderFigure({ ...words, name: "rank", steps });
};

function lossLines(rows: WasteRows, rank: number) {
  const whole = basisOf(rows, rank, "own", "all", 1)!;
  return (["shared basis", "cut down"] as const).map((way) => {
    const own = wasteShares.map((share) => basisOf(rows, rank, "own", way, share))
      .filter((row) => row !== undefined);
    const points = [...own, whole];
    return {
      name: way,
      x: points.map(({ values }) => 100 * values / whole.values),
      y: points.map(({ loss }) => loss - whole.loss),
    };
  });
}

/** The relative error at half of the values, by rank. */
function errorFigure(rows: WasteRows): Figure {
  const x = ranksOf(rows);
  const line = (way: BasisRow["way"], starts: Starts, dashed = false) => ({
    name: `${way}, ${starts === "own" ? "own starts" : "one start"}`,
    ...{ x, dashed, y: x.map((rank) => 100 * basisOf(rows, rank, starts, way, 0.5)!.error) },
  });
  return linesFigure(
    {
      id: "rank-waste-error",
      title: "What four adapters lose at half of their values",
      caption: "‖ΔW − ΔW′‖ / ‖ΔW‖ over all sites, means over the tasks and seeds {seeds}.",
      x: { title: "rank r", log: true },
      y: { title: "error, % of ‖ΔW‖" },
    },
    allStarts.flatMap((starts) => [line("shared basis", starts), line("cut down", starts)]),
  );
}

/** All figures, in the order of the report. */
export const wasteFigures: readonly ((rows: WasteRows) => Figure)[] = [
  sitesFigure,
  pairsFigure,
  errorFigure,
  lossFigure,
];
