/** Curves over the rank: what was measured as marks, what is known as lines. @module */

import type { Figure } from "../../src/figures/figure.ts";
import { axis, baseLayout } from "../../src/figures/layout.ts";
import { palette } from "../../src/figures/palette.ts";
import type { Axis, Trace } from "../../src/figures/plotly_types.ts";

/** A point of a curve. */
export interface RankPoint {
  /** Rank of the update. */
  readonly rank: number;
  /** Height. */
  readonly value: number;
}

/** A curve of one colour. */
export interface RankCurve {
  /** In the legend. */
  readonly label: string;
  /** One mark for each run. */
  readonly measured: readonly RankPoint[];
  /** The known answers, a line each; where there are none the marks' means are joined. */
  readonly known?: readonly (readonly RankPoint[])[];
  /** r*, marked by an upright line. */
  readonly plantedRank?: number;
}

/** The mean of the marks at each rank, ranks rising. */
export function meansByRank(points: readonly RankPoint[]): RankPoint[] {
  const groups = [...Map.groupBy(points, ({ rank }) => rank)].sort(([a], [b]) => a - b);
  return groups.map(([rank, own]) => ({
    rank,
    value: own.reduce((sum, { value }) => sum + value, 0) / own.length,
  }));
}

/** Data and layout of curves over ranks that double. */
export function rankFigure(
  curves: readonly RankCurve[],
  yAxis: Axis,
  height = 380,
): Pick<Figure, "data" | "layout"> {
  const ranks = curves.flatMap(({ measured }) => measured.map(({ rank }) => rank));
  const ticks = [...new Set(ranks)].sort((a, b) => a - b);
  return {
    data: curves.flatMap(tracesOf),
    layout: baseLayout(
      axis("rank of the update", { type: "log", tickvals: ticks, ticktext: ticks.map(String) }),
      yAxis,
      { height, shapes: curves.flatMap(plantedLine) },
    ),
  };
}

const colourOf = (place: number): string => palette.series[place % palette.series.length];

function tracesOf({ label, measured, known }: RankCurve, place: number): Trace[] {
  const color = colourOf(place), lines = known ?? [meansByRank(measured)];
  return [
    ...lines.map((line): Trace => ({
      type: "scatter",
      mode: "lines",
      ...coordinates(line),
      line: { color, width: 1.5, dash: known ? "solid" : "dot" },
      showlegend: false,
      hoverinfo: "skip",
    })),
    {
      type: "scatter",
      mode: "markers",
      name: label,
      ...coordinates(measured),
      marker: { color, size: 9, symbol: markers[place % markers.length] },
    },
  ];
}

const markers = ["circle", "square", "diamond", "triangle-up", "cross"];

function coordinates(points: readonly RankPoint[]) {
  return { x: points.map(({ rank }) => rank), y: points.map(({ value }) => value) };
}

function plantedLine({ plantedRank }: RankCurve, place: number) {
  if (plantedRank === undefined) return [];
  const x = { x0: plantedRank, x1: plantedRank, y0: 0, y1: 1, yref: "paper" };
  return [{ type: "line", ...x, line: { color: colourOf(place), width: 1, dash: "dash" } }];
}
