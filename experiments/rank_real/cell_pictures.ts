/** Tables and figures of the four cells, from what is kept of them. @module */

import { boundsOf, fromTo, mean } from "../../src/core/numbers.ts";
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
import { cellLayers, type CellLine, similarityUnit } from "./cell_lines.ts";
import { cellNames } from "./cells.ts";
import { longKept, longSteps } from "./plan.ts";
import { unpacked } from "./rows.ts";
import { realSteps } from "./runs.ts";
import { inA } from "./subspace_rows.ts";

type Lines = readonly CellLine[];

/** Of Gaussian updates, the largest. */
const byChance = ({ gaussian }: CellLine, place: number) =>
  unpacked(gaussian, similarityUnit)[place];

const summary = (values: readonly number[]) => `${mean(values).toFixed(2)} (${fromTo(values, 2)})`;

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
      ["top", "φ(1, 1)", "text", (line) => summary(cellLayers(line, "top"))],
      ["topChance", "Gaussian, at most", "share", (line) => byChance(line, 0)],
      ["rest", "directions 2 to 8", "text", (line) => summary(cellLayers(line, "rest"))],
      ["restChance", "Gaussian, at most", "share", (line) => byChance(line, 1)],
      ["eighth", "φ(8, 8)", "text", (line) => summary(cellLayers(line, "eighth"))],
      [
        "seeds",
        "two seeds, r = 64: φ(8, 8)",
        "text",
        (line) =>
          line.seedsEighth === undefined ? undefined : summary(cellLayers(line, "seedsEighth")),
      ],
    ],
    rows: lines,
  });

/** Marks beside each other where several have one place. */
const spread = (place: number, i: number, count: number) => place + 0.3 * (i / count - 0.5);

/** φ(1, 1) of every module in the four cells. */
export function cellsFigure(lines: Lines): Figure {
  const own = lines.filter(({ space, at, steps }) =>
    space === inA && at === realSteps && steps === realSteps
  );
  const marks = own.flatMap((line) =>
    cellLayers(line, "top").map((top, layer, all) => {
      const place = cellNames.findIndex((name) => name === line.cell) +
        (line.site === "q" ? -0.2 : 0.2);
      return { site: line.site, x: spread(place, layer, all.length), top };
    })
  );
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
      "Dashed: 0.5, the paper's mark, and the most of Gaussian updates.",
    data: (["q", "v"] as const).map((site, i) =>
      dots(marks.filter((mark) => mark.site === site), ({ x }) => x, ({ top }) => top, {
        color: palette.series[i],
        size: 5,
      }, { name: site })
    ),
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
