/** Every method on a real encoder and whole data sets: tables 2 and 6. @module */

import { grouped } from "../../../src/core/numbers.ts";
import said from "../../../src/paper/printed/claims.json" with { type: "json" };
import { isShareAbove, parPoints, rounding, shareNoise, signed } from "../../differences.ts";
import type { PlanContext } from "../../frame/mod.ts";
import { comparedSizes } from "../chosen.ts";
import { claimsOn, type MethodCell, type MethodsClaim } from "../comparison.ts";
import { accuracyValue, methodsExperiment, rateIn } from "../study.ts";
import {
  labelOf,
  openWhole,
  planReported,
  searched,
  searchedTasks,
  textRateOf,
  textRates,
  wholeSizes,
} from "./plan.ts";
import { onBase, onGlue, onLarge, ranksOfBoth, ranksOfQuery } from "./printed.ts";
import {
  averageOfTasks,
  baselinesOn,
  compareTexts,
  isAbove,
  isOnPar,
  marginTo,
  noiseOf,
  shown,
  type TaskFacts,
  textColumns,
  type TextComparison,
  textRow,
  undecidedIn,
  worstOf,
} from "./rows.ts";
import { noTextData, textTasks } from "./tasks.ts";
import shipped from "./texts.json" with { type: "json" };

type TextClaim = MethodsClaim<TextComparison>;

const lora = "lora-qv", first = "lora-qv-1", full = "full";
const houlsby = "adapter-h", pfeiffer = "adapter-p";

/** Methods of table 2 that the paper has below LoRA. */
const below = ["bitfit", "adapter-d"];

/** `TREC 27.6, SUBJ 57.0`. */
const onTasks = ({ tasks }: TextComparison, valueOf: (task: TaskFacts) => number) =>
  tasks.map((task) => `${task.task} ${valueOf(task).toFixed(1)}`).join(", ");

/** `LoRA (q, v) 92.1, BitFit 91.0`. */
const averages = (compared: TextComparison, keys: readonly string[]) =>
  keys.map((key) => `${labelOf(key)} ${compared.averageOf(key).toFixed(1)}`).join(", ");

/** True if full fine-tuning makes at most half of the errors of the most frequent label, on every task. */
const isLearned = ({ tasks }: TextComparison) =>
  tasks.every(({ meanOf, frequent }) => 100 - meanOf(full) <= (100 - frequent) / 2 + rounding);

/** Differences of two methods on each task, for a rule that bears 1.1 points. */
const onEach = (compared: TextComparison, a: string, b: string) => {
  const all = compared.tasks.map(({ task, difference }) => [task, difference(a, b)] as const);
  const margins = all.map(([task, one]) => [task, marginTo(-parPoints, one)] as const);
  return {
    ours: `${all.map(([task, one]) => `${task} ${shown(one)}`).join("; ")} points`,
    areOnPar: all.every(([, one]) => isOnPar(one)),
    margins: Object.fromEntries(margins),
  };
};

/** Margins of LoRA over others on average, for rules whose mark is 0. */
const aboveOthers = (compared: TextComparison, keys: readonly string[]) =>
  Object.fromEntries(
    keys.map((key) => [labelOf(key), marginTo(0, compared.difference(lora, key))]),
  );

/** `minus BitFit +0.4 ± 0.9`. */
const minus = (compared: TextComparison, keys: readonly string[]) =>
  keys.map((key) => `minus ${labelOf(key)} ${shown(compared.difference(lora, key))}`).join(", ");

/** The two that are asked of every task. */
const eachTask: readonly TextClaim[] = [
  {
    reads: [lora, full],
    text: "LoRA on q and v is on a par with full fine-tuning on a pretrained encoder",
    rule:
      `when on every task LoRA's mean accuracy at r = 8 is at most ${parPoints} points below full ` +
      "fine-tuning's, which makes at most half of the errors of the most frequent label",
    ...said.quality,
    why:
      "SST-2 decides, 1.4 points below where the mark is 1.1 and the noise 6.2. Most of that noise is of adapters " +
      "H, which break there (68, 48 and 50% right), as it is pooled over all methods.",
    headline: {
      place: 4,
      row: "the same on a real encoder, MiniLM-L6",
      bars: (compared) =>
        [lora, full].map((key) => {
          const share = compared.averageOf(key), text = `mean ${share.toFixed(1)}% right`;
          return { label: labelOf(key), value: share, text };
        }),
    },
    paper: onGlue,
    ours: (compared) => onEach(compared, lora, full).ours,
    holds: (compared) => onEach(compared, lora, full).areOnPar && isLearned(compared),
    found: (compared) =>
      `Full fine-tuning: ${onTasks(compared, ({ meanOf }) => meanOf(full))}. ` +
      undecidedIn(onEach(compared, lora, full).margins),
    margin: (compared) => worstOf(Object.values(onEach(compared, lora, full).margins)),
  },
  {
    reads: [lora, first],
    text: "Table 6: on a pretrained encoder, a rank of one suffices for q and v",
    rule: `when on every task r = 1 is at most ${parPoints} points of accuracy below r = 8`,
    ...said.table6,
    note: "On TREC r = 1 is 2.1 points above r = 8, with each of three seeds.",
    paper: [ranksOfBoth],
    contrary: [ranksOfQuery],
    ours: (compared) => onEach(compared, first, lora).ours,
    holds: (compared) => onEach(compared, first, lora).areOnPar,
    found: (compared) => undecidedIn(onEach(compared, first, lora).margins),
    margin: (compared) => worstOf(Object.values(onEach(compared, first, lora).margins)),
  },
];

/** Claims on the averages of table 2. */
const onAverage: readonly TextClaim[] = [
  {
    reads: [lora, ...below],
    text: "Table 2: on a pretrained encoder LoRA does better than BitFit and than adapters D",
    rule:
      "when the average over the tasks of LoRA on q and v is above those of BitFit and of adapters D by more " +
      "than the noise, and on every task LoRA is above the most frequent label by more than two standard errors",
    ...said.table2,
    why:
      "LoRA and adapters D have the same average. LoRA is ahead of BitFit and of D on SST-2, and behind both on " +
      "TREC. The noise is wide, as adapters H break on SST-2 and it is pooled over all methods.",
    paper: [{ where: "table 2: average of RoBERTa base", rows: onBase }],
    ours: (compared) => averages(compared, [lora, ...below]),
    holds: (compared) =>
      below.every((key) => isAbove(compared.difference(lora, key))) &&
      compared.tasks.every(({ meanOf, frequent, texts }) =>
        isShareAbove(meanOf(lora), frequent, texts)
      ),
    found: (compared) =>
      `LoRA on q and v: ${
        onTasks(compared, ({ meanOf }) => meanOf(lora))
      }; the most frequent label: ${onTasks(compared, ({ frequent }) => frequent)}; ${
        minus(compared, below)
      }. ${undecidedIn(aboveOthers(compared, below))}`,
    margin: (compared) => worstOf(Object.values(aboveOthers(compared, below))),
  },
  {
    reads: [lora, full],
    text: "Table 2: on average LoRA is on a par with full fine-tuning on a pretrained encoder",
    rule:
      `when the average of LoRA on q and v is at most ${parPoints} points below that of full fine-tuning, ` +
      "which on every task makes at most half of the errors of the most frequent label",
    ...said.table2Average,
    paper: [{ where: "table 2: average of RoBERTa base", rows: onBase }],
    ours: (compared) => `${shown(compared.difference(lora, full))} points`,
    holds: (compared) => isOnPar(compared.difference(lora, full)) && isLearned(compared),
    found: (compared) =>
      `${averages(compared, [lora, full])}. ${
        undecidedIn({ it: marginTo(-parPoints, compared.difference(lora, full)) })
      }`,
    margin: (compared) => marginTo(-parPoints, compared.difference(lora, full)),
  },
  {
    reads: [lora, houlsby, pfeiffer],
    text: "Table 2: with as many values LoRA does better than adapters H, and no worse than P",
    rule:
      "when the average of LoRA on q and v is above that of adapters H by more than the noise, and that of " +
      "adapters P is not above LoRA's by more than it",
    ...said.table2Adapters,
    note:
      "Weak: adapters H break on SST-2 (68, 48 and 50% right) at the rate that their search, with fewer steps, " +
      "found. On TREC they are 2.0 points above LoRA, and on SUBJ 0.9 below.",
    paper: [{ where: "table 2: average of RoBERTa large †", rows: onLarge }],
    ours: (compared) => averages(compared, [lora, pfeiffer, houlsby]),
    holds: (compared) =>
      isAbove(compared.difference(lora, houlsby)) &&
      !isAbove(compared.difference(pfeiffer, lora)),
    found: (compared) =>
      `LoRA ${minus(compared, [houlsby, pfeiffer])}. ${
        undecidedIn(aboveOthers(compared, [houlsby, pfeiffer]))
      }`,
    margin: (compared) => worstOf(Object.values(aboveOthers(compared, [houlsby, pfeiffer]))),
  },
];

/** The bag of words. */
const beyond: TextClaim = {
  reads: [lora],
  beyond: true,
  text: "A real encoder with LoRA beats a bag of words",
  rule:
    "when on every task LoRA on q and v is above the better bag of words, chosen on other texts, by more " +
    "than two standard errors of a difference of two shares",
  note:
    "The small encoder of this repository does not: what an encoder knows decides it, not how " +
    "it is adapted.",
  ours: (compared) => {
    const over = ({ task, meanOf, bag }: TaskFacts) => `${task} ${signed(meanOf(lora) - bag)}`;
    return compared.tasks.map(over).join(", ");
  },
  holds: ({ tasks }) =>
    tasks.every(({ meanOf, bag, texts }) => isShareAbove(meanOf(lora), bag, texts)),
  found: (compared) =>
    `Points above it. The better bag: ${
      onTasks(compared, ({ bag }) => bag)
    }; two standard errors: ${
      onTasks(compared, ({ meanOf, bag, texts }) => shareNoise(meanOf(lora), bag, texts))
    } points.`,
};

/** All claims on whole data sets. */
export const textClaims: readonly TextClaim[] = [...eachTask, ...onAverage, beyond];

/** All tasks; a quick run has one. */
const tasksOf = ({ quick }: Pick<PlanContext, "quick">) =>
  textTasks.slice(0, quick ? 1 : undefined);

const sizesInWords = Object.entries(wholeSizes).map(([task, { train, passes, test }]) =>
  `${task} ${grouped(train)} in ${passes === 1 ? "one pass" : `${passes} passes`}, ${
    grouped(test)
  } reported`
).join("; ");

/** Sentences on training and rates. */
export const textSettings =
  `batches of ${wholeSizes.TREC.batch}, AdamW, a rate that rises in ${
    100 * wholeSizes.TREC.warmup
  }% of the steps and falls to 0 in a line; the new head is trained in full beside every method, and counted. Rates: ` +
  `for every method the best of ${textRates}, and of one more where the best was at an end of them, on other texts; ` +
  "“(lowest)” and “(highest)” mark one that was at an end even then. No two methods share a seed (decision 0057).";

/** All methods on MiniLM-L6, if LOWRANK_DATA has it and the tasks. */
export const methodsOnTexts = methodsExperiment({
  ...accuracyValue,
  name: "methods-texts",
  title: "Every method on a real encoder",
  question:
    "Is LoRA on a par with full fine-tuning, and better than the other methods, where the base knows a lot and is " +
    "trained out? MiniLM-L6, a pretrained encoder of 22.7 million parameters, learns to classify questions (TREC), " +
    "sentences on films by whether they give an opinion (SUBJ), and film reviews (SST-2).",
  source: "Hu et al. 2021, section 5.2, tables 2 (GLUE with RoBERTa) and 6",
  settings: `All texts: ${sizesInWords}; ${textSettings} SUBJ has the rates of ${
    searchedTasks.at(-1)!.name
  }. The noise (±) is two standard errors of a difference, of the seeds and of the texts.`,
  shipped,
  lacking: searched.length === 0 ? "the search of their rates is not made" : noTextData,
  async runs({ seeds, quick }) {
    const study = await openWhole(quick);
    if (!study) return [];
    const methods = comparedSizes(quick ? searched.slice(0, 2) : searched);
    return seeds.flatMap((seed) =>
      methods.flatMap(([method, size]) =>
        tasksOf({ quick }).map((task) =>
          planReported(study, task, { method, size, seed, ...textRateOf(task, method) })
        )
      )
    );
  },
  row: textRow,
  async baselines(context) {
    const study = (await openWhole(context.quick))!; // There are runs.
    return (await Promise.all(tasksOf(context).map((task) => baselinesOn(study, task)))).flat();
  },
  summarize: averageOfTasks,
  noiseBetween: (rows) => {
    const { difference } = compareTexts(rows);
    return (a, b) => noiseOf(difference(a.key, b.key));
  },
  claims: (_, rows) => claimsOn(compareTexts(rows), textClaims),
  rules: textClaims,
  against: (compared) => compared.cell("full"),
  parts: (rows) =>
    compareTexts(rows).tasks.map(({ task, meanOf }) => {
      const rateOn = ({ key }: MethodCell) => {
        const row = rows.find((row) => row.key === key && row.task === task)!;
        return row.learningRate && `rate ${rateIn(row)}`;
      };
      return [task, task, "percent", ({ key }) => meanOf(key), rateOn];
    }),
  columns: textColumns,
  figure: {
    title: "Average accuracy over the tasks against trained values",
    caption:
      "A mark for each seed ({seeds}). Trained values contain those of the new heads, on average. Higher is better.",
  },
});
