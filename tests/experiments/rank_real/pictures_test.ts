/** Tables and figures of the study of a real base. */

import { assertEquals } from "@std/assert";
import type { CellLine } from "../../../experiments/rank_real/similarities.ts";
import { cellNames } from "../../../experiments/rank_real/cells.ts";
import {
  cellsFigure,
  cellsTable,
  layersFigure,
  stepsFigure,
} from "../../../experiments/rank_real/subspaces.ts";
import { scalingFigure, updatesTable } from "../../../experiments/rank_real/updates.ts";
import { meansTable, rankFigure, runsTable } from "../../../experiments/rank_real/rank_real.ts";
import type { RealRow, RealRows } from "../../../experiments/rank_real/rows.ts";
import { numbers, type UpdateLine } from "../../../experiments/rank_real/update_lines.ts";

const row = (rank: number, seed: number, value: number) =>
  ({
    ...{
      key: `qv-${rank}`,
      label: `r = ${rank}`,
      size: `r = ${rank}`,
      family: "LoRA",
      compared: 1,
    },
    ...{ seed, value, trained: rank, own: 3.6, novel: 4.2, bleu: 60 + seed },
  }) as RealRow;

const untrained = { family: "baseline", compared: 0, trained: 0 };

/** As they are read: JSON has no NaN. */
const rows = JSON.parse(JSON.stringify({
  counts: "1 1",
  rows: [
    { ...untrained, key: "base", label: "base", value: 3, own: 3.5, novel: 4, bleu: 5 },
    { ...untrained, key: "values", label: "values", value: NaN, bleu: 22 },
    ...[1, 2].flatMap((seed) => [row(1, seed, 1.02 + seed / 100), row(8, seed, 1 + seed / 100)]),
    row(64, 1, 1.01),
  ],
})) as RealRows;

Deno.test("means are over what was measured, and other texts are shown by what their loss rises by", () => {
  const shown = meansTable(rows).rows as Record<string, unknown>[];
  assertEquals(shown.map(({ value }) => value), [
    "3.000",
    undefined,
    "1.035 (1.030 to 1.040)",
    "1.015 (1.010 to 1.020)",
    "1.010",
  ]);
  assertEquals(shown.map(({ own }) => own), [
    "0.000",
    undefined,
    "0.100 (0.100)",
    "0.100 (0.100)",
    "0.100",
  ]);
  assertEquals(runsTable(rows).rows.length, 7);
});

Deno.test("the curve is relative to its best rank, beside the paper's, over seeds that all have", () => {
  const { data } = rankFigure(rows), marks = data.filter(({ mode }) => mode === "markers");
  const [own, printed] = marks.map(({ x, y }) => [x, y] as number[][]);
  assertEquals(own[0], [1, 8, 64]);
  assertEquals(own[1].map((value) => value.toFixed(1)), ["2.0", "0.0", "0.0"]);
  assertEquals([printed[0].at(-1), printed[1][0].toFixed(1)], [64, "6.0"]);
});

const line = (cell: string, site: "q" | "v", at: number, steps: number): CellLine => ({
  ...{
    cell,
    site,
    at,
    steps,
    pairs: 1,
    space: "A",
    top: "100 700",
    rest: "10 20",
    eighth: "20 30",
  },
  gaussian: "5 14 15",
});

Deno.test("every module of the four cells has a mark, and long runs a line", () => {
  const ends = cellNames.flatMap((name) =>
    (["q", "v"] as const).map((site) => line(name, site, 500, 500))
  );
  const marks = (lines: CellLine[]) =>
    cellsFigure(lines).data.map(({ name, x }) => [name, (x as number[]).length]);
  assertEquals(marks([...ends, line(cellNames[0], "q", 150, 500)]), [["q", 8], ["v", 8]]);
  const starts = cellNames.map((name) => line(name, "q", 0, 500));
  assertEquals(marks([...ends, ...starts])[0], ["before the first step", 8]);
  const long = [150, 500, 1000, 3000].map((at) => line(cellNames[3], "v", at, 3000));
  const figure = stepsFigure([...ends, ...long]);
  assertEquals(figure.data.map(({ name, y }) => [name, y]), [
    ["v, other start, other data", [0.4, 0.4, 0.4, 0.4]],
  ]);
  assertEquals(layersFigure([...ends, ...long]).data.map(({ name }) => name), [
    ...["q", "v"].map((site) => `${site}, ${cellNames[0]}`),
    ...["q", "v"].map((site) => `${site}, ${cellNames[3]}`),
  ]);
  const [shown] = cellsTable(ends).rows as Record<string, unknown>[];
  assertEquals([shown.top, shown.topChance], ["0.40 (0.10 to 0.70)", 0.005]);
});

Deno.test("updates are summed up by site, and scaling begins with the whole adapter", () => {
  const values = Object.fromEntries(Object.keys(numbers).map((key) => [key, "1 3"]));
  const lines = [{ name: "qv-1-start101-data1", site: "q", ...values } as UpdateLine];
  const of = { key: "qv-1", seed: 1, held: 0.5, value: 1.1, own: 3.55, novel: 4.1 };
  const scaled = [
    ...[0.5, 0].map((share) => ({ ...of, part: "intruders", share } as const)),
    { ...of, part: "control", share: 0, own: 3.6 } as const,
  ];
  const all = { lines, scaled, runs: rows.rows };
  const [shown] = updatesTable(all).rows as Record<string, unknown>[];
  assertEquals([shown.energyRank90, shown.intruders], ["2.0 (1.0 to 3.0)", 4]);
  const [{ x, y }, control] = scalingFigure(all).data;
  assertEquals([(x as number[]).length, (y as number[])[0]], [3, 1.03]);
  const again = { ...of, part: "intruders", share: 1, value: 1.05 } as const;
  const [line] = scalingFigure({ ...all, scaled: [again, ...scaled] }).data;
  assertEquals([(line.x as number[]).length, (line.y as number[])[0]], [3, 1.05]);
  assertEquals([(control.x as number[]).length, control.name], [1, "r = 1, data 1, control"]);
});
