/** Trainings of the study: the start that all share, and a run of its own loop, kept in a folder as other runs are. @module */

import { Tape } from "../../../src/autograd/mod.ts";
import { mean } from "../../../src/core/numbers.ts";
import type { HostTensor } from "../../../src/core/tensor.ts";
import { encodePrompted, type PromptedText, skillTexts } from "../../../src/data/mod.ts";
import type { Device } from "../../../src/device/device.ts";
import { countTrainable, type TextModel } from "../../../src/models/mod.ts";
import {
  type JsonRecord,
  readRun,
  runFiles,
  type RunResult,
  type RunSpec,
} from "../../../src/runs/mod.ts";
import { watchLedger, writeResult } from "../../../src/runs/folder.ts";
import { applyMethod } from "../../../src/runs/method.ts";
import type { RunContext } from "../../../src/runs/plan.ts";
import { claimFolder } from "../../../src/storage/folder.ts";
import { endOfTextOf } from "../../../src/tokenizer/tokenizer.ts";
import { adamW } from "../../../src/train/mod.ts";
import { linearSchedule } from "../../../src/train/schedule.ts";
import { openSkillsBase, scoreTexts, skillsTokenizer } from "../runs.ts";
import { taskNamed } from "../tasks.ts";
import { answersOf, type AnswerSource, policyLoss, sampleAnswers } from "./policy.ts";

/** The task: an arbitrary map of letters, of which the base does nothing. */
export const policyTask = taskNamed("random alphabet");

/** The short supervised training before every other: steps, rate, words and seed. */
export const warmStart = { steps: 15, learningRate: 1e-3, words: 48, seed: 4_000_000 } as const;

/** Steps over which rewards are averaged in a curve. */
export const curveSteps = 10;

/** Settings of a loop. */
interface LoopSettings {
  readonly steps: number;
  readonly rateOf: (step: number) => number;
  readonly onStep?: (step: number) => void;
  readonly signal?: AbortSignal;
}

/** Trains what is trainable of a model; resolves to the mean rewards of {@link curveSteps} steps each. */
export async function trainPolicy(
  model: TextModel,
  source: AnswerSource,
  { steps, rateOf, onStep, signal }: LoopSettings,
): Promise<number[]> {
  const padding = endOfTextOf(source.tokenizer), rewards: number[] = [];
  using optimizer = adamW(model.trainable(), { learningRate: rateOf(0) });
  for (let step = 0; step < steps; step++) {
    signal?.throwIfAborted();
    const { answers, reward } = await answersOf(model, source, step);
    using tape = new Tape(model.device);
    const loss = policyLoss(tape, model, answers, padding);
    rewards.push(reward);
    onStep?.(step);
    if (!loss) continue; // All were alike: nothing to learn from.
    tape.backward(loss);
    optimizer.learningRate = rateOf(step);
    optimizer.step(tape);
    model.device.submit();
  }
  return Array.from(
    { length: Math.ceil(steps / curveSteps) },
    (_, at) => mean(rewards.slice(at * curveSteps, (at + 1) * curveSteps)),
  );
}

/** The weights after the warm start, by device. */
const warmed = new WeakMap<Device, Promise<ReadonlyMap<string, HostTensor>>>();

async function warm(device: Device): Promise<ReadonlyMap<string, HostTensor>> {
  using model = await openSkillsBase(device, "trained", 0);
  const { steps, learningRate, words: examples, seed } = warmStart;
  const texts = skillTexts(policyTask, { split: "train", examples, seed });
  const source = { tokenizer: await skillsTokenizer(), texts, seed, signal: "supervised" } as const;
  await trainPolicy(model, source, { steps, rateOf: () => learningRate });
  const names = [...model.parameters.keys()];
  const read = await device.read(...[...model.parameters.values()].map(({ tensor }) => tensor));
  return new Map(names.map((name, at) => [name, read[at]]));
}

/** Opens the base after its warm start. */
export async function openWarmBase(device: Device): Promise<TextModel> {
  const weights = warmed.get(device) ?? warm(device);
  warmed.set(device, weights);
  const values = await weights, model = await openSkillsBase(device, "trained", 0);
  for (const [name, { tensor }] of model.parameters) device.write(tensor, values.get(name)!.data);
  return model;
}

/** Answers of a model to texts: greedy and, by a seed, sampled at temperature 1, as shares that are right. */
export async function measureAnswers(
  model: TextModel,
  texts: readonly PromptedText[],
): Promise<JsonRecord> {
  const tokenizer = await skillsTokenizer(), seed = 4_000_001;
  const rows = texts.map((text) => encodePrompted(tokenizer, text));
  const { rewards } = await sampleAnswers(model, rows, {
    stopToken: endOfTextOf(tokenizer),
    seed,
  });
  return { ...await scoreTexts(model, texts), sampled: mean(rewards) };
}

/** Texts and signal of a training. */
export type PolicySource = Omit<AnswerSource, "tokenizer">;

/**
 * Makes a run, or reads it where it is finished. Its metrics are those of {@link measureAnswers}, `trained` (values) and
 * `curve` (rewards).
 */
export async function makePolicyRun(
  spec: RunSpec,
  source: PolicySource,
  measured: readonly PromptedText[],
  { device, folder, onStep, signal }: RunContext,
): Promise<RunResult> {
  const files = await runFiles(folder, spec), found = await readRun(files, spec);
  if (found) return found;
  using _claim = await claimFolder(files.folder);
  const { training: { steps, learningRate } } = spec, ledger = watchLedger(device);
  using model = await openWarmBase(device);
  using _adapter = await applyMethod(model, spec.method, spec.seed);
  const schedule = linearSchedule({ steps, warmupSteps: Math.ceil(steps / 30) });
  const rateOf = (step: number) => learningRate * schedule(step);
  const own = { ...source, tokenizer: await skillsTokenizer() };
  const curve = await trainPolicy(model, own, { steps, rateOf, onStep, signal });
  const metrics = {
    ...{ ...await measureAnswers(model, measured), trained: countTrainable(model), curve },
  };
  const none = Array.from({ length: steps }, () => 0); // Losses of a policy say nothing.
  const log = { loss: none, gradientNorm: none, learningRate: none.map((_, at) => rateOf(at)) };
  const end = { spec, log, ledger: ledger(), metrics, device: device.description, exact: true };
  await writeResult(files, end);
  return { ...end, folder: files.folder };
}
