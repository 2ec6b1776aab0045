/** Tables and figures of `survival`. @module */

import {
  type Column,
  type DataTable,
  type Figure,
  type Line,
  linesSlider,
  palette,
  table,
} from "../../../src/figures/mod.ts";
import { printedTables } from "../../../src/paper/printed/mod.ts"; // paper/mod.ts would load mathjs
import { printedValue } from "../../../src/paper/printed_number.ts";
import { pointsAt } from "./claims.ts";
import type { KindOfWeights } from "./matrices.ts";
import { sizes, type SurvivalRow, type SurvivalRows } from "./rows.ts";

const kindLabels: Readonly<Record<KindOfWeights, string>> = {
  trained: "tiny-gpt2, trained updates",
  base: "tiny-gpt2, random updates",
  normal: "normal values, random updates",
};

const codeOf = ({ code, doubleQuantization }: SurvivalRow): string =>
  code.toUpperCase() + (doubleQuantization ? "" : ", scales in F32");

/** Bits that a value takes, with its share of the scales. */
const bitsOf = ({ blockSize, doubleQuantization }: SurvivalRow): number =>
  4 + (doubleQuantization ? 8 / blockSize + 32 / (blockSize * 256) : 32 / blockSize);

const form: readonly Column<SurvivalRow>[] = [
  ["weights", "weights", "text", ({ kind }) => kindLabels[kind]],
  ["code", "code", "text", codeOf],
  ["blockSize", "block", "count"],
  ["into", "merged into", "text"],
];

/** What survives of every size. */
export const survivalTable = ({ rows }: SurvivalRows): DataTable =>
  table<SurvivalRow>({
    id: "survival",
    title: "How much of ΔW survives (%), by ‖ΔW‖ / ‖W‖",
    columns: [
      ...form,
      ...sizes.map((size): Column<SurvivalRow> => {
        const label = `${100 * size}%`;
        return [label, label, "percent", (row) => 100 * pointsAt(row, size)[0].kept];
      }),
    ],
    rows,
  });

/** At 1%: the spread, chance, and what is done besides. */
export const smallUpdateTable = ({ rows }: SurvivalRows): DataTable => {
  const at = (row: SurvivalRow) => pointsAt(row, 0.01)[0];
  return table<SurvivalRow>({
    id: "survival-small",
    title: "The error of quantizing, and an update of 1% of ‖W‖",
    columns: [
      ...form,
      ["bits", "bits a value", "number", bitsOf],
      ["quantizationError", "‖W − W₄‖ / ‖W‖ (%)", "percent", (row) => 100 * row.quantizationError],
      ["kept", "survives (%)", "percent", (row) => 100 * at(row).kept],
      ["least", "least (%)", "percent", (row) => 100 * at(row).least],
      ["most", "most (%)", "percent", (row) => 100 * at(row).most],
      ["ofBlock", "1/B (%)", "percent", ({ blockSize }) => 100 / blockSize],
      ["chance", "of an update not merged (%)", "percent", (row) => 100 * at(row).chance],
      ["error", "error (times ‖ΔW‖)", "ratio", (row) => at(row).error],
    ],
    rows,
  });
};

const x = { title: "‖ΔW‖ / ‖W‖ (%)", log: true }, y = { title: "of ΔW survives (%)" };

const places = sizes.map((size) => 100 * size);

const lineOf = (row: SurvivalRow, name: string, color: string, dashed = false): Line => ({
  ...{ name, color, dashed, x: places },
  y: row.points.map(({ kept }) => 100 * kept),
});

/** Below this line an update counts as lost. */
const lost: Line = {
  name: "5%",
  color: palette.base,
  dashed: true,
  x: places,
  y: places.map(() => 5),
};

/** A step of the slider for each kind of weights. */
const steps = ({ rows }: SurvivalRows, linesOf: (own: readonly SurvivalRow[]) => readonly Line[]) =>
  [...Map.groupBy(rows, ({ kind }) => kind)].map(([kind, own]) => {
    return { label: kindLabels[kind], lines: [...linesOf(own), lost] };
  });

const published = (column: "r = 4" | "r = 64"): string => {
  const [weight, update] = printedTables.table7.rows[column].slice(3, 5)
    .map((text) => printedValue(text!));
  return `${(100 * update / weight).toFixed(0)}% at ${column}`;
};

/** NF4 and FP4, merged into 4 bits and into floats, in blocks of 64. */
export const deadZoneFigure = (rows: SurvivalRows): Figure =>
  linesSlider(
    {
      id: "survival-dead-zone",
      title: "The dead zone: how much of an update survives a merge into 4 bits, by its size",
      caption:
        "Blocks of 64, scales in 8 bits; the mean over the matrices, seeds {seeds}. Solid: W₄ + ΔW, " +
        "quantized again. Dashed: W + ΔW, quantized once. For scale, GPT-3's ΔW_q (table 7 of Hu et al. " +
        `2021): ${published("r = 4")}, ${published("r = 64")}.`,
      ...{ x, y, name: "weights" },
    },
    steps(rows, (own) =>
      own.filter(({ blockSize, doubleQuantization }) =>
        blockSize === 64 && doubleQuantization
      )
        .map((row) => {
          const color = palette.series[row.code === "nf4" ? 0 : 1],
            isFloats = row.into === "floats";
          const name = row.code.toUpperCase() + (isFloats ? ", from floats" : "");
          return lineOf(row, name, color, isFloats);
        })),
  );

/** NF4 by block size. */
export const blockFigure = (rows: SurvivalRows): Figure =>
  linesSlider(
    {
      id: "survival-blocks",
      title: "What survives in NF4, by block size",
      caption:
        "W₄ + ΔW quantized again, scales in 8 bits. What is left of a tiny update is about that of each " +
        "block's largest value: one in 32, 64, 128 or 256.",
      ...{ x, y, name: "weights" },
    },
    steps(rows, (own) =>
      own.filter(({ code, into, doubleQuantization }) =>
        code === "nf4" && into === "4 bits" && doubleQuantization
      ).map((row, i) =>
        lineOf(row, `blocks of ${row.blockSize}`, palette.series[i])
      )),
  );
