/** `lowrank train`. @module */

import { quantizedBaseOf } from "../../../adapt/adapter.ts";
import { type Adapter, loadAnyAdapter } from "../../../adapt/mod.ts";
import { countTokens } from "../../../core/batch.ts";
import { shellWord, terminalLine } from "../../../core/errors.ts";
import { grouped, howMany } from "../../../core/numbers.ts";
import { sizeOf } from "../../../core/tensor.ts";
import type { CompileReport, Device } from "../../../device/mod.ts";
import {
  countTrainable,
  loadModel,
  type RightAnswers,
  type TextModel,
} from "../../../models/mod.ts";
import {
  applyMethod,
  type MethodSpec,
  type RunOptions,
  type RunSpec,
  type Trained,
} from "../../../runs/mod.ts";
import { prepareFolder } from "../../../storage/files.ts";
import { Interrupt, Interrupted } from "../../../terminal/interrupt.ts";
import { durationText } from "../../../terminal/progress.ts";
import type { Batch, HeldOutLoss, StepEvent, TrainingLog } from "../../../train/mod.ts";
import type { LowrankCommand } from "../../command.ts";
import {
  type CommonOptions,
  note,
  noteOtherBase,
  noteOtherForm,
  notePassed,
  openChosen,
  passedIn,
  printWritten,
} from "../../common.ts";
import { baseTypeOf, call, pathWord } from "../../options.ts";
import {
  extremesOf,
  measuredOf,
  recordOf,
  rescue,
  type TrainedRecord,
  TrainFolder,
} from "./folder.ts";
import { methodTitle } from "./method.ts";
import { type TrainOptions, trainOptions } from "./options.ts";
import { readRequest, type TrainRequest } from "./request.ts";

/** The work of a training. */
export interface Course {
  /** Steps of the whole training. */
  readonly steps: number;
  /** Steps from one measurement of the held-out loss to the next; none if it is not measured. */
  readonly validateEvery?: number;
}

/** The work that is known before it begins. */
export const courseOf = (
  { spec: { training }, validation }: Pick<TrainRequest, "spec" | "validation">,
): Course => ({
  steps: training.steps,
  validateEvery: validation.length > 0 ? training.validateEvery : undefined,
});

/** The least that is known before an estimate is given. */
const leastSteps = 3, leastMs = 3000;

/** From what it is made: so many of the latest steps, or more if they took less than this time. */
const latestSteps = 32, latestMs = 20_000;

/**
 * Estimates the time left. Steps that are read first do not count, as they compile and warm up; measurements of
 * the held-out loss do, and those that are still to come are expected to take as long as those before them.
 */
export class TimeLeft {
  readonly #course: Course;
  readonly #latest: number[] = [];
  #first?: number;
  #done = 0;
  #ms = 0;
  #measured = 0;
  #heldOutMs = 0;

  /** Of a training that begins, or is resumed. */
  constructor(course: Course) {
    this.#course = course;
  }

  /** Takes the next step's event. */
  add({ step, ms, heldOut, heldOutBefore, heldOutMs = 0 }: Omit<StepEvent, "evaluation">): void {
    this.#done = step + 1;
    this.#measured += [heldOut, heldOutBefore].filter(Boolean).length;
    this.#heldOutMs += heldOutMs;
    this.#first ??= ms;
    // Steps that are read together have one time.
    if (this.#latest.length === 0 && ms === this.#first) return;
    this.#ms += ms;
    this.#latest.push(ms);
    while (this.#latest.length > latestSteps && this.#ms - this.#latest[0] >= latestMs) {
      this.#ms -= this.#latest.shift()!;
    }
  }

  /** Milliseconds that the rest will take; undefined before 3 steps and 3 s of steps. */
  get ms(): number | undefined {
    if (this.#latest.length < leastSteps || this.#ms < leastMs) return undefined;
    const measurement = this.#heldOutMs / Math.max(1, this.#measured);
    return this.#ms / this.#latest.length * (this.#course.steps - this.#done) +
      measurement * this.#measurementsLeft();
  }

  /** At every n-th step, and at the last one. */
  #measurementsLeft(): number {
    const { steps, validateEvery: every } = this.#course, done = this.#done;
    if (every === undefined) return 0;
    return Math.ceil(steps / every) - Math.floor(done / every);
  }
}

/** The work of a training with the batches that its progress is measured by. */
interface WatchedCourse extends Course {
  /** Its batches, which are used in order and again from the first. */
  readonly batches: readonly Batch[];
}

/** Least time between two lines: in a terminal, where one replaces the other, and elsewhere. */
const terminalMs = 100, pipeMs = 5000;

/**
 * A listener that reports the first step, the last one, every held-out loss, and some steps in between: in
 * a terminal in one line, elsewhere in a line now and then.
 */
export function progressOf(
  options: CommonOptions,
  course: WatchedCourse,
): NonNullable<RunOptions["onProgress"]> {
  const isTerminal = Deno.stderr.isTerminal();
  let last = -Infinity, heldOut: HeldOutLoss | undefined;
  const pace = paceOf(course);
  return (event, _, { seconds }) => {
    const { step, early, stopped } = event, isEnd = step + 1 === course.steps || early || stopped;
    heldOut = event.heldOut ?? heldOut;
    const speed = pace(event), now = performance.now();
    const isDue = now - last >= (isTerminal ? terminalMs : pipeMs);
    if (options.quiet || !(isDue || isEnd || (event.heldOut && !isTerminal))) return;
    last = now;
    const line = lineOf(
      event,
      course,
      heldOut,
      isEnd ? `${durationText(1000 * seconds)} in all` : speed,
    );
    if (isTerminal) replaceLine(isEnd ? "" : terminalLine(line));
    if (!isTerminal || isEnd) note(options, line);
  };
}

function lineOf(
  { step, loss }: StepEvent,
  { steps }: Course,
  heldOut: HeldOutLoss | undefined,
  pace: string,
): string {
  const at = heldOut?.step === step + 1 ? "" : ` (step ${heldOut?.step})`;
  const measured = heldOut ? `, held out ${heldOut.loss.toFixed(4)}${at}` : "";
  return `step ${step + 1} of ${steps}: loss ${loss.toFixed(4)}${measured}, ${pace}`;
}

/** Counts tokens and time: `2,300 tokens/s, 40 s left`. */
function paceOf({ batches, ...course }: WatchedCourse): (event: StepEvent) => string {
  const left = new TimeLeft(course);
  let tokens = 0, ms = 0;
  return (event) => {
    tokens += countTokens(batches[event.step % batches.length]);
    ms += event.ms;
    left.add(event);
    const rest = left.ms === undefined ? "" : `, ${durationText(left.ms)} left`;
    return `${grouped(Math.round(1000 * tokens / ms))} tokens/s${rest}`;
  };
}

const replaceLine = (line: string): void =>
  void Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${line}`));

/** A listener that reports compilation once a second; one that takes less says nothing. */
function compilationOf(options: CommonOptions): CompileReport {
  let last = performance.now();
  return (done, total) => {
    const now = performance.now();
    if (now - last < 1000) return;
    last = now;
    note(options, `compiled ${done} of ${total} kernels`);
  };
}

/** The line that announces what is trained, and how. */
function plan(model: TextModel, { spec, isNamed }: TrainRequest): string {
  const { method, training: { steps, learningRate } } = spec, trained = countTrainable(model);
  const own = [...model.parameters.values(), ...model.weights.values()]
    .reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const share = (100 * trained / own).toPrecision(3);
  const values = `training ${grouped(trained)} parameters, ${share}% of the model's ${
    grouped(own)
  }`;
  const hint = isNamed ? "" : " (add --method lora for an adapter)";
  const how = `${howMany(steps, "step")} at learning rate ${learningRate}`;
  return `${methodTitle(method)}: ${values}, in ${how}${hint}`;
}

/** Sentences about a finished training for a reader. */
export function summaryOf(
  { steps, loss, firstLoss, heldOut, answers }: TrainedRecord,
  { spec: { training }, labels, usualRate = Infinity }: TrainRequest,
): string[] {
  const { steps: planned, learningRate } = training, unit = labels ? "text" : "token";
  const rate = learningRate > usualRate ? `${usualRate}, the default,` : learningRate / 4;
  const lower = `try a lower --learning-rate, ${rate} for example`;
  const risen = firstLoss !== null && loss !== null && loss > 1.25 * firstLoss
    ? [`the loss has risen from ${firstLoss.toFixed(4)} to ${loss.toFixed(4)}: ${lower}`]
    : [];
  if (!heldOut) return risen;
  const { before, best, bestStep } = heldOut;
  if (bestStep === 0) {
    return [
      `the held-out loss was lowest before training, ${
        before.toFixed(4)
      }, so nothing was changed: ${lower}`,
    ];
  }
  const early = steps < planned ? "; it no longer fell, so training ended early" : "";
  const kept = bestStep === steps ? "" : `${early}; the values of step ${bestStep} were kept`;
  return [
    `held-out loss: ${before.toFixed(4)} before training, ${
      best.toFixed(4)
    } after, in nats per ${unit}${kept}`,
    ...answers ? [answersText(answers, "held-out text")] : [],
    ...bestStep === planned && !isAllRight(answers)
      ? [
        `the held-out loss was lowest at the last step: to train longer, give --steps ${
          2 * planned
        } and another --output`,
      ]
      : [],
    ...risen,
  ];
}

const isAllRight = (answers?: RightAnswers): boolean =>
  answers !== undefined && answers.right === answers.texts;

/** `right answers: 98.5% of 200 texts, to the last token`. */
export function answersText({ right, texts }: RightAnswers, what = "text"): string {
  const share = (100 * right / texts).toFixed(1);
  return `right answers: ${share}% of ${howMany(texts, what)}, to the last token`;
}

/** The values that a signal has left, and the way to resume; the text ends before the output folder. */
export function stoppedText(
  { training: { steps: planned } }: TrainRequest["spec"],
  { loss: { length: steps }, heldOut = [] }: TrainingLog,
  { message }: Interrupted,
): string {
  if (steps === 0) return `${message} before the first step: nothing was written to`;
  const lowest = heldOut.length > 1 ? extremesOf(heldOut) : undefined;
  const kept = lowest
    ? `the values of step ${lowest.bestStep}, with the lowest held-out loss, ${
      lowest.best.toFixed(4)
    }, are in`
    : `the values of step ${steps} are in`;
  return `${message} after step ${steps} of ${planned}: run the same command again to resume; ${kept}`;
}

/** True if the values are others than before. */
const isChanged = ({ heldOut }: TrainedRecord): boolean => heldOut?.bestStep !== 0;

/** The commands that use what was trained. */
export function nextOf(
  { model, output, validation, baseDtype }: TrainOptions,
  { spec: { method }, labels, example = "…" }: TrainRequest,
): string {
  const [base, made] = [model, output].map(pathWord), hasOthers = typeof validation === "string";
  const stored = baseDtype === undefined ? "" : ` --base-dtype ${baseDtype}`;
  const shown = method.kind === "full"
    ? `--model ${made}`
    : `--model ${base} --adapter ${made}${stored}`;
  const isPlain = method.kind === "lora" && !method.dora; // `inspect` reads updates that are B·A alone
  return [
    hasOthers ? "next:" : "next, with texts in FILE that were not trained on:",
    `  ${call} evaluate ${shown} --data ${hasOthers ? pathWord(validation) : "FILE"}`,
    ...labels ? [] : [`  ${call} generate ${shown} --prompt ${shellWord(example)}`],
    ...isPlain ? [`  ${call} inspect ${made} --base ${base}`] : [],
  ].join("\n");
}

const help = `
From text to an adapter, and back to text:
  lowrank train --model models/tiny-gpt2 --data mine.txt --output out
  lowrank generate --model models/tiny-gpt2 --adapter out --prompt "Once"
  lowrank evaluate --model models/tiny-gpt2 --adapter out --data more.txt

Texts: .jsonl or .csv with the fields prompt and completion (the completions
are learned), text and label (a classifier is trained), or text; .txt with a
text in each line or, where blank lines separate paragraphs of at most 20 lines
on average, in each paragraph. A part is held out. Its loss is measured while
training, the values at which it was lowest are kept, and training ends early
when it no longer falls.

To train longer, give more --epochs or --steps and another --output, or begin
with what is there: --adapter OLD --output NEW.

--dtype is the type of the values in the file, of 4 bytes each (f32) or 2. The
training itself is in F32, and so is the held-out loss that it shows.

Ctrl-C stops after the current step and saves the values at the lowest held-out
loss so far, if it was measured since the start, or else the latest ones; the
same command continues after the last step. Once it is finished, the same
command changes nothing.

Files for --batches and --config, what the output folder holds, and signals:
docs/command_line.md.`;

/** Trains an adapter or a whole model. */
export const trainCommand: LowrankCommand = {
  name: "train",
  summary: "train an adapter or a whole model",
  options: trainOptions,
  uses: ["--device", "--seed"],
  permissions: ["read", "write", "device"],
  instead: {
    "--init": 'it is "init" of "method" in the file of --config',
    "--lr": "it is --learning-rate",
  },
  help,
  run,
};

async function run(options: TrainOptions): Promise<void> {
  const request = await readRequest(options);
  using device = await openChosen(options);
  using interrupt = new Interrupt();
  const spec = { ...request.spec, device: device.kind };
  using folder = await TrainFolder.open(options.output, spec);
  const before = await folder.finished();
  if (before) return report(options, before, `already trained: ${afterSteps(spec, before)} is in`);
  await folder.assertFree();
  const made = await folder.train(runOptionsOf(request, options, device, interrupt, folder));
  for (const line of summaryOf(made, request)) note(options, line);
  report(options, made, `wrote ${afterSteps(spec, made)} to`);
  if (options.data && !options.json && isChanged(made)) note(options, nextOf(options, request));
}

function runOptionsOf(
  request: TrainRequest,
  options: TrainOptions,
  device: Device,
  interrupt: Interrupt,
  folder: TrainFolder,
): Omit<RunOptions, "folder" | "save"> {
  const { spec, batches, validation, newLabels: labels, checkpointEvery } = request;
  const { output } = options, save = (trained: Trained) => folder.save(trained);
  return {
    device,
    checkpointEvery,
    signal: interrupt.signal,
    openModel: () => loadModel(device, options.model, { labels, dtype: baseTypeOf(options) }),
    openBatches: () => batches,
    openValidation: () => validation,
    adapt: (model) => adapt(model, spec.method, options),
    onReady: async (model, steps) => {
      await prepareFolder(output);
      interrupt.listen();
      const { unappliedDropout: unapplied = [] } = model;
      const lines = [...request.notes, plan(model, request), unapplied].flat();
      for (const line of lines) note(options, line);
      if (steps > 0) note(options, `resuming after step ${steps}`);
    },
    onRemoved: () => note(options, `${output} was removed: it is made again`),
    onProgress: progressOf(options, { ...courseOf(request), batches }),
    onCompile: compilationOf(options),
    measure: (model) => measuredOf(model, request),
    onCut: async (trained, failure) => {
      if (!(failure instanceof Interrupted)) throw await rescue(failure, { output, trained, save });
      const made = recordOf(trained.log, countTrainable(trained.model));
      if (made.steps > 0) await save(trained);
      report(options, made, stoppedText(spec, trained.log, failure), true);
    },
  };
}

/** The adapter to train, loaded or new; undefined for full fine-tuning. */
async function adapt(
  model: TextModel,
  method: MethodSpec,
  options: TrainOptions,
): Promise<Adapter | undefined> {
  const { adapter, seed } = options;
  if (adapter === undefined) return await applyMethod(model, method, seed, options.model);
  await noteOtherBase(options, options.model, [adapter]);
  await noteOtherForm(options, options.model, quantizedBaseOf(model), [adapter]);
  note(options, "the adapter keeps its own settings");
  const ofLora = method.kind === "lora" ? { dropout: method.dropout ?? 0 } : {};
  const loaded = await loadAnyAdapter(model, adapter, { ...ofLora, allow: options.allow });
  notePassed(options, adapter, passedIn(loaded));
  return loaded;
}

/** `the adapter after 3 steps`, `the adapter (F16) after 3 steps`. */
function afterSteps(
  { method, training: { dtype } }: Pick<RunSpec, "method" | "training">,
  made: TrainedRecord,
): string {
  const what = `${method.kind === "full" ? "model" : "adapter"}${dtype ? ` (${dtype})` : ""}`;
  return isChanged(made)
    ? `the ${what} after ${howMany(made.steps, "step")}`
    : `the unchanged ${what}`;
}

/** Prints what was made; the text ends before the output folder. */
function report(
  options: TrainOptions,
  made: TrainedRecord,
  text: string,
  stopped = false,
): void {
  const { output } = options;
  printWritten(options, { ...made, stopped, output }, `${text} ${output}`);
}
