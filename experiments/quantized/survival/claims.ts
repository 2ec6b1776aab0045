/** Claims of `survival` on its rows; decision 0033 has the reasons of the rules. @module */

import { fromTo } from "../../../src/core/numbers.ts";
import type { FourBitCode } from "../../../src/quant/mod.ts";
import type { Claim } from "../../frame/mod.ts";
import { blockSizes, type SurvivalPoint, type SurvivalRow, type SurvivalRows } from "./rows.ts";

/** Less than this share of an update is a loss. */
const lostShare = 0.05;

/** A large update survives if this share of it does. */
const keptShare = 0.9;

/** The small size, the tiny and the large ones. */
const small = 0.01, tiny = [0.001, 0.003], large = [0.3, 1];

const percent = (shares: Iterable<number>, decimals: number): string =>
  `${fromTo(Array.from(shares, (share) => 100 * share), decimals).replaceAll("-", "−")}%`;

/** QLoRA's form, with scales in 8 bits, in all block sizes. */
const requantized = ({ rows }: SurvivalRows, code: FourBitCode, doubleQuantization = true) =>
  rows.filter((row) =>
    row.into === "4 bits" && row.code === code && row.doubleQuantization === doubleQuantization
  );

const fromFloats = ({ rows }: SurvivalRows) => rows.filter(({ into }) => into === "floats");

/** The points of some sizes. */
export const pointsAt = ({ points }: SurvivalRow, ...wanted: readonly number[]): SurvivalPoint[] =>
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
  ours: (rows) => `${percent(keptIn(requantized(rows, code), small), 1)} survives`,
  holds: (rows) => keptIn(requantized(rows, code), small).every((kept) => kept < lostShare),
  found: (rows) => {
    const own = requantized(rows, code), all = own.flatMap((row) => pointsAt(row, small));
    const errors = fromTo(all.map(({ error }) => error), 1);
    return `Merged into 4 bits, ${
      byBlock(own, (rows) => percent(keptIn(rows, small), 1))
    }. Chance, of an update that was not merged: ${
      percent(all.map(({ chance }) => chance), 1)
    }. The change that is made differs from ΔW by ${errors} times ‖ΔW‖.`;
  },
});

const errorsIn = (rows: readonly SurvivalRow[]) =>
  percent(rows.map(({ quantizationError }) => quantizationError), 1);

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
        byBlock(requantized(rows, "nf4", false), (own) => percent(keptIn(own, ...tiny), 2))
      }. With scales in 8 bits, which have gaps of their own, ${
        byBlock(requantized(rows, "nf4"), (own) => percent(keptIn(own, ...tiny), 2))
      }.`,
  },
  {
    text: "A large update survives",
    rule: `when at ${large.map((size) => 100 * size).join(" and ")}% at least ${
      100 * keptShare
    }% survives in NF4, of every kind of weights, at every block size`,
    ours: (rows) => `${percent(keptIn(requantized(rows, "nf4"), ...large), 1)} survives`,
    holds: (rows) => keptIn(requantized(rows, "nf4"), ...large).every((kept) => kept >= keptShare),
    found: (rows) =>
      `At 10%: ${percent(keptIn(requantized(rows, "nf4"), 0.1), 0)}, at 3%: ${
        percent(keptIn(requantized(rows, "nf4"), 0.03), 0)
      }.`,
  },
  {
    text: "Merged into the floats before these are quantized, a small update survives",
    rule: `when at ${100 * small}% from ${100 * keptShare} to ${
      200 - 100 * keptShare
    }% survives, of every kind of weights, with both codes`,
    ours: (rows) => `${percent(keptIn(fromFloats(rows), small), 1)} survives`,
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
