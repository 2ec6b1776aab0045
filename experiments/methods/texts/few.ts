/** Few examples: table 16. @module */

import { grouped } from "../../../src/core/numbers.ts";
import { colorsOf } from "../../../src/figures/figure.ts";
import { axis, baseLayout, dots, line, logCountAxis } from "../../../src/figures/mod.ts";
import said from "../../../src/paper/printed/claims.json" with { type: "json" };
import { isShareAbove, parPoints, signed } from "../../differences.ts";
import type { PlanContext, PlannedRun } from "../../frame/mod.ts";
import { claimsOn, type MethodRow, type MethodsClaim, type StudiedMethod } from "../comparison.ts";
import { accuracyValue, methodsExperiment } from "../study.ts";
import shipped from "./few.json" with { type: "json" };
import {
  type ChosenText,
  fewest,
  fewPasses,
  fewRateOf,
  fewSearched,
  fewTask,
  labelOf,
  openFew,
  openWhole,
  planReported,
  wholeSizes,
} from "./plan.ts";
import { fewOnPaper } from "./printed.ts";
import {
  baselinesOn,
  compareFew,
  type FewComparison,
  isAbove,
  isOnPar,
  marginTo,
  noiseOf,
  shown,
  textColumns,
  textRow,
  undecidedIn,
  worstOf,
} from "./rows.ts";
import { noTextData } from "./tasks.ts";
import { textSettings } from "./texts.ts";

type FewClaim = MethodsClaim<FewComparison>;

const lora = "lora-qv", full = "full", prefixes = ["prefix-embedding", "prefix-layer"];

const all = [full, lora, ...prefixes];

const paper = fewOnPaper;

/** `full fine-tuning 60.2, LoRA (q, v) 63.8`, with the fewest examples. */
const atFewest = (compared: FewComparison, keys: readonly string[]) =>
  keys.map((key) => `${labelOf(key)} ${compared.meanOf(key, compared.sizes[0]).toFixed(1)}`)
    .join(", ");

const isAboveChance = ({ meanOf, sizes: [fewest], frequent, texts }: FewComparison, key: string) =>
  isShareAbove(meanOf(key, fewest), frequent, texts);

/** Full fine-tuning and LoRA, each less each prefix method, with the fewest examples. */
const abovePrefixes = ({ difference, sizes: [fewest] }: FewComparison) =>
  [full, lora].flatMap((key) => prefixes.map((prefix) => difference(key, prefix, fewest)));

/** LoRA less full fine-tuning at each number. */
const aboveFull = ({ difference, sizes }: FewComparison) =>
  sizes.map((size) => difference(lora, full, size));

const gapAt = ({ meanOf }: FewComparison, size: string) => {
  const [a, b, c, d] = all.map((key) => meanOf(key, size));
  return (a + b - c - d) / 2;
};

const chanceIn = ({ frequent }: FewComparison) =>
  `The most frequent label: ${frequent.toFixed(1)}%.`;

/** All claims on few examples. */
export const fewClaims: readonly FewClaim[] = [
  {
    reads: all,
    text:
      "Table 16: with 100 examples both prefix methods are worse than full fine-tuning and LoRA",
    rule:
      "when at 100 texts full fine-tuning and LoRA are each above both by more than the noise, and above the most " +
      "frequent label by more than two standard errors",
    ...said.table16Prefixes,
    paper,
    ours: (compared) => atFewest(compared, all),
    holds: (compared) =>
      abovePrefixes(compared).every(isAbove) &&
      [full, lora].every((key) => isAboveChance(compared, key)),
    found: (compared) => {
      const noises = abovePrefixes(compared).map(noiseOf);
      return `${chanceIn(compared)} Noise of the differences: at most ${
        Math.max(...noises).toFixed(1)
      } points.`;
    },
    margin: (compared) => worstOf(abovePrefixes(compared).map((one) => marginTo(0, one))),
  },
  {
    reads: all,
    text: "Table 16: the gap between prefixes and the others narrows with more examples",
    rule:
      "when the mean of full fine-tuning and LoRA less that of the two prefix methods is larger at 100 texts than " +
      "with all by more than the noise",
    ...said.table16Gap,
    paper,
    ours: (compared) => compared.sizes.map((size) => gapAt(compared, size).toFixed(1)).join(", "),
    holds: ({ narrowing }) => isAbove(narrowing()),
    found: ({ narrowing, sizes }) =>
      `Points at ${sizes.join(", ")}; from the first to the last it narrows by ${
        shown(narrowing())
      }.`,
    margin: ({ narrowing }) => marginTo(0, narrowing()),
  },
  {
    reads: [full, lora],
    text: "Table 16: LoRA does better than full fine-tuning on 100 examples, and as well on more",
    rule:
      "when LoRA is above full fine-tuning at 100 texts by more than the noise, and above the most frequent label by " +
      `more than two standard errors, and at 1,000 texts and with all at most ${parPoints} points below it`,
    ...said.table16Lora,
    why:
      "With 100 texts full fine-tuning is ahead in nine of ten draws. The rate of each was searched on other texts. " +
      "A guess: the paper has it on GPT-3, where every method sees the labels as words, and here a new head has to " +
      "be learned from 100 texts.",
    paper,
    ours: (compared) => aboveFull(compared).map(({ points }) => signed(points)).join(", "),
    holds: (compared) => {
      const [fewest, ...more] = aboveFull(compared);
      return isAbove(fewest) && isAboveChance(compared, lora) && more.every(isOnPar);
    },
    found: (compared) => {
      const { sizes } = compared, margins = loraMargins(compared);
      return `${sizes.map((size, i) => `${size} ${shown(aboveFull(compared)[i])}`).join(", ")}. ${
        undecidedIn(Object.fromEntries(sizes.map((size, i) => [size, margins[i]])))
      }`;
    },
    margin: (compared) => worstOf(loraMargins(compared)),
  },
  {
    reads: prefixes,
    text: "Table 16: with 100 examples prefix-layer does better than prefix-embedding",
    rule: "when prefix-layer is above prefix-embedding at 100 texts by more than the noise",
    ...said.table16Prefixes,
    paper,
    ours: (compared) => atFewest(compared, prefixes),
    holds: (compared) => isAbove(layerAbove(compared)),
    found: (compared) => `${shown(layerAbove(compared))} points. ${chanceIn(compared)}`,
    margin: (compared) => marginTo(0, layerAbove(compared)),
  },
];

const layerAbove = ({ difference, sizes: [fewest] }: FewComparison) =>
  difference(prefixes[1], prefixes[0], fewest);

const loraMargins = (compared: FewComparison) =>
  aboveFull(compared).map((one, i) => marginTo(i === 0 ? 0 : -parPoints, one));

const whole = wholeSizes[fewTask.name].train;

/** The numbers of examples. */
const amounts = [...Object.keys(fewPasses).map(Number), whole];

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
    const study = (await (examples === whole ? openWhole(quick) : openFew(examples, seed, quick)))!;
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
      size: sizeOf(whole),
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
