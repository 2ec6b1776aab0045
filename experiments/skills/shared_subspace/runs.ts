/** Forty adapters for each kind of start and repeat: the same texts, and A's start of its own or one for all. @module */

import type { LowRankFactors } from "../../../src/analysis/mod.ts";
import { lazily } from "../../../src/core/numbers.ts";
import { promptedBatches, type PromptedText, skillTexts } from "../../../src/data/mod.ts";
import { canonicalJson, sha256 } from "../../../src/storage/digest.ts";
import { type PlanContext, type PlannedRun, planRun, type RunOpeners } from "../../frame/mod.ts";
import type { TextModel } from "../../../src/models/mod.ts";
import type { MethodSpec } from "../../../src/runs/mod.ts";
import { openSkillsBase, scoreTexts, skillsIdentity, skillsTokenizer } from "../runs.ts";
import { type SharedTask, sharedTasks } from "./tasks.ts";

/** A at the start: each adapter's own, or one for all. */
export type Starts = "own" | "one";

/** Both. */
export const allStarts: readonly Starts[] = ["own", "one"];

/** An adapter. */
export interface SharedRun {
  /** Its task. */
  readonly task: SharedTask;
  /** Its start. */
  readonly starts: Starts;
  /** The repeat, from 1: a reader knows it as the seed. */
  readonly repeat: number;
}

/** An adapter that is trained. */
export interface Trained extends SharedRun {
  /** Its updates, by layer. */
  readonly updates: readonly LowRankFactors[];
  /** Its share of right answers. */
  readonly exact: number;
}

/** Rank, steps, texts in a step, training texts, texts that are measured, and the rate at its highest. */
export const sharedRank = 4, sharedSteps = 100, sharedBatch = 8, sharedRate = 0.01;
const examples = 800, measured = 60;

/** LoRA of all. */
export const sharedLora = {
  ...{ rank: sharedRank, alpha: 2 * sharedRank },
  targetModules: "all-linear",
} as const;

const method: MethodSpec = { kind: "lora", ...sharedLora };

/** Seeds that no other study has, by repeat and place of a task. */
const seedAt = (repeat: number, place: number): number => 9_000_000 + 10_000 * repeat + place;

const placeOf = (task: SharedTask): number => sharedTasks.indexOf(task) + 1;

/** The seed of an adapter's A. */
export const startSeed = ({ task, starts, repeat }: SharedRun): number =>
  seedAt(repeat, starts === "one" ? 2000 : 1000 + placeOf(task));

/** Unseen texts of a task, the same for every adapter of it. */
export const unseenTexts = (task: SharedTask, most = measured): PromptedText[] =>
  skillTexts(task, { split: "test", examples: most, seed: 2021 });

/** All adapters, those of a repeat before the next. */
export function sharedRuns({ seeds, quick }: PlanContext): PlannedRun<SharedRun>[] {
  const tasks = quick ? sharedTasks.filter((_, at) => at % 5 === 0) : sharedTasks;
  return seeds.flatMap((repeat) =>
    allStarts.flatMap((starts) => tasks.map((task) => planShared({ task, starts, repeat }, quick)))
  );
}

function planShared(chosen: SharedRun, quick: boolean): PlannedRun<SharedRun> {
  const { task, starts, repeat } = chosen, steps = quick ? 2 : sharedSteps;
  const seed = seedAt(repeat, placeOf(task));
  const texts = lazily(() => skillTexts(task, { split: "train", examples, seed }));
  return planRun<SharedRun>({
    ...{ label: `${task.name}, ${starts} start, seed ${repeat}`, steps, chosen },
    open: (device) => ({
      openModel: () => openSkillsBase(device, "trained", 0),
      openBatches: () => batchesOf(texts(), seed),
      checkpointEvery: steps,
      measure: async (model: TextModel) => ({ ...await scoreTexts(model, unseenTexts(task)) }),
    } satisfies RunOpeners<TextModel>),
    spec: async ({ kind: device }) => ({
      ...{ model: await skillsIdentity("trained"), method, device },
      data: { task: task.name, batch: sharedBatch, seed, sha256: await digestOf(texts()) },
      training: {
        ...{ learningRate: sharedRate, steps, schedule: "linear" },
        warmupSteps: Math.ceil(steps / 30),
      },
      seed: startSeed(chosen),
    }),
  });
}

const digestOf = (texts: readonly PromptedText[]): Promise<string> =>
  sha256(new TextEncoder().encode(canonicalJson(texts)));

const batchesOf = async (texts: readonly PromptedText[], seed: number) =>
  promptedBatches(await skillsTokenizer(), texts, { batch: sharedBatch, seed, epochs: Infinity });
