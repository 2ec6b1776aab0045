/** Cost in quality of a base in 4 bits; decision 0033 has the rules. @module */

import { mean } from "../../src/core/numbers.ts";
import { ticksAt } from "../../src/figures/figure.ts";
import {
  axis,
  baseLayout,
  type Column,
  type DataTable,
  dots,
  type Figure,
  line,
  logAxis,
  palette,
  sliderFigure,
  type SliderStep,
  table,
} from "../../src/figures/mod.ts";
import { adaptationSteps } from "../adaptation/methods.ts";
import { noiseIn, seedNoise, signed } from "../differences.ts";
import { type Claim, claimOn, type Experiment, experiment, type NotedClaim } from "../frame/mod.ts";
import { type MethodCell, MethodComparison, type MethodRow } from "../methods/comparison.ts";
import { accuracyValue, lossValue, type MeasuredValue } from "../methods/study.ts";
import { noTextData, textTasks } from "../methods/texts/tasks.ts";
import shipped from "./loss.json" with { type: "json" };
import {
  type ChosenLoss,
  fp4Base,
  full,
  inF32,
  largeBlocks,
  lora,
  lossBases,
  type LossMethod,
  type LossRow,
  lossRows,
  lossRuns,
  qloraBase,
  singleBase,
  smallBlocks,
  untrained,
} from "./loss_runs.ts";

type Rows = readonly LossRow[];

/** A task with its methods side by side. */
interface ComparedTask {
  /** Its name. */
  readonly name: string;
  /** The measured value: accuracies where the task has them, losses otherwise. */
  readonly measured: MeasuredValue;
  /** Everything that was trained, with the noise floor pooled over it, and bases that were not. */
  readonly compared: MethodComparison;
}

/** The tasks of the rows, in their order. */
export const comparedTasks = (rows: Rows): ComparedTask[] =>
  [...Map.groupBy(rows, ({ task }) => task)].map(([name, own]) => {
    const measured = own[0].loss === undefined ? accuracyValue : lossValue;
    return { name, measured, compared: new MethodComparison(own.map(methodRow), measured.best) };
  });

const families = { nothing: "baseline", everything: "full", LoRA: "LoRA" } as const;

/** A base is the size of a method here. */
const methodRow = ({ base, trained: key, values, loss, accuracy, ...row }: LossRow): MethodRow => ({
  ...{ key, label: key, family: families[key], size: base, compared: Number(key !== "nothing") },
  ...{ seed: row.seed, learningRate: row.learningRate, trained: values, value: loss ?? accuracy! },
});

/** The noise floor without full fine-tuning, whose seeds may differ by more: it stands beside, and no rule reads it. */
const loraNoise = ({ compared: { cells } }: ComparedTask): number =>
  seedNoise(cells.filter(({ family }) => family === "LoRA").map(({ values }) => values));

/** A method on a task; absent where it was not run. */
const cellOf = (
  { compared }: ComparedTask,
  { trained, base }: LossMethod,
): MethodCell | undefined => compared.cell(trained, base.label);

/** The tasks where both were run, as a base without a head cannot be. */
const bothIn = (tasks: readonly ComparedTask[], a: LossMethod, b: LossMethod) =>
  tasks.flatMap((task) => {
    const [one, other] = [cellOf(task, a), cellOf(task, b)];
    return one && other ? [{ task, one, other }] : [];
  });

/** The tasks on which one method is worse than another, by any amount. */
const below = (tasks: readonly ComparedTask[], a: LossMethod, b: LossMethod) =>
  bothIn(tasks, a, b).filter(({ task: { compared }, one, other }) => compared.gain(other, one) > 0)
    .map(({ task }) => task);

/** The tasks on which it is worse by more than the noise floor. */
const worse = (tasks: readonly ComparedTask[], a: LossMethod, b: LossMethod) =>
  bothIn(tasks, a, b).filter(({ task: { compared }, one, other }) => compared.isBetter(other, one))
    .map(({ task }) => task);

/**
 * Difference of one method from another in units of the noise floor, on average over the tasks;
 * positive if the first is worse.
 */
const worseInFloors = (tasks: readonly ComparedTask[], a: LossMethod, b: LossMethod) =>
  mean(
    bothIn(tasks, a, b).map(({ task: { compared }, one, other }) => {
      const gain = compared.gain(other, one);
      return gain === 0 ? 0 : gain / compared.noise; // Equal is equal where no seed differs.
    }),
  );

/** `definitions +0.012 ± 0.010 nats, TREC −0.4 ± 1.2 points`: one minus the other. */
const differences = (
  tasks: readonly ComparedTask[],
  a: LossMethod,
  b: LossMethod,
): string =>
  bothIn(tasks, a, b).map(({ task, one, other }) => `${task.name} ${minus(task, one, other)}`)
    .join(", ");

/** `+0.012 ± 0.010 nats`; a base that is not trained has no seeds to differ. */
function minus(
  { compared: { noise }, measured: { decimals, unit } }: ComparedTask,
  one: MethodCell,
  other: MethodCell,
): string {
  const isTrained = one.family !== "baseline";
  const difference = signed(one.mean - other.mean, decimals);
  const floor = isTrained ? noiseIn(noise, decimals) : "";
  return `${difference}${floor} ${unit === "percent" ? "points" : unit}`;
}

/** A claim that reads every task. */
type LossClaim = Claim<readonly ComparedTask[]>;

const plain = lora(inF32), qlora = lora(qloraBase), fp4 = lora(fp4Base);

/** `worse on 1 of 5 tasks`. */
const worseOn = (tasks: readonly ComparedTask[], a: LossMethod, b: LossMethod): string =>
  `worse on ${worse(tasks, a, b).length} of ${tasks.length} tasks`;

/** The tasks whose base loses by being quantized. */
const lossy = (tasks: readonly ComparedTask[]): ComparedTask[] =>
  below(tasks, untrained(qloraBase), untrained(inF32));

const onPar: LossClaim = {
  text: "QLoRA is on a par with LoRA and full fine-tuning",
  rule:
    "when on every task QLoRA in NF4 with blocks of 64 is worse than neither LoRA nor full fine-tuning in " +
    "F32 by more than the noise floor",
  quote:
    "“4-bit QLoRA with NF4 data type matches 16-bit full finetuning and 16-bit LoRA finetuning " +
    "performance” (Dettmers et al. 2023, section 4)",
  ours: (tasks) =>
    `than LoRA ${worseOn(tasks, qlora, plain)}, than full ${worseOn(tasks, qlora, full)}`,
  holds: (tasks) => worse(tasks, qlora, plain).length + worse(tasks, qlora, full).length === 0,
  found: (tasks) =>
    `QLoRA minus LoRA: ${differences(tasks, qlora, plain)}. QLoRA minus full fine-tuning: ${
      differences(tasks, qlora, full)
    }. LoRA minus full fine-tuning, another question: ${differences(tasks, plain, full)}.`,
};

const recovered: LossClaim = {
  text: "What quantizing loses is recovered by training",
  rule:
    "when the base that is not trained is worse in NF4 with blocks of 64 than in F32 on at least one task, " +
    "and after training QLoRA is on no task worse than LoRA by more than the noise floor",
  quote:
    "“the performance lost due to the imprecise quantization can be fully recovered through adapter " +
    "finetuning after quantization” (Dettmers et al. 2023, section 4)",
  ours: (tasks) =>
    `${differences(tasks, untrained(qloraBase), untrained(inF32))} before; ${
      worseOn(tasks, qlora, plain)
    } after`,
  holds: (tasks) => lossy(tasks).length > 0 && worse(tasks, qlora, plain).length === 0,
  found: (tasks) =>
    `After training: ${
      differences(tasks, qlora, plain)
    }. A new head has nothing to lose before it is trained.`,
};

const codes: LossClaim = {
  text: "NF4 is better than FP4",
  rule:
    "when at blocks of 64 FP4 is worse than NF4 on average over the tasks, each in units of its noise floor, " +
    "by more than 1",
  quote: "“NF4 is more effective than FP4” (Dettmers et al. 2023, section 4)",
  ours: (tasks) => `FP4 worse by ${worseInFloors(tasks, fp4, qlora).toFixed(1)} noise floors`,
  holds: (tasks) => worseInFloors(tasks, fp4, qlora) > 1,
  found: (tasks) =>
    `FP4 minus NF4: ${differences(tasks, fp4, qlora)}; before training: ${
      differences(tasks, untrained(fp4Base), untrained(qloraBase))
    }.`,
};

const scales: LossClaim = {
  text: "Double quantization costs nothing",
  rule:
    "when NF4 with blocks of 64 is with it on no task worse than without by more than the noise floor",
  quote: "“double quantization does not degrade performance” (Dettmers et al. 2023, section 4)",
  ours: (tasks) => worseOn(tasks, qlora, lora(singleBase)),
  holds: (tasks) => worse(tasks, qlora, lora(singleBase)).length === 0,
  found: (tasks) => `With it minus without: ${differences(tasks, qlora, lora(singleBase))}.`,
};

const blocks: LossClaim = {
  text: "Smaller blocks are better",
  rule:
    "when NF4 with blocks of 256 is worse than with 32 by more than the noise floor on at least one task, " +
    "and better by more than it on none",
  ours: (tasks) =>
    `256 ${worseOn(tasks, lora(largeBlocks), lora(smallBlocks))}, better on ${
      worse(tasks, lora(smallBlocks), lora(largeBlocks)).length
    }`,
  holds: (tasks) =>
    worse(tasks, lora(largeBlocks), lora(smallBlocks)).length > 0 &&
    worse(tasks, lora(smallBlocks), lora(largeBlocks)).length === 0,
  found: (tasks) => `256 minus 32: ${differences(tasks, lora(largeBlocks), lora(smallBlocks))}.`,
};

/** The five of decision 0033. */
export const lossClaims: readonly NotedClaim<Rows>[] = [onPar, recovered, codes, scales, blocks]
  .map((claim) => claimOn(claim, comparedTasks));

const [, recoveredClaim] = lossClaims;

/** True if there is one seed alone, and so no noise floor to judge by. */
const isOneSeed = (rows: Rows): boolean =>
  comparedTasks(rows).some(({ compared: { noise } }) => Number.isNaN(noise));

/** True if there is something to recover. */
const hasLost = (rows: Rows): boolean => lossy(comparedTasks(rows)).length > 0;

/** Claims that are judged: where quantizing lost nothing there is nothing to recover. */
export const judgedClaims = (rows: Rows): readonly Claim<Rows>[] =>
  isOneSeed(rows) ? [] : lossClaims.filter((claim) => claim !== recoveredClaim || hasLost(rows));

/** Methods in the order of the table: those that the rest is compared with come first. */
const shown: readonly LossMethod[] = [
  full,
  ...lossBases.map(lora),
  ...lossBases.map(untrained),
];

/** The means over the seeds, and below each what it is minus LoRA in F32. */
export function lossMeansTable(rows: Rows): DataTable {
  const tasks = comparedTasks(rows), plain = lora(inF32);
  const column = (task: ComparedTask): Column<LossMethod> => [
    task.name,
    `${task.name}: ${task.measured.heading}`,
    task.measured.unit,
    (method) => cellOf(task, method)?.mean,
    (method) => {
      const [cell, other] = [method, plain].map((one) => cellOf(task, one));
      return !cell || !other || cell === other || method.trained === "nothing"
        ? undefined
        : minus(task, cell, other);
    },
  ];
  return table<LossMethod>({
    id: "quantized-loss-means",
    title: "Means over the seeds; below them, minus LoRA in F32",
    columns: [
      ["trained", "trained", "text"],
      ["base", "base", "text", ({ base }) => base.label],
      ...tasks.map(column),
    ],
    rows: shown.filter((method) => tasks.some((task) => cellOf(task, method))),
  });
}

/** Every run: the rows that are shipped. */
const lossRunsTable = (rows: Rows): DataTable =>
  table<LossRow>({
    id: "quantized-loss",
    title: "Every run, and the bases that are not trained",
    columns: [
      ["task", "task", "text"],
      ["base", "base", "text"],
      ["trained", "trained", "text"],
      ["seed", "seed", "count"],
      ["learningRate", "rate", "number"],
      ["values", "trained values", "count"],
      ["loss", "loss (nats per token)", "nats"],
      ["accuracy", "accuracy (%)", "percent"],
    ],
    rows,
  });

/** Values per block, of a base in 4 bits with scales in 8 bits. */
const blockOf = ({ base }: LossRow): number | undefined => {
  const [, digits] = /^\w+, (\d+)$/.exec(base) ?? [];
  return digits === undefined ? undefined : Number(digits);
};

/** Their marks are side by side. */
const codeMarks = [
  { name: "NF4", aside: 0.98, color: palette.series[0] },
  { name: "FP4", aside: 1.02, color: palette.series[2] },
];

/** The smallest block and the largest. */
const ends = [32, 256];

/** LoRA by block size: a mark for each seed, and dashed what it is compared with; a step for each task. */
export const lossFigure = (rows: Rows): Figure =>
  sliderFigure({
    id: "quantized-loss",
    title: "LoRA on a base in 4 bits, by block size",
    caption: "A mark for each seed ({seeds}); scales in 8 bits. Dashed: means in F32.",
    name: "task",
    steps: comparedTasks(rows).map((task) =>
      stepOf(task, rows.filter((row) => row.task === task.name && row.trained === "LoRA"))
    ),
  });

function stepOf(task: ComparedTask, own: Rows): SliderStep {
  const level = (method: LossMethod, name: string, color: string) => {
    const value = cellOf(task, method)!.mean;
    return line(ends, (x) => x, () => value, { color, dash: "dash" }, { name });
  };
  return {
    label: task.name,
    caption: captionOf(task),
    data: [
      ...codeMarks.map(({ name, aside, color }) =>
        dots(
          own.filter((row) => row.base.startsWith(name) && blockOf(row)),
          (row) => blockOf(row)! * aside,
          ({ loss, accuracy }) => loss ?? accuracy,
          { color, size: 9 },
          { name },
        )
      ),
      level(lora(inF32), "LoRA, F32", palette.lora[1]),
      level(full, "full fine-tuning", palette.full),
    ],
    layout: baseLayout(
      logAxis("values per block", ticksAt([32, 64, 128, 256])),
      axis(task.measured.heading),
    ),
  };
}

/**
 * Caption: the better direction, the noise floor, and the value of the base before it is trained.
 */
function captionOf(task: ComparedTask): string {
  const { measured: { best, decimals }, compared: { noise } } = task;
  const before = [inF32, qloraBase].map((base) => cellOf(task, untrained(base))?.mean);
  const [plain, quantized] = before.map((value) => value?.toFixed(decimals));
  return [
    best === "lowest" ? "Lower is better." : "Higher is better.",
    Number.isNaN(noise)
      ? ""
      : `Noise floor${noiseIn(noise, decimals)}, of LoRA alone${
        noiseIn(loraNoise(task), decimals)
      }.`,
    plain === undefined ? "" : `Not trained: ${plain} in F32, ${quantized} in NF4, 64.`,
  ].filter((part) => part).join(" ");
}

/** Settings of the runs, the runs left out, and the reason why a claim is not judged. */
export const lossSettings = (rows: Rows): string =>
  `WordNet's definitions as in “Full fine-tuning against LoRA” (${adaptationSteps} steps of 16 pairs, ` +
  "LoRA of rank 16, held-out loss); 2,000 entries of “A small encoder against a bag of words” in four passes, and " +
  "1,280 short texts of TREC, SUBJ and SST-2 in one (LoRA of rank 2, accuracy), the latter three on the bases that a rule reads. LoRA is on every linear layer, " +
  "at the rate that was searched for it in F32; linear layers are in 4 bits. A new head starts at zero, so " +
  "that only the base of the definitions has a value before it is trained." +
  [
    textTasks.some(({ name }) => rows.some(({ task }) => task === name))
      ? ""
      : ` Left out: the latter three, as ${noTextData}.`,
    isOneSeed(rows)
      ? " One seed gives no noise floor: nothing is judged."
      : hasLost(rows)
      ? ""
      : " The base that is not trained is not worse in NF4: that it recovers is not judged.",
  ].join("");

/** LoRA on a base in every form, on five tasks. */
export const quantizedLoss: Experiment = experiment<ChosenLoss, Rows>({
  name: "quantized-loss",
  title: "What a base in 4 bits costs in quality",
  question:
    "Is LoRA on a base in 4 bits worse than on the same base in F32, and does the code, the block size or " +
    "the quantization of the scales matter?",
  source: "Dettmers et al. 2023, QLoRA: section 4, at small scale; not in the paper",
  scale: true,
  beyond: true,
  runs: (context) => context.full || context.quick ? lossRuns(context) : [],
  quoted: { ...shipped, rows: shipped.rows as Rows },
  rows: lossRows,
  settings: lossSettings,
  claims: judgedClaims,
  tables: [lossMeansTable, lossRunsTable],
  figures: [lossFigure],
});
