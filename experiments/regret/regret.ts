/** "LoRA without regret" at small scale. @module */

import { mean } from "../../src/core/numbers.ts";
import { colorsOf, ticksAt } from "../../src/figures/figure.ts";
import {
  axis,
  baseLayout,
  type DataTable,
  dots,
  type Figure,
  line,
  logAxis,
  palette,
  table,
  type Trace,
} from "../../src/figures/mod.ts";
import { type Experiment, experiment, LeftOut } from "../frame/mod.ts";
import {
  cellsOf,
  noiseOf,
  rateRatios,
  regretClaims,
  type RegretRow,
  type RegretRows,
  rowsOf,
  searchedRates,
} from "./claims.ts";
import measured from "./regret.json" with { type: "json" };
import {
  alpha,
  bestExponents,
  everywhere,
  factCounts,
  factSteps,
  full,
  largeSize,
  lowestPlace,
  pairSize,
  pairSteps,
  planRegret,
  rateOf,
  type RegretMethod,
  type RegretRun,
  settings,
  triedRates,
  triedWith,
} from "./runs.ts";

const named = ({ rank }: RegretMethod) => rank === undefined ? full.label : `LoRA, r = ${rank}`;

const colors = colorsOf(everywhere.map(named));
const colorOf = ({ key }: RegretMethod) => colors[everywhere.findIndex((one) => one.key === key)];

const settingOf = (method: RegretMethod) =>
  settings.find((one) => one.part === "pairs" && one.method.key === method.key)!;

/** The search: loss over rate, the lowest point of each method marked. */
function searchFigure(): Figure {
  const methods = everywhere.map((method) => {
    const tried = triedWith(settingOf(method)), rates = triedRates(tried);
    const points = rates.map(({ rate, losses }) => ({ rate, loss: mean(losses) }));
    const lowest = points[lowestPlace(tried)].loss;
    const best = bestExponents(tried).map((exponent) => ({ rate: 10 ** exponent, loss: lowest }));
    return { method, points: points.filter(({ loss }) => Number.isFinite(loss)), best };
  });
  const lowest = Math.min(...methods.flatMap(({ points }) => points.map(({ loss }) => loss)));
  const best = methods.map(({ best }) => best[0].loss), reach = 0.15 + Math.max(...best) - lowest;
  return {
    id: "regret-search",
    title: "Loss over the learning rate, where nothing is reported",
    caption:
      "Means of two seeds of the search, on the validation split. Diamonds: each seed's best rate, by " +
      "a parabola through the three rates around the lowest mean, drawn at the height of that mean. " +
      "Losses far above are not shown.",
    data: methods.flatMap(({ method, points, best }): Trace[] => {
      const color = colorOf(method), group = { legendgroup: method.key };
      const [rate, loss] = [
        ({ rate }: { rate: number }) => rate,
        ({ loss }: { loss: number }) => loss,
      ];
      return [
        {
          ...line(points, rate, loss, { color, width: 2 }, { ...group, name: named(method) }),
          mode: "lines+markers",
        },
        dots(best, rate, loss, { color, size: 13, symbol: "diamond-open", line: { width: 2 } }, {
          ...{ ...group, showlegend: false },
          hovertemplate: `${named(method)}, best rate %{x:.2e}<extra></extra>`,
        }),
      ];
    }),
    layout: baseLayout(
      logAxis("learning rate", ticksAt([3e-4, 1e-3, 3e-3, 1e-2, 3e-2])),
      axis("held-out loss (nats per token)", { range: [lowest - 0.02, lowest + reach] }),
      { showlegend: true },
    ),
  };
}

/** LoRA's best rate by full fine-tuning's at each rank, with the noise floor. */
function ratioFigure({ rates }: RegretRows): Figure {
  const { ratios, noise } = rateRatios(rates);
  const points = ratios.map(({ rank, exponent }) => ({ rank, ratio: 10 ** exponent }));
  const ends = [ratios[0].rank / 1.3, ratios.at(-1)!.rank * 1.3];
  const mark = (ratio: number, name: string, dash: "dash" | "dot") =>
    line(ends, (end) => end, () => ratio, { color: palette.base, width: 1.5, dash }, { name });
  return {
    id: "regret-ratio",
    title: "LoRA's best rate by that of full fine-tuning",
    caption:
      "Geometric means of two seeds of the search; bars: the noise floor of one ratio, two " +
      "standard errors, by the spread of the two seeds.",
    data: [
      mark(10, "10, the post", "dash"),
      mark(3, "3, others", "dot"),
      {
        ...dots(points, ({ rank }) => rank, ({ ratio }) => ratio, {
          color: palette.series[0],
          size: 11,
        }, { name: "measured" }),
        error_y: {
          type: "data",
          symmetric: false,
          array: points.map(({ ratio }) => ratio * (10 ** noise - 1)),
          arrayminus: points.map(({ ratio }) => ratio * (1 - 10 ** -noise)),
          color: palette.series[0],
        },
      },
    ],
    layout: baseLayout(
      logAxis("rank of the update", ticksAt(ratios.map(({ rank }) => rank))),
      logAxis("ratio of the best rates", ticksAt([1, 2, 3, 5, 10, 20, 30, 50, 100])),
      { height: 380, showlegend: true },
    ),
  };
}

/** Loss of the facts over the logarithm of steps, for both numbers of facts. */
function factsFigures(rows: RegretRows): Figure[] {
  return factCounts.map((facts): Figure => {
    const own = rows.runs.filter(({ part, size }) => part === "facts" && size === facts);
    const steps = [...new Set(own.map(({ step }) => step))];
    const pointsOf = (key: string) =>
      steps.map((step) => ({ step, loss: mean(cellsOf(rows, "facts", facts, step).get(key)!) }));
    const noise = steps.map((step) => noiseOf(cellsOf(rows, "facts", facts, step)));
    return {
      id: `regret-facts-${facts}`,
      title: `${facts} facts: loss over steps`,
      caption:
        "Means of the seeds ({seeds}), each method at its best rate of another seed's facts. Bars: " +
        "the noise floor of a difference from full fine-tuning.",
      data: everywhere.map((method) => {
        const trace = line(pointsOf(method.key), ({ step }) => step, ({ loss }) => loss, {
          color: colorOf(method),
          width: 2,
        }, { name: named(method), mode: "lines+markers" });
        const array = noise.map((value) => Number.isFinite(value) ? value : 0);
        return method === full
          ? { ...trace, error_y: { type: "data", array, color: colorOf(method) } }
          : trace;
      }),
      layout: baseLayout(
        logAxis("step", ticksAt(steps)),
        axis("loss (nats per fact)", { rangemode: "tozero" }),
        { showlegend: true },
      ),
    };
  });
}

/** Draws the cost of larger steps on as many pairs. */
function batchFigure(rows: RegretRows): Figure {
  const inLarge = rows.runs.filter(({ part }) => part === "batch").map(({ key }) => key);
  const methods = everywhere.filter(({ key }) => inLarge.includes(key));
  const sizes = [["pairs", pairSize], ["batch", largeSize]] as const;
  return {
    id: "regret-batch",
    title: "The same pairs in small and in large steps",
    caption:
      "One mark for each seed ({seeds}), lines through the means; each at its own best rate.",
    data: methods.flatMap((method): Trace[] => {
      const color = colorOf(method), own = (key: string) => key === method.key;
      const runs = rows.runs.filter(({ part, key }) => part !== "facts" && own(key));
      const means = sizes.map(([part, size]) => {
        return { size, loss: mean(cellsOf(rows, part, size).get(method.key)!) };
      });
      return [
        line(means, ({ size }) => size, ({ loss }) => loss, { color, width: 1.5 }, {
          showlegend: false,
          hoverinfo: "skip",
        }),
        dots(runs, ({ size }) => size, ({ loss }) => loss, { color, size: 9 }, {
          name: named(method),
        }),
      ];
    }),
    layout: baseLayout(
      logAxis("pairs in a step", ticksAt(sizes.map(([, size]) => size))),
      axis("held-out loss (nats per token)"),
      { height: 380, showlegend: true },
    ),
  };
}

/** The loss of each method on pairs, by trained values. */
function placesFigure(rows: RegretRows): Figure {
  const own = rows.runs.filter(({ part }) => part === "pairs");
  const labels = [...new Set(own.map(({ label }) => label))];
  const noise = noiseOf(cellsOf(rows, "pairs", pairSize));
  const floor = Number.isFinite(noise)
    ? ` Means that differ by less than ${noise.toFixed(3)} nats, the noise floor, are alike.`
    : "";
  return {
    id: "regret-places",
    title: "Held-out loss, by where LoRA is",
    caption: `One mark for each seed ({seeds}), each method at its own best rate.${floor}`,
    data: [
      dots(own, ({ loss }) => loss, ({ label }) => label, { color: palette.series[0], size: 10 }),
    ],
    layout: baseLayout(
      axis("held-out loss (nats per token)"),
      axis("", { autorange: "reversed" }),
      { height: 160 + 34 * labels.length },
    ),
  };
}

/** Every reported run; of facts, every reported step. */
const runsTable = ({ runs }: RegretRows): DataTable =>
  table({
    id: "regret",
    title: "Every reported run",
    columns: [
      ["part", "part", "text"],
      ["label", "method", "text"],
      ["rank", "rank", "count"],
      ["size", "pairs in a step, or facts", "count"],
      ["seed", "seed", "count"],
      ["learningRate", "rate", "number"],
      ["trained", "trained values", "count"],
      ["step", "steps", "count"],
      ["loss", "loss (nats)", "nats"],
      ["key", "key", "text"],
    ],
    rows: runs,
  });

/** The best rate of each method and seed of the search. */
const ratesTable = ({ rates }: RegretRows): DataTable =>
  table({
    id: "regret-rates",
    title: "Best rates, finer than the grid, by seed of the search",
    columns: [
      ["method", "method", "text", ({ rank }) => rank === undefined ? full.label : `r = ${rank}`],
      ["first", "seed 1000", "number", ({ exponents }) => rounded(exponents[0])],
      ["second", "seed 1001", "number", ({ exponents }) => rounded(exponents[1])],
      [
        "ratio",
        "by full fine-tuning's",
        "number",
        ({ key }) =>
          rounded(rateRatios(rates).ratios.find(({ rank }) => key === `all-${rank}`)?.exponent),
      ],
    ],
    rows: rates,
  });

const rounded = (exponent?: number) =>
  exponent === undefined ? undefined : Number((10 ** exponent).toPrecision(3));

/** The post's rules for LoRA, on the tiny base. */
export const regret: Experiment = experiment<RegretRun, RegretRows>({
  name: "regret",
  title: "LoRA without regret",
  question:
    "Do the rules for LoRA that were found with models of 1 to 70 billion parameters hold for one of " +
    "1.9 million: ten times the learning rate, whatever the rank; all layers; small batches; enough " +
    "rank for what has to be learned? Every difference is compared with what another seed makes of it.",
  source:
    "Schulman et al. 2025, LoRA Without Regret (doi 10.64434/tml.20250929), at small scale; called " +
    "the post below. It was not at hand: its claims are told from copies and notes of it",
  runs: ({ seeds, quick }) =>
    (quick || seeds.length > 1 ? seeds : []).flatMap((seed) =>
      settings.map((setting) => {
        const learningRate = rateOf(setting), split = "test" as const;
        return planRegret({ setting, learningRate, seed, split }, quick);
      })
    ),
  quoted: { ...measured, rows: { runs: measured.rows as RegretRow[], rates: searchedRates() } },
  rows: (made) =>
    made.length > 0 ? { runs: made.flatMap(rowsOf), rates: searchedRates() } : new LeftOut(
      "a second seed, which --seeds 2 gives, is the noise floor of every difference",
    ),
  settings:
    `LoRA on all layers unless said, α = ${alpha} at every rank, A uniform within ±1/√d_in. ` +
    "AdamW, the rate constant, no warm-up, no decay. Definitions of WordNet's nouns, no pair twice: " +
    `${pairSteps} steps of ${pairSize} pairs, or as many pairs in steps of ${largeSize}; loss on 256 ` +
    "pairs whose words are in no training pair. Invented facts (three random " +
    `tokens and the fourth that follows): ${factSteps} steps of 64; loss on all of them. Rates: each ` +
    "method, part and size has its own, searched on other pairs or facts with other seeds.",
  scale: true,
  beyond: true,
  claims: regretClaims,
  tables: [ratesTable, runsTable],
  figures: [searchFigure, ratioFigure, placesFigure, batchFigure, factsFigures],
});
