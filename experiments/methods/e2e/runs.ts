/** Runs of every method on E2E, and what a model answers. @module */

import type { Device } from "../../../src/device/device.ts";
import { continueGreedily } from "../../../src/models/generate/greedy_batch.ts";
import { countTrainable, loadModel, type TextModel } from "../../../src/models/mod.ts";
import { encodePrompt } from "../../../src/tokenizer/mod.ts";
import { evaluate } from "../../../src/train/mod.ts";
import { type PlannedRun, planRun } from "../../frame/mod.ts";
import type { StudiedMethod } from "../methods.ts";
import { type E2ePart, type E2eTask, format, longestPair, pairs } from "./task.ts";

/** Steps of a reported run, and of one of the search. */
export const e2eSteps = 60, searchSteps = 20;

/** A run of the study. */
export interface E2eRun {
  /** Its method. */
  readonly method: StudiedMethod;
  /** Its rate at its highest. */
  readonly learningRate: number;
  /** Its seed. */
  readonly seed: number;
  /** Its steps. */
  readonly steps: number;
  /** The part that it is measured on; on the test set it answers, too. */
  readonly part: E2ePart;
}

/**
 * One run. Its metrics are `loss` (of the first reference of each meaning, nats per token), `trained` (values) and, on
 * the test set, `answers`.
 */
export function planE2e(task: E2eTask, run: E2eRun): PlannedRun<E2eRun> {
  const { method: { label, sizes: [{ spec: method }] }, learningRate, seed, steps, part } = run;
  const warmupSteps = Math.ceil(steps / 20), training = { steps, learningRate, warmupSteps };
  return planRun({
    ...{ label: `${label}, seed ${seed}`, steps, chosen: run },
    spec: async ({ kind: device }) => ({
      model: await task.digests(),
      ...{ method, data: { part, pairs, longestPair, ...task.sizes }, seed, device },
      training: { ...training, schedule: "linear", clipNorm: 1, labelSmoothing: 0.1 },
    }),
    open: (device) => ({
      openModel: () => openBase(device, task),
      openBatches: () => task.training(seed, steps),
      // Runs take a minute or two; the weights of full fine-tuning would take 540 MB each.
      checkpointEvery: steps,
      save: () => Promise.resolve(),
      measure: async (model) => ({
        loss: (await evaluate(model, await task.measured(part))).loss,
        trained: countTrainable(model),
        ...part === "test" && { answers: await answersOf(model, task) },
      }),
    }),
  });
}

/** The base, not adapted. */
export const openBase = (device: Device, { base }: E2eTask): Promise<TextModel> =>
  loadModel(device, base);

/** Prompts that are answered together. */
const together = 24;

/** Answers of a model to the meanings of the test set, decoded greedily. */
export async function answersOf(model: TextModel, task: E2eTask): Promise<string[]> {
  const tokenizer = await task.tokenizer(), { newTokens: maxNewTokens } = task.sizes;
  const prompts = (await task.meanings("test"))
    .map(({ meaning }) => encodePrompt(tokenizer, meaning, format));
  const options = { maxNewTokens, stopToken: tokenizer.endOfText }, made: string[] = [];
  for (let start = 0; start < prompts.length; start += together) {
    const tokens = await continueGreedily(model, prompts.slice(start, start + together), options);
    made.push(...tokens.map((own) => tokenizer.decode(own, { skipSpecialTokens: true }).trim()));
  }
  return made;
}
