/** The scale of LoRA's change: gradients by rank, measured in every job, and best rates by α/r. @module */

import { mean } from "../../src/core/numbers.ts";
import { type DataTable, type Figure, linesFigure, table } from "../../src/figures/mod.ts";
import { type Claim, type Experiment, experiment } from "../frame/mod.ts";
import { draws, gradientRanks, type GradientRow, gradientRows, scaleRules } from "./gradients.ts";
import { rateRank, type RateRow, rateRows, rateSeeds, scales } from "./rates.ts";
import shipped from "./rates.json" with { type: "json" };

/** Slope of log y against log x, by least squares. */
export function logSlope(points: readonly (readonly [x: number, y: number])[]): number {
  const logs = points.map(([x, y]) => [Math.log(x), Math.log(y)] as const);
  const [mx, my] = [0, 1].map((at) => mean(logs.map((log) => log[at])));
  const up = logs.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0);
  return up / logs.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
}

/** The norms that are measured. */
const norms = ["start", "ofA", "ofB"] as const;

const slopes = { power: 0.5, within: 0.1 } as const;

const slopeOf = (rows: readonly GradientRow[], norm: typeof norms[number]): number =>
  logSlope(rows.map((row) => [row.rank, row[norm]]));

const two = (value: number): string => value.toFixed(2).replace("-", "−");

const gradientClaim: Claim<readonly GradientRow[]> = {
  text: "With α/√r gradients do not depend on the rank; with α/r they vanish as 1/√r",
  rule:
    `when the slopes of log norm against log r at one scale, of ∂B at the start and of ∂A and ∂B after a few steps, are ` +
    `½ within ${slopes.within}: then they are −½ with α/r and 0 with α/√r`,
  corrected:
    "2026-12-02: means of 8 draws of A, at one scale, after 5 steps of 1e-7 instead of 20 of 1e-5",
  quote:
    "“LoRA adapters should be divided by a factor of the square root of the rank” (2312.03732, abstract)",
  ours: (rows) => norms.map((norm) => two(slopeOf(rows, norm))).join(", "),
  holds: (rows) =>
    norms.every((norm) => Math.abs(slopeOf(rows, norm) - slopes.power) <= slopes.within),
};

const gradientTable = (rows: readonly GradientRow[]): DataTable =>
  table({
    id: "which-scale",
    title: "Norms of gradients by rank, with s = 1",
    columns: [
      ["rank", "r", "count"],
      ["start", "‖∂B‖ at the start", "number"],
      ["ofA", "‖∂A‖ after 5 steps", "number"],
      ["ofB", "‖∂B‖ after 5 steps", "number"],
    ],
    rows,
  });

const gradientFigure = (rows: readonly GradientRow[]): Figure =>
  linesFigure(
    {
      id: "which-scale",
      title: "The gradient of B at the start, by rank",
      caption:
        `LoRA on q and v of models/tiny-skills, α = 8, the root mean square of ${draws} draws of A; seed {seed}. Flat is ` +
        "what rsLoRA is for.",
      x: { title: "rank", log: true },
      y: { title: "‖∂L/∂B‖", log: true },
    },
    scaleRules.map(({ name, scale }) => ({
      name: `s = ${name}`,
      x: rows.map(({ rank }) => rank),
      y: rows.map(({ rank, start }) => scale(rank) * start),
    })),
  );

/** Gradients by rank, in every job. */
export const scaleGradients: Experiment = experiment<never, readonly GradientRow[]>({
  name: "which-scale",
  seconds: 8,
  title: "Which scale: gradients by rank",
  question:
    "LoRA's change is s·B·A. How large are the gradients of A and B at each rank where s is α/r, as in the paper, α/√r " +
    "(rsLoRA), or the same at every rank?",
  source: "Kalajdzievski 2023 (2312.03732)",
  rows: (_, { device, quick, seeds: [seed] }) =>
    gradientRows(
      device,
      quick ? { ranks: [1, 16], draws: 1, seed } : { ranks: gradientRanks, draws, seed },
    ),
  seeds: "{seed}",
  settings:
    `models/tiny-skills, LoRA on q and v, one batch of Caesar's cipher +5, ${draws} draws of A at each rank; 5 steps of Adam ` +
    "with a rate of 1e-7. The rules are in experiments/which_scale/rules.md, with the theory.",
  beyond: true,
  claims: [{ ...gradientClaim, quick: false }],
  tables: [gradientTable],
  figures: [gradientFigure],
});

type Rates = readonly RateRow[];

/** Ratios of LoRA's best rate to full fine-tuning's, one for each seed. */
const ratiosAt = (rows: Rates, scale: number): number[] =>
  rows.filter((row) => row.scale === scale).map(({ seed, learningRate }) =>
    learningRate / rows.find((row) => row.scale === undefined && row.seed === seed)!.learningRate
  );

/** Their geometric mean. */
const ratioAt = (rows: Rates, scale: number): number =>
  Math.exp(mean(ratiosAt(rows, scale).map(Math.log)));

const short = (value: number): string => Number(value.toPrecision(2)).toString();

const ratiosText = (rows: Rates): string =>
  scales.map((scale) => `α/r = ${scale}: ${short(ratioAt(rows, scale))}`).join("; ");

const rateSlope = (rows: Rates): number =>
  logSlope(scales.map((scale) => [scale, ratioAt(rows, scale)]));

/** Nats above which a search has found no rate at which anything is learned. */
const nothingLearned = 1;

/** The mean at an α/r without searches that found nothing, in words; empty where every search found a rate. */
const withoutFailed = (rows: Rates): string =>
  scales.flatMap((scale) => {
    const own = rows.filter((row) => row.scale === scale);
    const failed = own.filter(({ loss }) => loss > nothingLearned);
    if (failed.length === 0) return [];
    const left = rows.filter((row) => !failed.includes(row));
    const named = failed.map(({ seed, loss }) => `seed ${seed}, ${loss.toFixed(2)} nats`);
    return `At α/r = ${scale} a search ended where nothing is learned (${
      named.join("; ")
    }): without it ${short(ratioAt(left, scale))}.`;
  }).join(" ");

const rateClaims: readonly Claim<Rates>[] = [
  {
    text: "The higher α/r, the lower LoRA's best rate",
    rule:
      "when the geometric mean of its ratios to full fine-tuning's falls from each α/r to the next",
    ours: ratiosText,
    holds: (rows) =>
      scales.slice(1).every((scale, at) => ratioAt(rows, scale) < ratioAt(rows, scales[at])),
    found: withoutFailed,
  },
  {
    text: "LoRA's best rate falls as 1/(α/r)",
    rule: "when the slope of log ratio against log α/r is within 0.25 of −1",
    ours: (rows) => two(rateSlope(rows)),
    holds: (rows) => Math.abs(rateSlope(rows) + 1) <= 0.25,
    note: "Without the search that found nothing it is −0.53.",
  },
  {
    text:
      "Best rates of at least 10 and of at most 2 times full fine-tuning's are both found, at different α/r",
    rule: "when the ratio is at least 10 at α/r = ¼ or 1 and at most 2 at 16 or 64",
    ours: ratiosText,
    holds: (rows) =>
      [0.25, 1].some((scale) => ratioAt(rows, scale) >= 10) &&
      [16, 64].some((scale) => ratioAt(rows, scale) <= 2),
    found: withoutFailed,
    note:
      "Weak: 10 is just the mark. The rules ask for it “beyond a factor of 2 that is the grid's”, which is not coded: so read, " +
      "it does not hold.",
  },
  {
    text: "With α = 32 at r = 8 LoRA's best rate is about 10 times full fine-tuning's",
    rule: "when the ratio at α/r = 4 is between 5 and 20",
    ours: (rows) => `${short(ratioAt(rows, 4))} (${ratiosAt(rows, 4).map(short).join(", ")})`,
    holds: (rows) => ratioAt(rows, 4) >= 5 && ratioAt(rows, 4) <= 20,
    note:
      "The post has α = 32 at every rank, and finds that its ten hardly depends on the rank; of its ranks only 8 was " +
      "trained here.",
  },
];

const rateTable = (rows: Rates): DataTable =>
  table({
    id: "which-scale-rates",
    title: "Best rates",
    columns: [
      ["scale", "α/r", "number"],
      ["seed", "seed", "count"],
      ["learningRate", "best rate", "number"],
      ["end", "end of the grid", "text"],
      ["loss", "nats per character", "nats"],
      ["tried", "rates tried", "count"],
    ],
    rows,
  });

const rateFigure = (rows: Rates): Figure => ({
  ...linesFigure(
    {
      id: "which-scale-rates",
      title: "LoRA's best rate by full fine-tuning's, against α/r",
      caption:
        `LoRA of rank ${rateRank} on all linear layers; a line for each seed ({seeds}), known to a factor of 2.` +
        (withoutFailed(rows) && ` ${withoutFailed(rows)}`),
      x: { title: "α/r", log: true },
      y: { title: "best rate / full fine-tuning's", log: true },
    },
    rateSeeds.filter((seed) => rows.some((row) => row.seed === seed)).map((seed) => ({
      name: `seed ${seed}`,
      x: [...scales],
      y: scales.map((scale) => ratiosAt(rows.filter((row) => row.seed === seed), scale)[0]),
    })),
  ),
});

/** Best rates by α/r, quoted. */
export const scaleRates: Experiment = experiment<never, Rates>({
  name: "which-scale-rates",
  title: "Which scale: the best rate",
  question:
    "How many times full fine-tuning's is LoRA's best rate, as a function of α/r at one rank?",
  source: "Schulman 2025 (LoRA Without Regret); Kalajdzievski 2023",
  quoted: { ...shipped, rows: shipped.rows as unknown as Rates },
  rows: (_, { device, out, signal, seeds }) =>
    rateRows({ device, folder: `${out}/runs`, signal }, seeds),
  seeds: "{seeds}",
  settings:
    `models/tiny-skills on Caesar's cipher +5, LoRA of rank ${rateRank} on all linear layers, 300 steps; rates by factors ` +
    "of 2, the least loss on 200 inputs for validation. The rules are in experiments/which_scale/rules.md.",
  scale: true,
  beyond: true,
  claims: rateClaims,
  tables: [rateTable],
  figures: [rateFigure],
});
