/** What `train` tells: what it is about to train, what came of it, and what to type next. @module */

import { howMany } from "../core/how_many.ts";
import type { Interrupted } from "../core/interrupt.ts";
import { grouped } from "../core/numbers.ts";
import { shellWord } from "../core/quote.ts";
import { sizeOf } from "../core/shape.ts";
import { countTrainable, type RightAnswers, type TextModel } from "../models/mod.ts";
import type { TrainingLog } from "../train/mod.ts";
import { call, pathWord } from "./call.ts";
import { methodTitle } from "./method_entries.ts";
import type { TrainOptions } from "./train_options.ts";
import { extremesOf, type TrainedRecord } from "./train_record.ts";
import type { TrainRequest } from "./train_request.ts";

/** The line that announces what is trained, and how. */
export function plan(model: TextModel, { spec, isNamed }: TrainRequest): string {
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

/** What came of a finished training: sentences for a reader. */
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
    ...bestStep === planned
      ? [
        `the held-out loss was lowest at the last step: to train longer, give --steps ${
          2 * planned
        } and another --output`,
      ]
      : [],
    ...risen,
  ];
}

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

/** Whether the values are others than before. */
export const isChanged = ({ heldOut }: TrainedRecord): boolean => heldOut?.bestStep !== 0;

/** The commands that use what was trained. */
export function nextOf(
  { model, output, data, validation, baseDtype }: TrainOptions,
  { spec: { method }, labels, example = "…" }: TrainRequest,
): string {
  const hasOthers = typeof validation === "string", texts = hasOthers ? validation : data!;
  const [base, made, file] = [model, output, texts].map(pathWord), prompt = shellWord(example);
  const stored = baseDtype === undefined ? "" : ` --base-dtype ${baseDtype}`;
  const shown = method.kind === "full"
    ? `--model ${made}`
    : `--model ${base} --adapter ${made}${stored}`;
  const ask = labels ? `evaluate ${shown} --data ${file}` : `generate ${shown} --prompt ${prompt}`;
  const isPlain = method.kind === "lora" && !method.dora; // `inspect` reads updates that are B·A alone
  const look = !isPlain ? [] : [`  ${call} inspect ${made} --base ${base}`];
  const seen = labels && !hasOthers
    ? [`(most texts of ${file} were trained on: for a fair accuracy, give --data a file of others)`]
    : [];
  return ["next:", `  ${call} ${ask}`, ...look, ...seen].join("\n");
}
