/** Curves by rank: measurements as marks, known answers as lines. @module */

import type { Figure } from "./figure.ts";
import { axis, baseLayout } from "./layout.ts";
import { dots, line, upright } from "./marks.ts";
import { palette } from "./palette.ts";
import type { Axis, Trace } from "./plotly_types.ts";

/** A point of a curve. */
export interface RankPoint {
  /** Rank of the update. */
  readonly rank: number;
  /** The value plotted. */
  readonly value: number;
}

/** A curve of one color. */
export interface RankCurve {
  /** In the legend. */
  readonly label: string;
  /** One mark for each run. */
  readonly measured: readonly RankPoint[];
  /** The known answers, a line each; where there are none the marks' means are joined. */
  readonly known?: readonly (readonly RankPoint[])[];
  /** r*, marked by a vertical line. */
  readonly plantedRank?: number;
}

/** The mean of the marks at each rank, ranks rising. */
export function meansByRank(points: readonly RankPoint[]): RankPoint[] {
  const groups = [...Map.groupBy(points, ({ rank }) => rank)].sort(([a], [b]) => a - b);
  return groups.map(([rank, own]) => {
    return { rank, value: own.reduce((sum, { value }) => sum + value, 0) / own.length };
  });
}

/** Data and layout of curves over ranks that double. */
export function rankCurves(
  curves: readonly RankCurve[],
  yAxis: Axis,
  height = 380,
): Pick<Figure, "data" | "layout"> {
  const ranks = curves.flatMap(({ measured, plantedRank }) => [
    ...measured.map(({ rank }) => rank),
    ...(plantedRank === undefined ? [] : [plantedRank]),
  ]);
  const range = [
    Math.log10(Math.min(...ranks)) - 0.06,
    Math.log10(Math.max(...ranks)) + 0.06,
  ] as const;
  const tickvals = [...new Set(ranks)].sort((a, b) => a - b), ticktext = tickvals.map(String);
  const shapes = curves.flatMap(({ plantedRank }, place) => {
    const line = { color: colorOf(place), width: 1, dash: "dash" } as const;
    return plantedRank === undefined ? [] : [upright(plantedRank, line)];
  });
  const xAxis = axis("rank of the update", { type: "log", range, tickvals, ticktext });
  return {
    data: curves.flatMap(tracesOf),
    layout: baseLayout(xAxis, yAxis, { height, shapes }),
  };
}

const colorOf = (place: number): string => palette.series[place % palette.series.length];

const symbols = ["circle", "square", "diamond", "triangle-up", "cross"];

function tracesOf({ label, measured, known }: RankCurve, place: number): Trace[] {
  const color = colorOf(place), symbol = symbols[place % symbols.length];
  const rank = (point: RankPoint) => point.rank, value = (point: RankPoint) => point.value;
  const style = { color, width: 1.5, dash: known ? "solid" : "dot" } as const;
  const unnamed = { showlegend: false, hoverinfo: "skip" };
  return [
    ...(known ?? [meansByRank(measured)]).map((points) =>
      line(points, rank, value, style, unnamed)
    ),
    dots(measured, rank, value, { color, size: 9, symbol }, { name: label }),
  ];
}
