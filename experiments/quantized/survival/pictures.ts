/** Tables and figures of `survival`. @module */

import {
  type Column,
  type DataTable,
  type Figure,
  type Line,
  linesFigure,
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

/** Table of the share that survives, for every size. */
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

/** Table at 1%: the spread, chance, and what is done besides. */
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

/** An update of which less is left counts as lost (decision 0033). */
const lostPercent = 5;

const lost: Line = {
  ...{ name: `${lostPercent}%`, color: palette.base, dashed: true, x: places },
  y: places.map(() => lostPercent),
};

/** ‖ΔW‖ / ‖W‖ of GPT-3's W_q, as table 7 of the LoRA paper prints them. */
const published = (column: "r = 4" | "r = 64"): string => {
  const [weight, update] = printedTables.table7.rows[column].slice(3, 5)
    .map((text) => printedValue(text!));
  return `${(100 * update / weight).toFixed(0)}% at ${column}`;
};

const isUsual = ({ blockSize, doubleQuantization }: SurvivalRow): boolean =>
  blockSize === 64 && doubleQuantization;

/** NF4 and FP4, merged into 4 bits and into floats, in blocks of 64: the updates that were trained. */
export function deadZoneFigure({ rows }: SurvivalRows): Figure {
  const own = rows.filter((row) => row.kind === "trained" && isUsual(row));
  const lines = own.map((row) => {
    const isFloats = row.into === "floats", color = palette.series[row.code === "nf4" ? 0 : 1];
    return lineOf(row, row.code.toUpperCase() + (isFloats ? ", from floats" : ""), color, isFloats);
  });
  const words = {
    id: "survival-dead-zone",
    title: "The dead zone: how much of an update survives a merge into 4 bits, by its size",
    caption:
      "LoRA that was trained on q and v of tiny-gpt2, scaled; blocks of 64, scales in 8 bits. Solid: " +
      "W₄ + ΔW, quantized again. Dashed: W + ΔW, quantized once. Shaded: less than " +
      `${lostPercent}% survives in NF4. For scale, ΔW of GPT-3's W_q (table 7 of Hu et al. 2021): ${
        published("r = 4")
      }, ${published("r = 64")}.`,
  };
  const { layout, ...figure } = linesFigure({ ...words, x, y }, [...lines, lost]);
  return { ...figure, layout: { ...layout, shapes: [deadZone(own)] } };
}

/** Shades the range from the smallest size to the largest of which less than 5% survives. */
function deadZone(rows: readonly SurvivalRow[]): Record<string, unknown> {
  const { points } = rows.find(({ code, into }) => code === "nf4" && into === "4 bits")!;
  const lost = points.filter(({ kept }) => 100 * kept < lostPercent).map(({ size }) => 100 * size);
  const [x0, x1] = [Math.min(...lost), Math.max(...lost)];
  const look = { fillcolor: palette.base, opacity: 0.12, line: { width: 0 }, layer: "below" };
  return { type: "rect", x0, x1, y0: 0, y1: 1, yref: "paper", ...look };
}

/** NF4 by block size, and FP4, a step of the slider for each kind of weights. */
export function blockFigure({ rows }: SurvivalRows): Figure {
  const own = rows.filter(({ into, doubleQuantization }) =>
    into === "4 bits" && doubleQuantization
  );
  const steps = [...Map.groupBy(own, ({ kind }) => kind)].map(([kind, own]) => {
    const nf4 = own.filter(({ code }) => code === "nf4");
    const fp4 = own.find((row) => row.code === "fp4" && isUsual(row))!;
    const lines = nf4.map((row, i) => lineOf(row, `NF4, ${row.blockSize}`, palette.series[i]));
    const last = lineOf(fp4, `FP4, ${fp4.blockSize}`, palette.base, true);
    return { label: kindLabels[kind], lines: [...lines, last] };
  });
  return linesSlider({
    id: "survival-blocks",
    title: "What survives, by block size",
    caption:
      "W₄ + ΔW quantized again, scales in 8 bits; the mean over the matrices, seeds {seeds}.",
    ...{ x, y, name: "weights" },
  }, steps);
}
