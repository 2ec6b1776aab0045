/** Trainings whose model is asked again what it knew before: arms, steps, and what is measured. @module */

import { injectUpdates } from "../../../src/adapt/mod.ts";
import { lazily } from "../../../src/core/numbers.ts";
import { Random } from "../../../src/core/random.ts";
import { type PromptedText, skills, skillTexts } from "../../../src/data/mod.ts";
import { denseOf } from "../../../src/linalg/mod.ts";
import type { TextModel } from "../../../src/models/mod.ts";
import type { JsonRecord } from "../../../src/runs/mod.ts";
import type { PlanContext, PlannedRun } from "../../frame/mod.ts";
import {
  changeOf,
  correctionOf,
  divide,
  type Divided,
  heldByIntruders,
  type Scaling,
  scalings,
} from "../../intruders.ts";
import type { ChosenRate } from "../../methods/rates.ts";
import { studiedTasks } from "../arms.ts";
import { normOf, readChanges, readWeights, type WeightChange } from "../changes.ts";
import { type Arm, armName, mapRateOf, methodOf } from "../needed_rank/runs.ts";
import { openSkillsBase, planSkill, reportedTexts, scoreTexts, type SkillRun } from "../runs.ts";

/** LoRA of four ranks on all linear layers, and full fine-tuning. */
export const forgettingArms: readonly Arm[] = [
  ...[1, 4, 16, 64].map((rank) => ({ line: "all", rank } as const)),
  { line: "full" },
];

/** Steps of a training, each with a rate that falls to 0. */
export const forgettingSteps: readonly number[] = [10, 30, 100, 300];

/** The rates, as shares of the one that the map's search chose. */
export const rateShares: readonly number[] = [1, 0.25];

/** Steps after which intruders are counted and scaled. */
export const scaledSteps = 300;

/** One training. */
export interface ForgettingRun extends SkillRun {
  /** The arm. */
  readonly arm: Arm;
  /** The repeat, from 1: a reader knows it as the seed. */
  readonly repeat: number;
  /** The rate that the map's search chose, with the end of its grid that it is, if it is one. */
  readonly rate: ChosenRate;
  /** The share of it that is taken. */
  readonly share: number;
}

/** Seeds that no other study has. */
const seedOf = (repeat: number, ...places: readonly number[]): number =>
  places.reduce((sum, place) => 10 * sum + place, 500 + repeat);

/** All trainings, those of a repeat before the next. */
export const planForgetting = (
  { seeds, quick }: Pick<PlanContext, "seeds" | "quick">,
): PlannedRun<ForgettingRun>[] =>
  seeds.flatMap((repeat) =>
    (quick ? studiedTasks.slice(0, 1) : studiedTasks).flatMap((task, at) =>
      forgettingArms.flatMap((arm, place) =>
        forgettingSteps.flatMap((steps, length) =>
          rateShares.map((share, slow) => {
            const seed = seedOf(repeat, at, place, length, slow);
            return planOne({ task, arm, repeat, share, steps, seed }, quick);
          })
        )
      )
    )
  );

function planOne(
  own: Pick<ForgettingRun, "task" | "arm" | "repeat" | "share" | "steps" | "seed">,
  quick: boolean,
): PlannedRun<ForgettingRun> {
  const { task, arm, share, steps, seed } = own, rate = mapRateOf(task, arm);
  const learningRate = share * rate.learningRate, isScaled = steps === scaledSteps;
  return planSkill<ForgettingRun>(
    {
      ...{ ...own, rate, learningRate, method: methodOf(arm), split: "test", measured },
      ...quick && { steps: 2, examples: 64 },
    },
    `${armName(arm)}, ${steps} steps, ${share} of the rate`,
    {
      name: isScaled ? "what the base knew, and intruders" : "what the base knew",
      measure: (model) => measureForgotten(model, { task, seed, isScaled }),
    },
  );
}

/** Texts of the new task, and of each skill of the base, that are measured. */
const measured = 300, ofEachSkill = 20;

/** Unseen texts of all skills that the base was trained on. */
export const ownTexts: () => PromptedText[] = lazily(() =>
  skills.flatMap((skill) => skillTexts(skill, { split: "test", examples: ofEachSkill, seed: 2022 }))
);

/** Loss on the base's own texts in nats per character, and the share of them whose answer is right. */
export interface Kept extends JsonRecord {
  readonly own: number;
  readonly ownExact: number;
}

/** Measures how much a model still knows of the skills of the base. */
export async function measureOwn(model: TextModel): Promise<Kept> {
  const { loss, exact } = await scoreTexts(model, ownTexts());
  return { own: loss, ownExact: exact };
}

type Measured = Pick<ForgettingRun, "task" | "seed"> & { readonly isScaled: boolean };

/** The loss on the base's own texts, the size of ΔW, and at some runs intruders, counted and scaled. */
async function measureForgotten(model: TextModel, run: Measured): Promise<JsonRecord> {
  using base = await openSkillsBase(model.device, "trained", 0);
  const changes = await readChanges(model, await readWeights(base, "all"), "all");
  return {
    ...await measureOwn(model),
    size: sizeOf(changes),
    ...run.isScaled && await scaleIntruders(model, changes, run),
  };
}

/** ‖ΔW‖ / ‖W‖ over all layers. */
function sizeOf(changes: readonly WeightChange[]): number {
  const whole = normOf(changes.map(({ weight: { data } }) => normOf(data)));
  return normOf(changes.map(({ update }) => normOf(changeOf(update).data))) / whole;
}

/** Counts intruders, and scales their part of ΔW and the control's. */
async function scaleIntruders(
  model: TextModel,
  changes: readonly WeightChange[],
  { task, seed }: Measured,
): Promise<JsonRecord> {
  const random = new Random(seed), texts = reportedTexts(task, measured);
  const all = changes.map(({ update, weight }, at) =>
    divide(update, denseOf(weight), random.split(at))
  );
  const scaled: JsonRecord[] = [];
  for (const scaling of scalings) {
    using _ = injectUpdates(model, correctionsOf(all, scaling), { onTop: true });
    const { exact, loss } = await scoreTexts(model, texts);
    scaled.push({ ...scaling, exact, loss, ...await measureOwn(model) });
  }
  return { intruders: countOf(all), held: heldByIntruders(all), scaled };
}

const countOf = (all: readonly Divided[]): number =>
  all.reduce((sum, { parts }) => sum + (parts?.intruders.rows ?? 0), 0);

const correctionsOf = (all: readonly Divided[], scaling: Scaling) =>
  all.flatMap((own) =>
    own.parts ? [correctionOf(own.update, own.parts[scaling.part], scaling.share)] : []
  );
