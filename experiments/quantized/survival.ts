/** Merging an update into a base in 4 bits: how much of it is left, by its size; decision 0033 has the reasons of the rules. @module */

import { fromTo } from "../../src/core/numbers.ts";
import {
  type Column,
  type DataTable,
  type Figure,
  type Line,
  linesFigure,
  linesSlider,
  palette,
  table,
} from "../../src/figures/mod.ts";
import { printedTables } from "../../src/paper/printed/mod.ts"; // paper/mod.ts would load mathjs
import { printedValue } from "../../src/paper/printed_number.ts";
import type { FourBitCode } from "../../src/quant/mod.ts";
import { percentRange } from "../differences.ts";
import { type Claim, type Experiment, experiment } from "../frame/mod.ts";
import {
  blockSizes,
  type KindOfWeights,
  rank,
  sizes,
  type SurvivalPoint,
  type SurvivalRow,
  type SurvivalRows,
  survivalRows,
} from "./survival_rows.ts";

/** Less than this share of an update is a loss. */
const lostShare = 0.05;

/** A large update survives if this share of it does. */
const keptShare = 0.9;

/** The small size, the tiny and the large ones. */
const small = 0.01, tiny = [0.001, 0.003], large = [0.3, 1];

/** QLoRA's form, with scales in 8 bits, in all block sizes. */
const requantized = ({ rows }: SurvivalRows, code: FourBitCode, doubleQuantization = true) =>
  rows.filter((row) =>
    row.into === "4 bits" && row.code === code && row.doubleQuantization === doubleQuantization
  );

const fromFloats = ({ rows }: SurvivalRows) => rows.filter(({ into }) => into === "floats");

/** The points of some sizes. */
const pointsAt = ({ points }: SurvivalRow, ...wanted: readonly number[]): SurvivalPoint[] =>
  points.filter(({ size }) => wanted.includes(size));

const keptIn = (rows: readonly SurvivalRow[], ...wanted: readonly number[]): number[] =>
  rows.flatMap((row) => pointsAt(row, ...wanted)).map(({ kept }) => kept);

/** `blocks of 32: 3.1 to 3.4%; of 64: 1.5%`, with every block size. */
const byBlock = (rows: readonly SurvivalRow[], say: (own: readonly SurvivalRow[]) => string) =>
  `blocks ${
    blockSizes.map((blockSize) => {
      const own = rows.filter((row) => row.blockSize === blockSize);
      return `of ${blockSize}: ${say(own)}`;
    }).join("; ")
  }`;

/** The share that survives times the values of a block: 1 if it is one value of each. */
const perBlock = (row: SurvivalRow): number[] =>
  pointsAt(row, ...tiny).map(({ kept }) => kept * row.blockSize);

const lossClaim = (code: FourBitCode, text: string): Claim<SurvivalRows> => ({
  text,
  rule: `when at ‖ΔW‖ / ‖W‖ of ${100 * small}% less than ${100 * lostShare}% of ΔW survives a ` +
    `requantized merge into ${code.toUpperCase()}, of every kind of weights, in blocks of ${
      blockSizes.join(", ")
    }`,
  ours: (rows) => `${percentRange(keptIn(requantized(rows, code), small), 1)} survives`,
  holds: (rows) => keptIn(requantized(rows, code), small).every((kept) => kept < lostShare),
  found: (rows) => {
    const own = requantized(rows, code), all = own.flatMap((row) => pointsAt(row, small));
    const errors = fromTo(all.map(({ error }) => error), 1);
    return `Merged into 4 bits, ${
      byBlock(own, (rows) => percentRange(keptIn(rows, small), 1))
    }. Chance, of an update that was not merged: ${
      percentRange(all.map(({ chance }) => chance), 1)
    }. The change that is made differs from ΔW by ${errors} times ‖ΔW‖.`;
  },
});

const errorsIn = (rows: readonly SurvivalRow[]) =>
  percentRange(rows.map(({ quantizationError }) => quantizationError), 1);

/** The six of decision 0033. */
export const survivalClaims: readonly Claim<SurvivalRows>[] = [
  lossClaim("nf4", "Requantized to NF4, a merge loses a small update"),
  {
    ...lossClaim("fp4", "Requantized to FP4, a merge loses a small update"),
    why: "A guess: FP4's smallest values, 0 and ±1/192 of the largest, are so near to each other " +
      "that a small update moves weights from one to the next. In blocks of 64 the blocks' " +
      "largest values give 1.5 points, which is all that NF4 keeps.",
  },
  {
    text: "What NF4 keeps of a small update is what it changes in each block's largest value",
    rule: `when with scales in F32, at ${
      tiny.map((size) => 100 * size).join(" and ")
    }%, what survives is from half to twice 1/B in blocks of B, of every kind of weights`,
    ours: (rows) => `${fromTo(requantized(rows, "nf4", false).flatMap(perBlock), 2)} times 1/B`,
    holds: (rows) =>
      requantized(rows, "nf4", false).flatMap(perBlock).every((times) =>
        times >= 0.5 && times <= 2
      ),
    found: (rows) =>
      `With scales in F32, ${
        byBlock(requantized(rows, "nf4", false), (own) => percentRange(keptIn(own, ...tiny), 2))
      }. With scales in 8 bits, which have gaps of their own, ${
        byBlock(requantized(rows, "nf4"), (own) => percentRange(keptIn(own, ...tiny), 2))
      }.`,
  },
  {
    text: "A large update survives",
    rule: `when at ${large.map((size) => 100 * size).join(" and ")}% at least ${
      100 * keptShare
    }% survives in NF4, of every kind of weights, at every block size`,
    ours: (rows) => `${percentRange(keptIn(requantized(rows, "nf4"), ...large), 1)} survives`,
    holds: (rows) => keptIn(requantized(rows, "nf4"), ...large).every((kept) => kept >= keptShare),
    found: (rows) =>
      `At 10%: ${percentRange(keptIn(requantized(rows, "nf4"), 0.1), 0)}, at 3%: ${
        percentRange(keptIn(requantized(rows, "nf4"), 0.03), 0)
      }.`,
  },
  {
    text: "Merged into the floats before these are quantized, a small update survives",
    rule: `when at ${100 * small}% from ${100 * keptShare} to ${
      200 - 100 * keptShare
    }% survives, of every kind of weights, with both codes`,
    ours: (rows) => `${percentRange(keptIn(fromFloats(rows), small), 1)} survives`,
    holds: (rows) =>
      keptIn(fromFloats(rows), small).every((kept) => Math.abs(kept - 1) <= 1 - keptShare),
    found: (rows) => {
      const errors = fromFloats(rows).flatMap((row) => pointsAt(row, small))
        .map(({ error }) => error);
      return "On average over the values: each is rounded, and the change differs from ΔW by " +
        `${fromTo(errors, 1)} times ‖ΔW‖.`;
    },
  },
  {
    text: "NF4 is more precise than FP4",
    rule: "when ‖W − W₄‖ / ‖W‖ is smaller with NF4, of every kind of weights, at every block size",
    quote:
      "“NF4 is superior to FP4 in terms of quantization precision” (Dettmers et al. 2023, section 4)",
    ours: (rows) =>
      `${errorsIn(requantized(rows, "nf4"))}; FP4 ${errorsIn(requantized(rows, "fp4"))}`,
    holds: (rows) => {
      const fp4 = requantized(rows, "fp4");
      return requantized(rows, "nf4").every((row) =>
        row.quantizationError <
          fp4.find((other) => other.kind === row.kind && other.blockSize === row.blockSize)!
            .quantizationError
      );
    },
    found: (rows) =>
      `NF4, ${byBlock(requantized(rows, "nf4"), errorsIn)}. FP4, ${
        byBlock(requantized(rows, "fp4"), errorsIn)
      }.`,
  },
];

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
const survivalTable = ({ rows }: SurvivalRows): DataTable =>
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
const smallUpdateTable = ({ rows }: SurvivalRows): DataTable => {
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
function deadZoneFigure({ rows }: SurvivalRows): Figure {
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
function blockFigure({ rows }: SurvivalRows): Figure {
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

/** The dead zone of weights in 4 bits. */
export const survival: Experiment = experiment({
  name: "survival",
  seconds: 12,
  title: "What a merge into 4 bits leaves of an update",
  question:
    "A QLoRA adapter is merged into its base, which is in 4 bits, and the result is stored in 4 bits again. " +
    "How much of ΔW is left, by its size? Users report adapters that vanish.",
  source:
    "our own question; not in the paper. Codes and blocks are those of QLoRA (Dettmers et al. 2023)",
  beyond: true,
  rows: (_, context) => survivalRows(context),
  seeds: "{seeds} (random updates)",
  settings: ({ trainedSizes }) =>
    `Updates of rank ${rank}, scaled to each size: the shipped LoRA on q and v of tiny-gpt2, which as ` +
    `trained is ${
      fromTo(trainedSizes, 2)
    } times as large as the rows that it changes; random ones on the linear ` +
    "layers of its first block and on a matrix of normal values. What survives is " +
    "⟨W₄′ − W₄, ΔW⟩ / ‖ΔW‖², with W₄ and W₄′ the weight in 4 bits before and after. " +
    "Blocks of 32 to 256, scales in 8 bits unless said. Computed on the host.",
  claims: survivalClaims,
  tables: [survivalTable, smallUpdateTable],
  figures: [deadZoneFigure, blockFigure],
});
