/** LoRA+ over widths: how far apart the rates of A and B should be on linear teachers. @module */

import { mean } from "../../src/core/numbers.ts";
import { type DataTable, type Figure, linesFigure, table } from "../../src/figures/mod.ts";
import { type Claim, type Experiment, experiment, type ExperimentContext } from "../frame/mod.ts";
import { logSlope } from "../which_scale/which_scale.ts";
import {
  bestRatio,
  edgeOf,
  gains,
  halfOfSteps,
  inCell,
  judgedSteps,
  meanLog,
  overWidths,
  type RatioRows,
  standardError,
} from "./read.ts";
import { lengths, type RatioRow, ratios, widthRows, widths } from "./search.ts";
import { type Examples, rank } from "./student.ts";
import shipped from "./widths.json" with { type: "json" };

const kinds: readonly Examples[] = ["few", "many"];

const widest = widths.at(-1)!, narrowest = widths[0];

/** The width and seeds of every job: the rule is about the mean of three. */
const liveWidth = 128, liveSeeds = [1, 2, 3] as const;

const short = (value: number): string => Number(value.toPrecision(2)).toLocaleString("en");

const slopesOf = (rows: RatioRows, examples: Examples, of: (rows: RatioRows) => number) =>
  overWidths(rows, examples, of).map(logSlope);

const slopeText = (slopes: readonly number[]): string =>
  `${mean(slopes).toFixed(2)} (${slopes.map((slope) => slope.toFixed(2)).join(", ")})`
    .replaceAll("-", "−");

/** Geometric means over seeds at each width. */
const valuesText = (rows: RatioRows, examples: Examples, of: (rows: RatioRows) => number) => {
  const seeds = overWidths(rows, examples, of);
  return widths.map((width, at) =>
    `${width}: ${short(Math.exp(mean(seeds.map((seed) => Math.log(seed[at][1])))))}`
  ).join("; ");
};

/** A mean of logs with two standard errors, as a factor. */
function factorText(logs: readonly number[]): string {
  const center = mean(logs), error = 2 * standardError(logs);
  const [low, at, high] = [center - error, center, center + error].map(Math.exp);
  return `${at.toFixed(2)} times (${low.toFixed(2)} to ${high.toFixed(2)})`;
}

const few = (width: number) => ({ examples: "few", width }) as const;

/** Loss and best rate at λ = 1/16 by those at 1, as the larger of x and 1/x. */
function differences(rows: RatioRows, width: number, examples: Examples) {
  const own = inCell(rows, { examples, width });
  const times = (key: "loss" | "rate") =>
    Math.exp(Math.abs(meanLog(own, 1 / 16, key) - meanLog(own, 1, key)));
  return { loss: times("loss"), rate: times("rate") };
}

/** The correction of all claims' measurement. */
const corrected =
  "2026-12-02: the search of a rate begins below the best one, where losses are smooth";

/** Claim 4 of rules.md, on the widths given. */
const plateauClaim = (text: string, where: readonly number[]): Claim<RatioRows> => {
  const all = (rows: RatioRows) =>
    where.flatMap((width) => kinds.map((examples) => differences(rows, width, examples)));
  return {
    text,
    corrected,
    rule:
      "when the mean loss at λ = 1/16 is that at λ = 1 within a factor of 1.25, and the best √(η_A·η_B) within √2, with " +
      `few and with many examples${where.length > 1 ? ", at every width" : ""}`,
    ours: (rows) =>
      `loss within ${
        Math.max(...all(rows).map(({ loss }) => loss)).toFixed(2)
      } times, rate within ${Math.max(...all(rows).map(({ rate }) => rate)).toFixed(2)}`,
    holds: (rows) =>
      all(rows).every(({ loss, rate }) => loss <= 1.25 && rate <= Math.SQRT2 * (1 + 1e-9)),
  };
};

/** Claims 5 and 6. */
const edgeClaim = (examples: Examples, power: number, text: string): Claim<RatioRows> => ({
  text,
  rule:
    `when the slope of log edge against log n is within ¼ of ${power}, with ${examples} examples; the edge is where the ` +
    "loss is twice that of λ = 1",
  corrected,
  ours: (rows) => slopeText(slopesOf(rows, examples, edgeOf)),
  holds: (rows) => Math.abs(mean(slopesOf(rows, examples, edgeOf)) - power) <= 0.25,
  found: (rows) => `Edges: ${valuesText(rows, examples, edgeOf)}.`,
});

const claims: readonly Claim<RatioRows>[] = [
  {
    text: "The best ratio of the rates of B and A grows as the width",
    rule:
      "when the slope of the log of the best λ against log n is within ½ of 1, with few examples; chance is 0 ± 0.7",
    corrected,
    quote:
      "“using the same learning rate for A and B does not allow efficient feature learning” (2402.12354, abstract)",
    ours: (rows) => slopeText(slopesOf(rows, "few", bestRatio)),
    holds: (rows) => Math.abs(mean(slopesOf(rows, "few", bestRatio)) - 1) <= 0.5,
    found: (rows) =>
      `Best λ with few examples: ${valuesText(rows, "few", bestRatio)}; with many: ${
        valuesText(rows, "many", bestRatio)
      }, a slope of ${slopeText(slopesOf(rows, "many", bestRatio))}.`,
  },
  {
    text: "One rate for A and B loses, and more the wider the layer is",
    rule:
      `when the loss at λ = 1 by that at the best λ of the other seeds is above 1 at n = ${widest} by more than two standard ` +
      `errors, and larger than at ${narrowest}, with few examples`,
    corrected,
    quote: "LoRA+ “improves performance (1-2% improvements)” (2402.12354, abstract)",
    ours: (rows) => factorText(gains(rows, few(widest))),
    holds(rows) {
      const wide = gains(rows, few(widest));
      return mean(wide) > 2 * standardError(wide) &&
        mean(wide) > mean(gains(rows, few(narrowest)));
    },
    found: (rows) =>
      kinds.map((examples) =>
        `With ${examples}: ${
          [narrowest, widest].map((width) =>
            `n = ${width}: ${factorText(gains(rows, { examples, width }))}`
          ).join("; ")
        }.`
      ).join(" "),
    note:
      "No model: linear teachers of LoRA's own rank, 50 steps, and every ratio at a rate of its own. Where a rate is fixed " +
      "beforehand and too low, more for B helps.",
  },
  {
    text: "With two rates half of the steps are enough",
    rule:
      `when at n = ${widest} the best λ of the other seeds has after ${halfOfSteps} steps at most the loss that λ = 1 has after ` +
      `${judgedSteps}, with few examples`,
    corrected,
    quote: "“up to ∼ 2X SpeedUp” (2402.12354, abstract)",
    ours: (rows) =>
      `λ = 1 after ${judgedSteps} steps has ${
        factorText(gains(rows, few(widest), halfOfSteps))
      } the loss`,
    holds: (rows) => mean(gains(rows, few(widest), halfOfSteps)) >= 0,
  },
  plateauClaim("Up to some ratio the loss depends on the product of the two rates alone", widths),
  edgeClaim(
    "few",
    1,
    "The largest ratio that does not lose grows as the width where the examples stay the same",
  ),
  edgeClaim(
    "many",
    0.5,
    "The largest ratio that does not lose grows as the root of the width where examples grow with it",
  ),
];

const ratioTable = (id: string) => (rows: RatioRows): DataTable =>
  table({
    id,
    title: "The best run of every ratio",
    columns: [
      ["examples", "examples", "text"],
      ["steps", "steps", "count"],
      ["width", "n", "count"],
      ["seed", "seed", "count"],
      ["ratio", "λ = η_B/η_A", "number"],
      ["rate", "best √(η_A·η_B)", "number"],
      ["loss", "loss left", "share"],
      ["tried", "rates tried", "count"],
    ],
    rows,
  });

/** Loss by ratio, a line for each width. */
const ratioFigure = (examples: Examples, id: string) => (rows: RatioRows): Figure =>
  linesFigure(
    {
      id: `${id}-${examples}`,
      title: `Loss after ${judgedSteps} steps by the ratio of the two rates, ${examples} examples`,
      caption:
        "The geometric mean of three seeds, each ratio at its best rate. To the left of the edge the ratio does not " +
        "matter; the edge moves with the width.",
      x: { title: "λ = η_B/η_A", log: true },
      y: { title: "share of the loss that is left", log: true },
    },
    widths.filter((width) => inCell(rows, { examples, width }).length > 0).map((width) => ({
      name: `n = ${width}`,
      x: [...ratios],
      y: ratios.map((ratio) => Math.exp(meanLog(inCell(rows, { examples, width }), ratio))),
    })),
  );

const settings =
  `Linear teachers of rank ${rank}, LoRA of rank ${rank}, Adam at constant rates, ${judgedSteps} steps; few: 32 examples, ` +
  "many: 2n in batches of n/8; the rate by factors of √2. The rules are in experiments/lora_plus/rules.md, with the theory.";

/** Both kinds of examples at some widths, for every seed. */
async function rowsAt(
  { device, seeds }: Pick<ExperimentContext, "device" | "seeds">,
  { at, steps }: { readonly at: readonly number[]; readonly steps: readonly number[] },
): Promise<RatioRow[]> {
  const rows: RatioRow[] = [];
  for (const width of at) {
    for (const examples of kinds) {
      for (const seed of seeds) {
        rows.push(...await widthRows(device, { examples, width, seed, lengths: steps }));
      }
    }
  }
  return rows;
}

/** Every width, quoted. */
export const loraPlusWidths: Experiment = experiment<never, RatioRows>({
  name: "lora-plus-widths",
  title: "LoRA+ over widths",
  question:
    "LoRA+ gives B a higher rate than A, and says that the best ratio grows with the width. Which ratio is best on linear " +
    "teachers of 64 to 2,048 inputs, and what does one rate cost?",
  source: "Hayou, Ghosh and Yu 2024 (2402.12354)",
  quoted: { ...shipped, rows: shipped.rows as unknown as RatioRows },
  rows: (_, context) => rowsAt(context, { at: widths, steps: lengths }),
  seeds: "{seeds}",
  settings,
  scale: true,
  beyond: true,
  claims,
  tables: [ratioTable("lora-plus-widths")],
  figures: kinds.map((examples) => ratioFigure(examples, "lora-plus-widths")),
});

/** One width, in every job. */
export const loraPlusHere: Experiment = experiment<never, RatioRows>({
  name: "lora-plus",
  seconds: 4,
  title: `LoRA+ at ${liveWidth} inputs`,
  question: "Does the ratio of the rates of B and A matter below the edge, or their product alone?",
  source: "Hayou, Ghosh and Yu 2024 (2402.12354)",
  rows: (_, { device }) =>
    rowsAt({ device, seeds: liveSeeds }, { at: [liveWidth], steps: [judgedSteps] }),
  seeds: liveSeeds.join(", "),
  settings,
  scale: true,
  beyond: true,
  claims: [
    plateauClaim(
      `At ${liveWidth} inputs the loss depends on the product of the two rates alone, up to some ratio`,
      [liveWidth],
    ),
  ],
  tables: [ratioTable("lora-plus")],
  figures: kinds.map((examples) => ratioFigure(examples, "lora-plus")),
});
