/** The intrinsic dimension of a pretrained encoder on two tasks, and the values of LoRA beside it. @module */

import { grouped, mean } from "../../../src/core/numbers.ts";
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
} from "../../../src/figures/mod.ts";
import { ticksAt } from "../../../src/figures/figure.ts";
import { type Claim, type Experiment, experiment, LeftOut, type MadeRun } from "../../frame/mod.ts";
import { noTextData } from "../../methods/texts/tasks.ts";
import texts from "../../methods/texts/texts.json" with { type: "json" };
import { type Estimate, estimateOf, intervalText, needText, reachedAt, share } from "../need.ts";
import shipped from "./encoder.json" with { type: "json" };
import { encoderArms, type EncoderRun, planEncoders } from "./runs.ts";

/** One training. */
export interface EncoderRow {
  /** `TREC`. */
  readonly task: string;
  /** d. */
  readonly dimension: number;
  /** The repeat. */
  readonly seed: number;
  /** Rate. */
  readonly learningRate: number;
  /** The end of the search's grid that it is, if it is one. */
  readonly end?: string;
  /** Trained values, those of the head too. */
  readonly trained: number;
  /** Right answers in percent. */
  readonly accuracy: number;
}

type Rows = readonly EncoderRow[];

const accuracyOf = ({ accuracy }: EncoderRow): number => accuracy;
const dimensionOf = ({ dimension }: EncoderRow): number => dimension;

function rowOf({ chosen: { task, dimension, repeat, rate }, metrics }: MadeRun<EncoderRun>) {
  const { accuracy, trained } = metrics as Record<string, number>;
  return { task: task.name, dimension, seed: repeat, ...rate, trained, accuracy: 100 * accuracy };
}

// What is quoted from decision 0057.

/** The accuracies of a method on a task, one for each seed. */
const quotedOn = (task: string, wanted: string): number[] =>
  texts.rows.filter((row) => row.task === task && row.key === wanted).map(({ value }) => value);

/** Full fine-tuning, LoRA of rank 1 on q and v, and the most frequent label. */
const full = "full", lora = "lora-qv-1", frequent = "frequent";

/** A and B of rank 1 on q and v of six layers of width 384. */
export const loraValues: number = 6 * 2 * (384 + 384);

// d90.

/** The accuracy of the head alone: beside the fewest values of a subspace. */
function headAlone(rows: Rows, task: string): number {
  const own = rows.filter((row) => row.task === task);
  const fewest = Math.min(...own.map(dimensionOf));
  return mean(own.filter(({ dimension }) => dimension === fewest).map(accuracyOf));
}

/** Accuracies for a subspace to reach on a task: 90% of full fine-tuning, or nine tenths of what the encoder adds. */
export interface Marks {
  /** 0.9 of full fine-tuning. */
  readonly first: number;
  /** Nine tenths of the way from the head alone to full fine-tuning. */
  readonly second: number;
}

/** The marks of a task. */
export function marksOf(rows: Rows, task: string): Marks {
  const whole = mean(quotedOn(task, full)), head = headAlone(rows, task);
  return { first: share * whole, second: head + share * (whole - head) };
}

/** d90 of a task by each of its marks. */
export interface EncoderNeed {
  /** The task. */
  readonly task: string;
  /** Its smallest d. */
  readonly smallest: number;
  /** Its largest d. */
  readonly largest: number;
  /** By the first mark. */
  readonly first: Estimate;
  /** By the second. */
  readonly second: Estimate;
}

/** d90 of a task, over its seeds. */
export function encoderNeed(rows: Rows, task: string): EncoderNeed {
  const own = rows.filter((row) => row.task === task), marks = marksOf(rows, task);
  const curves = Map.groupBy(own, ({ seed }) => seed).values().toArray().map((curve) =>
    curve.map(({ dimension: size, accuracy }) => ({ size, accuracy }))
  );
  const by = (mark: number) => estimateOf(curves.map((curve) => reachedAt(curve, mark)));
  const [smallest, largest] = [Math.min, Math.max].map((end) => end(...own.map(dimensionOf)));
  return { task, smallest, largest, first: by(marks.first), second: by(marks.second) };
}

const tasksIn = (rows: Rows): string[] => [...new Set(rows.map(({ task }) => task))];

const needs = (rows: Rows): EncoderNeed[] => tasksIn(rows).map((task) => encoderNeed(rows, task));

/** d90 by a mark: `121`, `≤ 4` where the smallest subspace is enough, `> 256` where none is. */
const shown = ({ smallest, largest, ...need }: EncoderNeed, mark: keyof Marks): string =>
  need[mark].d90 <= smallest ? `≤ ${smallest}` : needText(need[mark], largest);

/** `TREC 512, SUBJ 61`. */
const saidBy = (rows: Rows, mark: keyof Marks): string =>
  needs(rows).map((need) => `${need.task} ${shown(need, mark)}`).join(", ");

/** `TREC: mark 84.4%, the head alone 63.1%, interval 95 to 154.`, with another accuracy beside the mark. */
const foundBy = (
  rows: Rows,
  mark: keyof Marks,
  name: string,
  beside: (task: string) => number,
): string =>
  needs(rows).map(({ task, [mark]: need }) =>
    `${task}: mark ${marksOf(rows, task)[mark].toFixed(1)}%, ${name} ${
      beside(task).toFixed(1)
    }%, interval ${intervalText(need)}.`
  ).join(" ");

const isHeadBelow = (rows: Rows) => (task: string): boolean =>
  headAlone(rows, task) < marksOf(rows, task).first;

/** Aghajanyan et al. 2020, abstract. */
const printedNeed = 200;

/** The claims of experiments/intrinsic_dimension/encoder/rules.md, in its order. */
export const encoderClaims: readonly Claim<Rows>[] = [
  {
    text:
      `Beside a head, ${printedNeed} values of a random subspace give 90% of full fine-tuning, on a small ` +
      "encoder (Aghajanyan et al. 2020)",
    rule:
      `when d90, where 90% of full fine-tuning's accuracy is first reached, is at most ${printedNeed} on both ` +
      "tasks, and the head alone is below that on at least one",
    quote: "by optimizing only 200 trainable parameters randomly projected back into the full " +
      "space, we can tune a RoBERTa model to achieve 90% of the full parameter performance " +
      "levels on MRPC",
    printed: `${printedNeed}`,
    ours: (rows) => saidBy(rows, "first"),
    holds: (rows) =>
      needs(rows).every(({ first }) => first.d90 <= printedNeed) &&
      tasksIn(rows).some(isHeadBelow(rows)),
    found: (rows) => foundBy(rows, "first", "the head alone", (task) => headAlone(rows, task)),
    note: "Where the head alone is above the mark, the task says nothing of the encoder.",
  },
  {
    text: "On a small encoder LoRA of rank 1 has more values than the task needs",
    rule:
      "when on both tasks LoRA of rank 1 is above nine tenths of the way from the head alone to full " +
      `fine-tuning, and the 95% interval of d90 by that mark is below its ${
        grouped(loraValues)
      } values`,
    quote: "the change in weights during model adaptation also has a low “intrinsic rank”",
    ours: (rows) => `${saidBy(rows, "second")}; LoRA has ${grouped(loraValues)}`,
    holds: (rows) =>
      needs(rows).every(({ task, second }) =>
        second.interval[1] < loraValues && mean(quotedOn(task, lora)) > marksOf(rows, task).second
      ),
    found: (rows) => foundBy(rows, "second", "LoRA", (task) => mean(quotedOn(task, lora))),
    note:
      "Undecided by SUBJ: between 4,096 values and LoRA's nothing was tried, and the mark is half a point from both, with a " +
      "standard error of as much.",
  },
];

/** The largest subspace that the rules ask for. */
const mostDimension = 4096;

/** The claims whose runs are all there: the second needs larger subspaces, up to where its mark is reached. */
const judgedClaims = (rows: Rows): readonly Claim<Rows>[] => {
  const isWhole = needs(rows).every(({ second, largest }) =>
    Number.isFinite(second.d90) || largest >= mostDimension
  );
  return isWhole ? encoderClaims : encoderClaims.slice(0, 1);
};

// Tables and figures.

const needTable = (rows: Rows): DataTable =>
  table<EncoderNeed>({
    id: "intrinsic-dimension-encoder-d90",
    title: "The intrinsic dimension of MiniLM-L6 on two tasks",
    columns: [
      ["task", "task", "text"],
      ["frequent", "most frequent label (%)", "percent", ({ task }) =>
        mean(quotedOn(task, frequent))],
      ["head", "head alone (%)", "percent", ({ task }) =>
        headAlone(rows, task)],
      ["full", "full fine-tuning (%)", "percent", ({ task }) =>
        mean(quotedOn(task, full))],
      ["lora", `LoRA r = 1, ${grouped(loraValues)} values (%)`, "percent", ({ task }) =>
        mean(quotedOn(task, lora))],
      ["mark", "90% of full fine-tuning (%)", "percent", ({ task }) =>
        marksOf(rows, task).first],
      ["d90", "d90", "text", (need) =>
        shown(need, "first"), ({ first }) =>
        intervalText(first)],
      ["mark2", "nine tenths from the head alone (%)", "percent", ({ task }) =>
        marksOf(rows, task).second],
      ["d902", "d90 by it", "text", (need) =>
        shown(need, "second"), ({ second }) =>
        intervalText(second)],
    ],
    rows: needs(rows),
  });

const runsTable = (rows: Rows): DataTable =>
  table<EncoderRow>({
    id: "intrinsic-dimension-encoder",
    title: "Every training",
    columns: [
      ["task", "task", "text"],
      ["dimension", "d", "count"],
      ["seed", "seed", "count"],
      ["learningRate", "rate", "number"],
      ["end", "end of the grid", "text"],
      ["trained", "trained values", "count"],
      ["accuracy", "accuracy (%)", "percent"],
    ],
    rows,
  });

/** A task's accuracies, its marks, and LoRA beside them. */
function tracesOf(rows: Rows, task: string, color: string): Trace[] {
  const own = rows.filter((row) => row.task === task), marks = marksOf(rows, task);
  const means = [...Map.groupBy(own, dimensionOf)].map(([d, all]) => ({
    ...{ d, accuracy: mean(all.map(accuracyOf)) },
  }));
  const ends = [Math.min(...own.map(dimensionOf)), loraValues];
  const group = { legendgroup: task }, quiet = { ...group, showlegend: false };
  return [
    line(means, ({ d }) => d, ({ accuracy }) => accuracy, { color, width: 2 }, {
      ...{ name: `${task}, subspace`, ...group },
    }),
    dots(own, dimensionOf, accuracyOf, { color, size: 6 }, quiet),
    ...[marks.first, marks.second].map((mark, i) =>
      line(ends, (d) => d, () => mark, { color, width: 1, dash: i ? "dot" : "dash" }, quiet)
    ),
    dots(quotedOn(task, lora), () => loraValues, (value) => value, {
      ...{ color, size: 9, symbol: "square" },
    }, { name: `${task}, LoRA r = 1`, ...group }),
  ];
}

function accuracyFigure(rows: Rows): Figure {
  const places = [4, 32, 256, 1024, 4096, loraValues];
  return {
    id: "intrinsic-dimension-encoder",
    title: "A pretrained encoder: accuracy by trained values beside a head",
    caption:
      "MiniLM-L6; one mark for each seed ({seeds}), lines join the means. Dashed: 90% of full fine-tuning. Dotted: nine " +
      "tenths of the way from the head alone (the fewest values) to full fine-tuning. Squares: LoRA on q and v, whose head " +
      "is not counted either.",
    data: tasksIn(rows).flatMap((task, i) => tracesOf(rows, task, palette.series[i])),
    layout: baseLayout(
      logAxis("trained values in the encoder", ticksAt(places, grouped)),
      axis("accuracy (%)"),
      { height: 460 },
    ),
  };
}

/** d90 of MiniLM-L6 on two tasks. */
export const encoderDimension: Experiment = experiment<EncoderRun, Rows>({
  name: "intrinsic-dimension-encoder",
  title: "The intrinsic dimension of a pretrained encoder",
  question:
    "The LoRA paper's reason is that adaptation has a low intrinsic dimension, which was measured on pretrained " +
    "encoders. How many values in a random subspace does a small one need, and how many has the smallest LoRA?",
  source: "Hu et al. 2021, section 1; Aghajanyan et al. 2020",
  runs: (context) => planEncoders(encoderArms, context),
  quoted: { ...shipped, rows: shipped.rows as Rows },
  rows: (made) => made.length === 0 ? new LeftOut(noTextData) : made.map(rowOf),
  settings:
    "all-MiniLM-L6-v2 on whole TREC (six labels, 459 steps of 32 texts) and SUBJ (two, 235 steps). All weights of 37 " +
    "linear layers move by P z; a head is trained in full beside them, at a rate of 0.03, and is not counted. Rates of z " +
    "by accuracy on other texts, a third and half as many steps: of d = 64 for up to 256 values, of d itself beyond. " +
    "Full fine-tuning and LoRA are those of methods-texts. experiments/intrinsic_dimension/encoder/rules.md has the " +
    "rules, which were committed before.",
  scale: true,
  beyond: true,
  claims: judgedClaims,
  rules: encoderClaims,
  tables: [needTable, runsTable],
  figures: [accuracyFigure],
});
