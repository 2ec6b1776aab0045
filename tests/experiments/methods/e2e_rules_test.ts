/** The rules of decision 0030 on made-up rows that just keep and just break them. */

import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { claimsOn } from "../../../experiments/methods/comparison.ts";
import {
  e2eClaims,
  meansTable,
  methodsOnE2e,
  metricsFigure,
  noiseTable,
} from "../../../experiments/methods/e2e/e2e.ts";
import {
  choiceNoise,
  E2eComparison,
  e2eMetrics,
  type E2eRow,
  valuesOf,
} from "../../../experiments/methods/e2e/rows.ts";
import { plotSvg } from "../../../src/figures/still.ts";
import { figureFaults } from "../../support/figure_rules.ts";
import { outcomeWithoutData } from "../without_data.ts";

/** BLEU, NIST, METEOR, ROUGE-L and CIDEr. */
type Means = readonly [number, number, number, number, number];

const all = (mean: number): Means => [mean, mean, mean, mean, mean];

/** Two seeds, ±0.01 about the means: a noise floor of 2 · √0.0002 = 0.0283 in every metric. */
const noise = 2 * Math.sqrt(2e-4);

function runs(key: string, means: Means, trained = 1000): E2eRow[] {
  const family = key === "full" ? "full" : key === "prefix-layer" ? "prefix" : "LoRA";
  const row = { key, label: key, family, size: "", trained, compared: 1 } as const;
  return [-0.01, 0.01].map((off, at) => {
    const [value, nist, meteor, rougeL, cider] = means.map((mean) => mean + off);
    return {
      ...{ ...row, seed: at + 1, learningRate: 1e-3, loss: 1 },
      ...{ value, nist, meteor, rougeL, cider, choice: 0.5 },
    };
  });
}

/** A row that is not trained. */
const untrained = (key: string, value: number): E2eRow => ({
  ...{ key, label: key, family: "baseline", size: "none", trained: 0, compared: 0 },
  ...{ value, nist: value, meteor: value, rougeL: value, cider: value },
});

const baselines = [
  ...["full", "adapter-l", "adapter-l-large", "adapter-h-large", "top-layers", "prefix-layer"],
];

/** LoRA at 3 in all metrics, and others that it is better than or not. */
const made = (others: readonly Means[], { trained = 1000, chance = 1 } = {}): E2eRow[] => [
  ...["base", "values"].map((key) => untrained(key, chance)),
  ...baselines.flatMap((key, i) => runs(key, others[i], trained)),
  ...runs("lora-qv", all(3)),
];

const verdicts = (rows: readonly E2eRow[]) =>
  claimsOn(new E2eComparison(rows), e2eClaims).map((claim) => claim.holds(undefined));

/** So many others that are below LoRA as said, the rest level with it. */
const below = (count: number, means: Means): Means[] =>
  baselines.map((_, i) => i >= baselines.length - count ? means : all(3));

const table3 = (rows: readonly E2eRow[]) => verdicts(rows)[0];

Deno.test("table 3: better than three of six, in three metrics and behind in none", () => {
  const [less, same] = [3 - noise - 1e-9, 3 - noise + 1e-9];
  assertEquals(table3(made(below(3, all(less)))), true);
  assertEquals(table3(made(below(3, all(same)))), false);
  assertEquals(table3(made(below(2, all(1.5)))), false);
  assertEquals(table3(made(below(3, [less, less, less, 3, 3]))), true);
  assertEquals(table3(made(below(3, [less, less, 3, 3, 3]))), false);
  assertEquals(table3(made(below(3, [less, less, less, less, 3 + noise + 1e-9]))), false);
});

Deno.test("table 3: with 0.9 times the values, and better than what is not trained", () => {
  const others = below(6, all(2));
  assertEquals(table3(made(others, { trained: 900 })), true);
  assertEquals(table3(made(others, { trained: 899 })), false);
  assertEquals(table3(made(others, { chance: 2.9999 })), false);
  const rows = made(others).filter(({ key }) => key !== "values");
  assertEquals(verdicts(rows), []); // Left out.
});

Deno.test("on a par: below full fine-tuning in at most two metrics", () => {
  const more = 3 + noise + 1e-9;
  const par = (full: Means, chance = 1) =>
    verdicts(made([full, ...below(5, all(3)).slice(1)], { chance }))[1];
  assertEquals(par(all(3 + noise - 1e-9)), true);
  assertEquals(par([more, more, 3, 3, 3]), true);
  assertEquals(par([more, more, more, 3, 3]), false);
  assertEquals(par(all(2)), true);
  assertEquals(par(all(2), 1.9999), false); // Neither has learned anything.
});

Deno.test("one seed has no noise floor, and the claims say so", () => {
  const rows = made(below(6, all(2))).filter(({ seed }) => seed !== 2);
  const compared = new E2eComparison(rows), [claim] = claimsOn(compared, e2eClaims);
  assert(Number.isNaN(compared.metrics[0].compared.noise));
  assertMatch(claim.found!(undefined), /One seed has no noise floor\.$/);
});

Deno.test("a step of the figure for each metric, and tables with what is noise", async () => {
  const rows = made(below(3, all(2))), figure = metricsFigure(rows);
  assertEquals(
    figure.slider!.steps.map(({ label }) => label),
    e2eMetrics.map(({ label }) => label),
  );
  assertEquals(figureFaults(figure), []);
  assertMatch(await plotSvg(figure), /^<svg/);
  const [base, , full] = meansTable(rows).rows;
  assertEquals([base.value, base.valueDetail, base.choice], ["1.0", undefined, undefined]);
  assertEquals([full.value, full.valueDetail], ["3.0", "3.0"]);
  assertEquals(full.choice, "+0.0 (meanings ± 1.0)");
  assertEquals(noiseTable(rows).rows[1], { label: "NIST", noise: noise.toFixed(3) });
});

Deno.test("the values of a meaning, and the noise of drawing meanings anew", () => {
  const meaning = "name[Blue Spice], eatType[pub], area[riverside]";
  assertEquals(valuesOf({ meaning }), "Blue Spice, pub, riverside.");
  const references = ["a pub by the river bank"], right = { output: references[0], references };
  const wrong = { output: "a cheap cafe in town", references };
  assertEquals(choiceNoise([right, wrong], [right, wrong]), 0);
  // Of two texts 0, 1 or 2 are right, with chances 1/4, 1/2 and 1/4.
  const noise = choiceNoise([right, wrong], [wrong, wrong]);
  assertAlmostEquals(noise, choiceNoise([wrong, wrong], [right, wrong]), 1e-9);
  assert(noise > 10 && noise < 50, `${noise}`);
});

Deno.test("without the data a full job says in a line that the study was left out", async () => {
  const outcome = await outcomeWithoutData(methodsOnE2e, { full: true });
  const { settings, findings, figures, tables } = outcome;
  assertMatch(settings, /^Left out: LOWRANK_DATA is not a folder with models\/SmolLM2-135M/);
  assertEquals([...findings, ...figures, ...tables], []);
});
