/** Time of a training step on a base in 4 bits. @module */

import { axis, bars, baseLayout, palette, table } from "../../src/figures/mod.ts";
import {
  allHold,
  type Claim,
  type Experiment,
  experiment,
  type ExperimentContext,
  isAtMost,
  ratioOf,
  ratioText,
  type TimeRatio,
} from "../frame/mod.ts";
import { clockMet, timedClaim, timeInTurns, type TurnTimes } from "../frame/turns.ts";
import {
  openStep,
  runningModels,
  type StepMethod,
  stepMethods,
  stepRank,
  type StepShape,
} from "./training_steps.ts";

/** Issue 17's mark, and how far off the control may be. */
const mostSlower = 1.3, controlShare = 0.05;

/** A method's step on one model. */
export interface StepTimeRow extends TurnTimes {
  /** The model. */
  readonly model: string;
  /** The batch: `4 x 64`. */
  readonly batch: string;
  /** The method. */
  readonly label: string;
}

const of = (base: StepMethod["base"], isLora: boolean): StepMethod =>
  stepMethods.find((method) => method.base === base && method.isLora === isLora)!;

const lora = of("F32", true), qlora = of("NF4, double", true);

/** LoRA once more: how far two timings of the same differ. */
export const control: StepMethod = { ...lora, label: "LoRA again, the control" };

/** The same with activation checkpointing, which QLoRA relies on. */
const checkpointed = [lora, qlora].map((method): StepMethod => {
  return { ...method, label: `${method.label}, checkpoints`, activationCheckpointing: true };
});

const timed: readonly StepMethod[] = [
  ...[lora, control, of("BF16", true), of("NF4", true), qlora],
  ...checkpointed,
];

async function stepTimes(context: ExperimentContext): Promise<StepTimeRow[]> {
  const { device, full, quick, signal, report } = context, rows: StepTimeRow[] = [];
  const [small, ...large] = await runningModels();
  // Four sequences too: the more tokens, the less it counts that weights are made F32 first.
  const shapes = [small, ...full ? large.flatMap((one) => [one, { ...one, batch: 4 }]) : []];
  for (const [i, shape] of shapes.entries()) {
    report(i / shapes.length, shape.model);
    using stack = new DisposableStack();
    const steps = timed.map((method) => stack.use(openStep(device, shape, method)));
    const work = steps.map((one) => () => {
      one.step();
      return one.finished();
    });
    const times = await timeInTurns(work, quick ? 1 : i > 0 ? 11 : full ? 100 : 50, signal);
    rows.push(...times.map((own, place) => rowOf(shape, timed[place], own)));
  }
  return rows;
}

const rowOf = (
  { model, batch, length }: StepShape,
  { label }: StepMethod,
  times: TurnTimes,
): StepTimeRow => ({ model, batch: `${batch} x ${length}`, label, ...times });

type Rows = readonly StepTimeRow[];

const nameOf = ({ model, batch }: StepTimeRow): string => `${model} (${batch})`;

const byModel = (rows: Rows): [model: string, Rows][] => [...Map.groupBy(rows, nameOf)];

/** Ratio of the time of a method's step to that of LoRA's. */
function timesOfLora(rows: Rows, { label }: Pick<StepMethod, "label">): TimeRatio {
  const each = (label: string) => rows.find((row) => row.label === label)!.each;
  return ratioOf(each(label), each(lora.label));
}

const shown = (rows: Rows, method: StepMethod): string =>
  timesOfLora(rows, method).ratio.toFixed(2);

/** Controls of every model. */
const controlsOf = (rows: Rows): TimeRatio[] =>
  byModel(rows).map(([, own]) => timesOfLora(own, control));

const isFast = timedClaim<Rows>({
  text: "A step of QLoRA takes hardly longer than one of LoRA",
  rule:
    `when on every model a step of QLoRA takes at most ${mostSlower} times as long as one of LoRA ` +
    "on the base in F32",
  ...{ control: "LoRA again", share: controlShare, controls: controlsOf },
  scale: true,
  corrected: clockMet,
  quote: "“without degrading the runtime” (Dettmers et al. 2023, section 1)",
  ours: (rows) =>
    byModel(rows).map(([model, own]) => `${model}: ${shown(own, qlora)} times`).join("; "),
  judge: (rows) =>
    allHold(
      byModel(rows).map(([, own]) => isAtMost(timesOfLora(own, qlora), mostSlower, controlShare)),
    ),
  found: (rows) =>
    byModel(rows).map(([model, own]) =>
      `${model}: QLoRA ${
        ratioText(timesOfLora(own, qlora))
      } times, with activation checkpointing ` +
      `LoRA ${shown(own, checkpointed[0])} and QLoRA ${shown(own, checkpointed[1])} times.`
    ).join(" "),
});

/** The claims about times: decisions 0033 and 0026. */
export const stepTimeClaims: readonly Claim<Rows>[] = [isFast];

/** Times of steps in turn. */
export const quantizedStep: Experiment = experiment<never, Rows>({
  name: "quantized-step",
  seconds: 14,
  title: "What a step on a base in 4 bits costs in time",
  question:
    "How much longer does a training step take if the base's linear layers are in NF4, and are made " +
    "F32 before each product?",
  source: "Dettmers et al. 2023, QLoRA: section 1; not in the paper",
  beyond: true,
  rows: (_, context) => stepTimes(context),
  settings:
    `AdamW, LoRA of rank ${stepRank} on every linear layer, NF4 in blocks of 64; all models in one process, taking turns. ` +
    "Activations are stored, and where a label says checkpoints those within blocks are computed again. " +
    "Decision 0033 has the rules.",
  claims: stepTimeClaims,
  tables: [(rows) =>
    table<StepTimeRow>({
      id: "quantized-step",
      title: "The time of a step",
      columns: [
        ["model", "model", "text"],
        ["batch", "batch", "text"],
        ["label", "method", "text"],
        ["minimum", "minimum (ms)", "time"],
        ["median", "median (ms)", "time"],
        ["rounds", "rounds", "count"],
        ["times", "of LoRA's", "ratio", (row) =>
          timesOfLora(
            rows.filter((other) => nameOf(other) === nameOf(row)),
            row,
          ).ratio],
      ],
      rows,
    })],
  figures: [(rows, { device }) => ({
    id: "quantized-step",
    title: "The time of a step, by that of LoRA on a base in F32",
    caption: `The median of all rounds, on ${device.description}. LoRA again is the control.`,
    data: byModel(rows).map(([model, own], i) =>
      bars(own, ({ label }) => label, (row) => timesOfLora(own, row).ratio, {
        color: palette.series[i],
      }, { name: model })
    ),
    layout: baseLayout(axis(""), axis("times as long", { rangemode: "tozero" }), {
      height: 360,
      showlegend: true,
    }),
  })],
});
