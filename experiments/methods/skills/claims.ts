/** Claims on all methods on skills: the comparison that they read, the paper's tables in its shape, and the rules of decision 0058. @module */

import { mean } from "../../../src/core/numbers.ts";
import type { Column } from "../../../src/figures/mod.ts";
import said from "../../../src/paper/printed/claims.json" with { type: "json" };
import { measured, printedTables } from "../../../src/paper/printed/mod.ts"; // paper/mod.ts would load mathjs
import {
  metThePaper,
  noiseIn,
  parPoints,
  rounding,
  signed,
  unlikeNoise,
} from "../../differences.ts";
import type { PrintedCase } from "../../frame/mod.ts";
import {
  marginBetween,
  marginOf,
  meanIn,
  meansOverTasks,
  type MethodCell,
  MethodComparison,
  type MethodRow,
  type MethodsClaim,
  noiseNote,
  uncountedLead,
} from "../comparison.ts";
import { bleu, chance, figure2, noiseOf, spreadOf } from "../printed.ts";
import { type MeasuredValue, rateIn } from "../study.ts";
import { lora, nearTask, prefixes, type SkillRow } from "./runs.ts";

/** Share of right answers. */
export const rightValue: MeasuredValue = {
  heading: "right answers (%)",
  best: "highest",
  unit: "percent",
  decimals: 1,
};

const isOfNearTask = ({ task }: SkillRow) => task === nearTask.name;

const isAveraged = (row: SkillRow) => !isOfNearTask(row);

/** The mean of each method, size and seed over the two tasks, on which rates differ. */
const averageOfAll = (rows: readonly SkillRow[]): MethodRow[] =>
  meansOverTasks(rows.filter(isAveraged), ({ key, size, seed }) => `${key} ${size} ${seed}`);

/** Rows of the seeds that every cell has. */
export const ofSharedSeeds = (rows: readonly SkillRow[]): SkillRow[] =>
  rows.filter(({ further }) => !further);

/** The average of each method, size and shared seed over the two tasks: what methods are compared by. */
export const averageOfTasks = (rows: readonly SkillRow[]): MethodRow[] =>
  averageOfAll(ofSharedSeeds(rows));

/** The averages of all seeds, of which some methods have more than others. */
export const withFurther = (rows: readonly SkillRow[]): MethodComparison =>
  new MethodComparison(averageOfAll(rows), rightValue.best, undefined, unlikeNoise);

/** Methods side by side on one task. */
export interface TaskComparison {
  /** The task's name. */
  readonly task: string;
  /** Reported texts. */
  readonly texts: number;
  /** The methods. */
  readonly compared: MethodComparison;
  /** The size of LoRA on q and v that was chosen on other texts. */
  readonly chosen?: string;
}

/** Methods side by side on average, with each task beside it. */
export type SkillComparison = MethodComparison & {
  /** The two tasks of the average. */
  readonly tasks: readonly TaskComparison[];
  /** Prefixes on the near task. */
  readonly near: MethodComparison;
};

/** The comparison with its tasks, in the order of the rows; on the near one the noise is pooled over all cells. */
export const withTasks = (
  compared: MethodComparison,
  rows: readonly SkillRow[],
): SkillComparison =>
  Object.assign(compared, {
    tasks: [...Map.groupBy(rows.filter(isAveraged), ({ task }) => task)].map(([task, own]) => ({
      ...{ task, texts: own[0].texts, chosen: chosenSize(own) },
      compared: new MethodComparison(own, rightValue.best),
    })),
    near: new MethodComparison(
      rows.filter(isOfNearTask),
      rightValue.best,
      ({ family }) => family !== "baseline",
    ),
  });

/** The size with the lowest loss of a search. */
function chosenSize(rows: readonly SkillRow[]): string | undefined {
  const sizes = rows.filter(({ key }) => key === lora);
  return sizes.toSorted((a, b) => a.validation! - b.validation!)[0]?.size;
}

/** Columns of each task: a cell's result and its rate; empty where it was not trained. */
export const taskColumns = (rows: readonly SkillRow[]): Column<MethodCell>[] =>
  [...Map.groupBy(rows, ({ task }) => task)].map(([task, own]) => {
    const compared = new MethodComparison(own, rightValue.best);
    const on = ({ key, size }: MethodCell): MethodCell | undefined => compared.cell(key, size);
    const rate = (cell: MethodCell) => {
      const found = on(cell);
      return found?.learningRate && `rate ${rateIn(found)}`;
    };
    return [task, task, "percent", (cell) => on(cell)?.mean, rate];
  });

/** A row of a method without seeds. */
const row = (key: string, size: string, value: number, trained = 1): MethodRow => ({
  ...{ key, label: key, family: "LoRA", size, compared: Number(trained === 1), trained, value },
});

/** Methods on one task, with the spread that the paper prints for it. */
const onTask = (
  task: string,
  rows: readonly MethodRow[],
  chosen?: string,
  noise = noiseOf([spreadOf[task] ?? 0], 1),
): TaskComparison => ({
  ...{ task, texts: 0, chosen },
  compared: new MethodComparison(rows, "highest", undefined, noise),
});

/** Nothing of what a rule does not read. */
const nothing = () => new MethodComparison([], "highest");

/** Tasks whose average no rule reads. */
const ofTasks = (tasks: readonly TaskComparison[]): SkillComparison =>
  Object.assign(nothing(), { tasks, near: nothing() });

/** Methods on the task that stands for our near one. */
const nearly = (near: MethodComparison): SkillComparison =>
  Object.assign(nothing(), { tasks: [], near });

/** A table's rows of full fine-tuning and of what stands for LoRA, on some of its columns. */
const parCase = (
  where: string,
  table: string,
  [full, own]: readonly [full: string, own: string],
  columns: readonly (readonly [column: string, frequent: number])[],
): PrintedCase<SkillComparison> => ({
  where,
  rows: ofTasks(columns.map(([column, frequent]) => {
    const of = (name: string) => Number(measured(table, name, column));
    const rows = [row("full", "all", of(full)), row(lora, own, of(own))];
    return onTask(column, [...rows, { ...row("base", "none", frequent), family: "baseline" }], own);
  })),
});

/** Nothing of WikiSQL is right by chance, and a third of MNLI. */
const gpt3 = [["WikiSQL", 0], ["MNLI-m", 100 / 3]] as const;

/** Full fine-tuning and LoRA. */
const quality: readonly PrintedCase<SkillComparison>[] = [
  parCase("table 15: WikiSQL, MNLI", "table15", ["FT", "LoRA, r_q = r_v = 8"], gpt3),
  ...["RoBERTa base", "RoBERTa large", "DeBERTa XXL"].map((model) =>
    parCase(`table 2: average of ${model}`, "table2", [`${model}, FT`, `${model}, LoRA`], [
      ["average", chance.frequent],
    ])
  ),
];

/** The best prefix-embedding in LoRA's place. */
const qualityOfPrefixes = parCase("table 15: prefix-embedding in LoRA's place", "table15", [
  "FT",
  "PreEmbed, l_p = 256, l_i = 8",
], gpt3);

/** A row of table 6 at every rank, on both tasks, as q and v. */
const ranksOf = (where: string, sites: string): PrintedCase<SkillComparison> => ({
  where,
  rows: ofTasks(["WikiSQL", "MNLI"].map((task) =>
    onTask(
      task,
      printedTables.table6.columns.map((rank) => {
        const value = Number(measured("table6", `${task}, ${sites}`, rank));
        return row(`qv-${rank.slice(4)}`, rank, value, Number(rank.slice(4)));
      }),
    )
  )),
});

/** Table 6, q and v. */
export const ranksOfBoth = ranksOf("table 6: q and v", "W_q, W_v");

/** And q alone in their place. */
export const ranksOfQuery = ranksOf("table 6: q alone", "W_q");

/** Date of the rules that read the answers of tiny-skills in place of the losses of tiny-gpt2. */
export const judgedByAnswers = "2026-12-01, decision 0058";

/** LoRA, at the size that was chosen on other texts, against full fine-tuning on a task. */
function againstFull({ task, compared, chosen }: TaskComparison) {
  const own = compared.cell(lora, chosen), full = compared.cell("full");
  const points = own.mean - full.mean, base = compared.cell("base", "none").mean;
  return {
    ...{ task, own, full, points, noise: compared.noise },
    isOnPar: points >= -parPoints - rounding,
    isLearned: 100 - full.mean <= (100 - base) / 2 + rounding,
  };
}

const isNear = (points: number, noise: number) => Math.abs(points + parPoints) < noise;

/** LoRA against full fine-tuning, on each task. */
const parClaim: MethodsClaim<SkillComparison> = {
  reads: [lora, "full", "base"],
  text: "LoRA is on par with full fine-tuning in quality",
  rule:
    `when on each task LoRA on q and v gives at most ${parPoints} points fewer right answers than full fine-tuning, ` +
    "with its rank and both rates chosen on other texts, and full fine-tuning makes at most half of the base's errors",
  corrected: judgedByAnswers,
  ...said.quality,
  note:
    "Weak: of the 900 answers of each on a task at most one is wrong, but the noise is pooled " +
    "over all methods and wider than the mark. It is r = 64 that is compared; at r = 4 LoRA is " +
    "15.6 points behind on the cipher. “The rank that a task needs” judges r = 8, on tasks " +
    "whose parts the base knows.",
  headline: {
    place: 3,
    row: "as good as full fine-tuning",
    bars: ({ tasks }) =>
      (["own", "full"] as const).map((which) => {
        const share = mean(tasks.map((task) => againstFull(task)[which].mean));
        const label = which === "own" ? "LoRA (q, v)" : "full fine-tuning";
        return { label, value: share, text: `mean ${share.toFixed(1)}% right` };
      }),
  },
  paper: quality,
  contrary: [qualityOfPrefixes],
  ours: ({ tasks }) =>
    `${
      tasks.map(againstFull).map(({ task, points, noise }) =>
        `${task} ${signed(points)}${noiseIn(noise)}`
      ).join("; ")
    } points`,
  holds: ({ tasks }) =>
    tasks.map(againstFull).every(({ isOnPar, isLearned }) => isOnPar && isLearned),
  margin: ({ tasks }) => {
    const worst = tasks.toSorted((a, b) => againstFull(a).points - againstFull(b).points)[0];
    return marginOf(worst.compared, -parPoints - againstFull(worst).points);
  },
  found: ({ tasks }) => {
    const all = tasks.map(againstFull);
    const open = all.filter(({ points, noise }) => isNear(points, noise)).map(({ task }) => task);
    const rates = all.map(({ task, own, full }) =>
      `${task}: ${meanIn(own, 1)} at ${own.size}, ${meanIn(full, 1)}`
    ).join("; ");
    return rates + (open.length === 0 ? "." : `. Undecided by these seeds: ${open.join(", ")}.`);
  },
};

/** Table 3's baselines, and how many of them are several. */
const baselines = ["full", "top-layers", "adapter-h", "adapter-l", "prefix-layer"],
  severalBaselines = 3;

/** A baseline has comparable trained values, or more. */
const comparableShare = 0.9;

/** Those of some methods that LoRA is better than, and that train no fewer values. */
function outperformed(compared: MethodComparison, keys: readonly string[]): MethodCell[] {
  const own = compared.cell(lora), least = comparableShare * own.trained;
  return keys.map((key) => compared.cell(key)).filter((cell) =>
    cell.trained >= least && compared.isBetter(own, cell)
  );
}

/** A smaller size of a method beside a larger one. */
type Sizes = readonly [small: MethodCell, large: MethodCell];

const sizePairs = (compared: MethodComparison, key: string): Sizes[] => {
  const sizes = compared.sizesOf(key);
  return sizes.flatMap((small, at) => sizes.slice(at + 1).map((large) => [small, large] as const));
};

/** A smaller size of a method that is better than a larger one, with that one. */
const reversal = (compared: MethodComparison, key: string): Sizes | undefined =>
  sizePairs(compared, key).find(([small, large]) => compared.isBetter(small, large));

/** Largest gain of a smaller size of a method over a larger one. */
const largestReversal = (compared: MethodComparison, key: string): number =>
  Math.max(...sizePairs(compared, key).map((sizes) => compared.gain(...sizes)));

/** Every size of a method, and whether a smaller one is better. */
function sizesNote(compared: MethodComparison, key: string): string {
  const found = reversal(compared, key), sizes = compared.sizesOf(key);
  const means = sizes.map(({ size, mean }) => `${size} ${mean.toFixed(1)}`).join(", ");
  const which = found ? `${found[0].size} is better than ${found[1].size}` : "none is reversed";
  return `${sizes[0].label}: ${means}; ${which}.`;
}

const houlsby = "adapter-h";

const adapters = [houlsby, "adapter-l", "adapter-p"];

/** Figure 2's prefixes, on the near task. */
const monotoneClaim: MethodsClaim<SkillComparison> = {
  reads: prefixes,
  text: "Figure 2: not all methods benefit from more trained parameters",
  rule:
    `when on “${nearTask.name}” a smaller size of prefix-embedding or prefix-layer is better than a larger one by ` +
    "more than the noise floor, each with a rate of its own",
  corrected: judgedByAnswers,
  ...said.figure2Monotone,
  note: "It is asked on a known skill under a new word, as on the other two tasks more than 2 " +
    "tokens give nearly nothing. The drop begins at 2 of 64 positions here, in the paper at " +
    "256 (prefix-embedding) and 32 (prefix-layer) of 2,048. The rates of 2 tokens are the " +
    "highest that were tried: a higher one can only widen the gap.",
  paper: figure2.map(({ where, rows }) => ({ where, rows: nearly(rows) })),
  ours: ({ near }) => {
    const held = prefixes.filter((key) => reversal(near, key) !== undefined);
    return `${held.length} of ${prefixes.length} methods`;
  },
  holds: ({ near }) => prefixes.some((key) => reversal(near, key) !== undefined),
  margin: ({ near }) =>
    marginOf(near, -Math.max(...prefixes.map((key) => largestReversal(near, key)))),
  found: ({ near }) =>
    `${prefixes.map((key) => sizesNote(near, key)).join(" ")} ${noiseNote(near, "points")}`,
};

/** Those that read a task by itself. */
export const eachTaskClaims: readonly MethodsClaim<SkillComparison>[] = [parClaim, monotoneClaim];

/** The baselines from LoRA's largest lead to its smallest. */
const byLead = (compared: MethodComparison): MethodCell[] =>
  baselines.map((key) => compared.cell(key)).sort((a, b) =>
    compared.gain(compared.cell(lora), b) - compared.gain(compared.cell(lora), a)
  );

/** The baseline that decides whether LoRA does better than several. */
const decidingBaseline = (compared: MethodComparison) => byLead(compared)[severalBaselines - 1];

const seedsIn = ({ label, mean, values }: MethodCell) =>
  `${label} ${mean.toFixed(1)} (seeds: ${values.length})`;

/** Table 3's, on all seeds. */
export const severalClaim: MethodsClaim = {
  reads: [lora, ...baselines],
  text: "Table 3: LoRA outperforms several baselines with comparable or fewer trained parameters",
  rule:
    "when LoRA on q and v at r = 4 is better, by more than the noise floor, than at least three of " +
    "full fine-tuning, the top layer, adapters H and L and prefix-layer, each with at least 0.9 times " +
    "its trained values",
  ...said.table3,
  why: "LoRA does better than adapters L and prefix-layer alone. The top layer, which trains 72 " +
    "times as many values, is ahead by hardly more than the noise of 60 seeds: r = 4 is better at " +
    "two skills in a row (99.8 against 95.4%) and worse at the cipher (91.5 against 100%), which " +
    "some starts do not reach (25% at the least). LoRA on every linear layer gives 100% with as " +
    "many values, at r = 1.",
  paper: [bleu],
  ours: (compared) => `${outperformed(compared, baselines).length} of ${baselines.length}`,
  holds: (compared) => outperformed(compared, baselines).length >= severalBaselines,
  margin: (compared) => marginBetween(compared, [compared.cell(lora), decidingBaseline(compared)]),
  found: (compared) => {
    const own = compared.cell(lora), third = decidingBaseline(compared);
    return `${[own, ...byLead(compared)].map(seedsIn).join(", ")}. The third decides: ` +
      `noise floor between LoRA and ${third.label}: ${
        compared.noiseBetween(own, third).toFixed(1)
      } points.`;
  },
};

/** Those that read averages of the shared seeds over the tasks. */
export const skillClaims: readonly MethodsClaim[] = [
  {
    reads: [lora, houlsby, ...prefixes],
    text: "Figure 2: LoRA scales better, and to a better quality",
    rule:
      "when no smaller size of LoRA on q and v is better than a larger one by more than the noise floor, and its " +
      "best size is not below the best of adapters H, and by more than that floor above those of both prefixes",
    corrected: `${metThePaper}; ${judgedByAnswers}`,
    ...said.figure2Lora,
    note:
      "LoRA and adapters H are level: both have 99.9% or more from about 25,000 values on, and " +
      "100% is the most that can be had. Decided is the lead over both prefixes, of 88 points.",
    paper: figure2,
    ours: (compared) =>
      [lora, houlsby].map((key) => meanIn(bestOf(compared, key), 1)).join(", ") + " at best",
    holds: (compared) =>
      reversal(compared, lora) === undefined &&
      compared.gain(bestOf(compared, lora), bestOf(compared, houlsby)) >= 0 &&
      prefixes.every((key) => compared.isBetter(bestOf(compared, lora), bestOf(compared, key))),
    margin: (compared) => {
      const own = bestOf(compared, lora), isReversed = reversal(compared, lora) !== undefined;
      const behind = [houlsby, ...prefixes].map((key) => compared.gain(bestOf(compared, key), own));
      return marginOf(
        compared,
        Math.max(...behind, isReversed ? largestReversal(compared, lora) : -Infinity),
      );
    },
    found: (compared) =>
      `${[lora, houlsby].map((key) => sizesNote(compared, key)).join(" ")} Best prefixes: ${
        prefixes.map((key) => bestOf(compared, key)).map((cell) =>
          `${meanIn(cell, 1)} (${cell.size})`
        ).join(", ")
      }. ${noiseNote(compared, "points")}${nearTie(compared)}`,
  },
  {
    reads: [lora, ...adapters],
    beyond: true,
    text: "With as many trained parameters, LoRA on q and v is no worse than adapters H, L and P",
    rule:
      "when none of the three is better by more than the noise floor at the size that all are compared at",
    ours: (compared) => adapters.map((key) => difference(compared, key)).join(", "),
    holds: (compared) =>
      adapters.every((key) => !compared.isBetter(compared.cell(key), compared.cell(lora))),
    found: (compared) => {
      const best = compared.best(adapters.map((key) => compared.cell(key)));
      const lead = uncountedLead(
        compared,
        { ...best, label: letterOf(best.key) },
        compared.cell(lora),
      );
      return `Points above LoRA's. ${noiseNote(compared, "points")}${lead}`;
    },
  },
];

const bestOf = (compared: MethodComparison, key: string) => compared.best(compared.sizesOf(key));

/** Note if LoRA's best and that of adapters H are nearer to each other than the noise floor. */
const nearTie = (compared: MethodComparison) =>
  Math.abs(bestOf(compared, lora).mean - bestOf(compared, houlsby).mean) < compared.noise
    ? " Undecided by these seeds against adapters H: they are nearer to each other than that."
    : "";

const letterOf = (adapter: string) => adapter.slice(-1).toUpperCase();

const difference = (compared: MethodComparison, key: string) =>
  `${letterOf(key)} ${signed(compared.cell(key).mean - compared.cell(lora).mean)}`;
