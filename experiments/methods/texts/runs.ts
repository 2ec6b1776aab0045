/** Runs on texts with MiniLM-L6: a method, a rate and a seed on one task. @module */

import { join } from "node:path";
import { mostFrequentLabel } from "../../../src/core/batch.ts";
import { mean } from "../../../src/core/numbers.ts";
import type { ReadModel } from "../../../src/data/mod.ts";
import type { Device } from "../../../src/device/device.ts";
import {
  countTrainable,
  loadModel,
  outputsOf,
  type StorageOptions,
  type TextModel,
} from "../../../src/models/mod.ts";
import type { JsonRecord, MethodSpec } from "../../../src/runs/mod.ts";
import { fileDigests } from "../../../src/storage/digest.ts";
import { loadTokenizer, type Tokenizer } from "../../../src/tokenizer/mod.ts";
import type { Batch } from "../../../src/train/mod.ts";
import { type PlannedRun, planRun, type RunOpeners } from "../../frame/mod.ts";
import { drawnDataset, type LabeledTexts, sortedBatches } from "../../labeled_texts.ts";
import { encoderPath, readTask, type TaskParts, type TaskSizes, type TextTask } from "./tasks.ts";

/** A digit for each four texts, so that thousands fit into a row. */
export const hexOf = (right: readonly boolean[]): string =>
  Array.from({ length: Math.ceil(right.length / 4) }, (_, place) => {
    const four = bits.map((bit, i) => right[4 * place + i] ? bit : 0);
    return four.reduce((sum, bit) => sum + bit).toString(16);
  }).join("");

/** True for each of the texts that is right. */
export const answersIn = (hex: string, texts: number): boolean[] =>
  [...hex].flatMap((digit) => bits.map((bit) => (parseInt(digit, 16) & bit) > 0)).slice(0, texts);

const bits = [8, 4, 2, 1];

/** One run. */
interface TextRun {
  /** The task. */
  readonly task: TextTask;
  /** The method. */
  readonly method: { readonly spec: MethodSpec };
  /** The rate at its highest; it falls to 0 in a line. */
  readonly learningRate: number;
  /** The rate of the head, likewise. Default: the same. */
  readonly headRate?: number;
  /** Seed of the order of texts, of A and of dropout. */
  readonly seed: number;
  /** Texts that the trained model is measured on: reported runs on the one, the search of rates on the other. */
  readonly part: "test" | "validation";
  /** Storage of the base. Default: in F32. */
  readonly base?: StorageOptions;
}

/** Sizes of a run. */
export interface TextSizes extends TaskSizes {
  /** Texts in a step. */
  readonly batch: number;
  /** Passes over the training texts, each in an order of its own. */
  readonly passes: number;
  /** Share of the steps in which the rate rises. */
  readonly warmup: number;
  /** Batches whose texts are sorted by length together. Default: texts are in random order. */
  readonly window?: number;
  /** Largest norm of the gradients. Default: they are not clipped. */
  readonly clipNorm?: number;
}

/** Data of all runs of a job. */
export interface TextStudy {
  /** The folder that `LOWRANK_DATA` names. */
  readonly data: string;
  /** Sizes of the runs of a task. */
  sizesOf(task: TextTask): TextSizes;
  /** Reads the texts of a task once, on first use. */
  texts(task: TextTask): Promise<TaskParts>;
}

/** Opens the tasks in the folder that `LOWRANK_DATA` names. */
export function openStudy(data: string, sizesOf: TextStudy["sizesOf"]): TextStudy {
  const known = new Map<TextTask, Promise<TaskParts>>();
  const texts = (task: TextTask) =>
    known.getOrInsertComputed(task, () => readTask(data, task, sizesOf(task)));
  return { data, sizesOf, texts };
}

/**
 * A run. Its metrics are `accuracy` (share of the texts), `texts` (how many), `trained` (values), `majority` (share
 * of the most frequent label) and, of reported texts, `right`, which of them are right.
 *
 * @param name The method's, for the progress bar.
 */
export function planText<Run extends TextRun>(
  study: TextStudy,
  chosen: Run,
  name: string,
): PlannedRun<Run> {
  const { task, method, learningRate, headRate, seed, part, base } = chosen;
  const { batch, window, warmup, clipNorm } = study.sizesOf(task);
  const steps = stepsOf(study.sizesOf(task)), warmupSteps = Math.round(warmup * steps);
  return planRun({
    label: `${task.name}, ${name}, seed ${seed}`,
    ...{ steps, chosen },
    open: (device) => openersOf(study, chosen, device),
    spec: async ({ kind: device }) => {
      const { train, [part]: measured } = await study.texts(task);
      const data = { train: train.digest, measured: measured.digest, batch };
      return {
        model: {
          ...await fileDigests(
            join(study.data, encoderPath),
            /^(model\.safetensors|config\.json|tokenizer\.json)$/,
          ),
          ...base as JsonRecord,
        },
        method: method.spec,
        data: window === undefined ? data : { ...data, window },
        training: {
          ...{ learningRate, modulesToSaveRate: headRate, steps, schedule: "linear" },
          ...{ warmupSteps, clipNorm },
        },
        ...{ seed, device },
      };
    },
  });
}

const stepsOf = ({ train, batch, passes }: TextSizes) => passes * Math.ceil(train / batch);

function openersOf(
  study: TextStudy,
  { task, part, seed, base }: TextRun,
  device: Device,
): RunOpeners<TextModel> {
  const folder = join(study.data, encoderPath), sizes = study.sizesOf(task);
  let train: readonly Batch[], measured: readonly Batch[];
  return {
    openModel: async () => {
      const { train: texts, [part]: validation } = await study.texts(task);
      const model = await loadModel(device, folder, { labels: texts.labels, ...base });
      const tokenizer = await loadTokenizer(folder), { batch } = sizes;
      train = drawnPasses(model, tokenizer, texts, { ...sizes, seed });
      ({ validation: measured } = drawnDataset(model, tokenizer, texts, {
        ...{ validation, batch, seed },
      }));
      return model;
    },
    openBatches: () => train,
    // Runs take a few minutes; the weights of full fine-tuning would take 90 MB each.
    checkpointEvery: stepsOf(sizes),
    save: () => Promise.resolve(),
    measure: async (model) => {
      const right = await rightOn(model, measured);
      return {
        ...{ accuracy: mean(right.map(Number)), texts: right.length },
        ...part === "test" && { right: hexOf(right) },
        ...{ trained: countTrainable(model), majority: mostFrequentLabel(measured) },
      };
    },
  };
}

/** Batches to train on: passes over all texts, each in an order of its own. The first has the run's own seed. */
export function drawnPasses(
  model: ReadModel,
  tokenizer: Tokenizer,
  texts: LabeledTexts,
  { batch, passes, window, seed }:
    & Pick<TextSizes, "batch" | "passes" | "window">
    & Pick<TextRun, "seed">,
): Batch[] {
  const pass = (index: number) => {
    const order = { batch, seed: seed + 10_000 * index };
    return window
      ? sortedBatches(model, tokenizer, texts, { ...order, window })
      : drawnDataset(model, tokenizer, texts, { ...order, validation: 0 }).train;
  };
  return Array.from({ length: passes }, (_, index) => pass(index)).flat();
}

/** True for every text whose most likely label is its own. */
async function rightOn(model: TextModel, batches: readonly Batch[]): Promise<boolean[]> {
  const right: boolean[] = [];
  for (const { inputs, targets: { data: labels } } of batches) {
    const { shape: [rows, width], data } = await outputsOf(model, inputs);
    for (let row = 0; row < rows; row++) {
      const outputs = data.subarray(row * width, (row + 1) * width);
      right.push(outputs.indexOf(Math.max(...outputs)) === labels[row]);
    }
  }
  return right;
}
