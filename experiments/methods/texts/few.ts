/** Few examples: table 16. @module */

import { grouped } from "../../../src/core/numbers.ts";
import { axis, baseLayout, dots, line, logCountAxis } from "../../../src/figures/mod.ts";
import { colorsOf } from "../../../src/figures/figure.ts";
import type { PlanContext, PlannedRun } from "../../frame/mod.ts";
import { claimsOn } from "../claims.ts";
import type { MethodRow } from "../comparison.ts";
import type { StudiedMethod } from "../methods.ts";
import { accuracyValue } from "../pictures.ts";
import { methodsExperiment } from "../study.ts";
import { noiseOf } from "./differences.ts";
import shipped from "./few.json" with { type: "json" };
import { fewClaims } from "./few_claims.ts";
import { compareFew } from "./few_comparison.ts";
import { type ChosenText, fewRateOf, fewSearched, planReported } from "./reported.ts";
import { baselinesOn, textColumns, textRow } from "./rows.ts";
import { fewest } from "./search.ts";
import { fewPasses, fewTask, openFew, openWhole, wholeSizes } from "./sizes.ts";
import { noTextData } from "./tasks.ts";
import { textSettings } from "./texts.ts";

const all = wholeSizes[fewTask.name].train;

/** The numbers of examples. */
const amounts = [...Object.keys(fewPasses).map(Number), all];

/** A number as a size: `1,000 texts`. */
const sizeOf = (examples: number) => `${grouped(examples)} texts`;

const examplesOf = ({ size }: Pick<MethodRow, "size">) =>
  amounts.find((examples) => sizeOf(examples) === size)!;

/** Draws of the fewest examples in a whole job, where three of more are enough. */
const fewestDraws = Array.from({ length: 10 }, (_, draw) => draw + 1);

/** The runs with so many texts: all texts are those of every method's runs, and share their folders. */
async function runsWith(
  examples: number,
  { seeds, quick }: PlanContext,
): Promise<PlannedRun<ChosenText>[]> {
  const draws = examples === fewest && !quick ? fewestDraws : seeds;
  const methods = quick ? fewSearched.slice(0, 1) : fewSearched;
  const runs = await Promise.all(draws.map(async (seed) => {
    const study = (await (examples === all ? openWhole(quick) : openFew(examples, seed, quick)))!;
    return methods.map((method) => planReported(study, fewTask, chosenAt(examples, method, seed)));
  }));
  return runs.flat();
}

const chosenAt = (examples: number, method: StudiedMethod, seed: number) => {
  const size = { ...method.sizes[0], size: sizeOf(examples) };
  return { method, size, seed, ...fewRateOf(examples, method) };
};

/** Methods on few, more and all examples. */
export const lowData = methodsExperiment({
  ...accuracyValue,
  name: "low-data",
  title: "Few examples",
  question:
    "Which methods still learn from 100 labeled examples? The encoder is that of “Every method on a real encoder”.",
  source: "Hu et al. 2021, appendix F.3, table 16 (MNLI with GPT-3)",
  settings: `${fewTask.name}: ${
    Object.entries(fewPasses).map(([examples, passes]) =>
      `${passes} passes over ${sizeOf(Number(examples))}`
    ).join(", ")
  }, ${
    wholeSizes[fewTask.name].passes
  } over all; all methods have the same draws of texts, ${fewestDraws.length} of ` +
    `${fewest} and three of more; ${textSettings} Rates were searched at ${fewest} texts and with all; the latter ` +
    "serve 1,000, where there are as many steps as in that search. The noise (±) is two standard errors of a " +
    "difference, of draws and seeds and of the reported texts.",
  shipped,
  lacking: fewSearched.length === 0 ? "the search of their rates is not made" : noTextData,
  async runs(context) {
    if (!await openWhole(context.quick)) {
      return [];
    }
    return (await Promise.all(amounts.map((examples) =>
      runsWith(examples, context)
    ))).flat();
  },
  row: textRow,
  async baselines({ quick }) {
    return (await baselinesOn((await openWhole(quick))!, fewTask)).map((row) => ({
      ...row,
      size: sizeOf(all),
    }));
  },
  isPooled: () => true,
  noiseBetween: (rows) => {
    const { difference } = compareFew(rows);
    return (a, b) => noiseOf(difference(a.key, b.key, a.size, b.size));
  },
  claims: (_, rows) => claimsOn(compareFew(rows), fewClaims),
  rules: fewClaims,
  against: (compared) => compared.cell("full", sizeOf(fewest)),
  columns: textColumns,
  figure: {
    title: "Table 16 on a real encoder: accuracy against the number of examples",
    caption: "A mark for each draw of texts and seed, lines through their means. Higher is better.",
  },
  draw(rows, { cells }) {
    const trained = cells.filter(({ family }) => family !== "baseline");
    const groups = [...Map.groupBy(trained, ({ label }) => label)];
    const colors = colorsOf(groups.map(([label]) => label));
    const data = groups.flatMap(([name, own], place) => {
      const color = colors[place], quiet = { showlegend: false, hoverinfo: "skip" };
      const runs = rows.filter(({ label }) => label === name);
      return [
        line(own, examplesOf, ({ mean }) => mean, { color, width: 1.5 }, quiet),
        dots(runs, examplesOf, ({ value }) => value, { color, size: 9 }, { name }),
      ];
    });
    const layout = baseLayout(logCountAxis("texts to train on"), axis(accuracyValue.heading));
    return { data, layout };
  },
});
