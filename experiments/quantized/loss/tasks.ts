/** The tasks of `quantized-loss`: those of earlier studies, with their methods, schedules and rates. @module */

import type { Device } from "../../../src/device/device.ts";
import type { JsonRecord } from "../../../src/runs/mod.ts";
import { adaptationRun, loraMethod, methods } from "../../adaptation/methods.ts";
import { loadBase } from "../../base_model.ts";
import type { StudyData } from "../../encoder_study/runs.ts";
import type { StudyTask } from "../../encoder_study/tasks.ts";
import type { PlannedRun } from "../../frame/mod.ts";
import { glossLoss, planGloss, shortGlossData } from "../../gloss_runs.ts";
import { kindsMethods } from "../../methods/kinds/methods.ts";
import { kindsRateOf } from "../../methods/kinds/reported.ts";
import { planKinds } from "../../methods/kinds/runs.ts";
import type { StudiedMethod } from "../../methods/methods.ts";
import { textMethods } from "../../methods/texts/methods.ts";
import { textRateOf, textTasks } from "../../methods/texts/reported.ts";
import { openTexts, planTexts } from "../../methods/texts/runs.ts";
import { inF32, type LossBase, lossBases, readBases } from "./bases.ts";

/** A base and the parameters that are trained on it. */
export interface LossMethod {
  /** The base. */
  readonly base: LossBase;
  /** Nothing, everything, or LoRA on every linear layer. */
  readonly trained: "nothing" | "everything" | "LoRA";
}

/** Full fine-tuning. */
export const full: LossMethod = { base: inF32, trained: "everything" };

/** LoRA on a base. */
export const lora = (base: LossBase): LossMethod => ({ base, trained: "LoRA" });

/** A base alone. */
export const untrained = (base: LossBase): LossMethod => ({ base, trained: "nothing" });

/** Score of a model: nats per token, or the share that is right in percent. */
export type LossValue = { readonly loss: number } | { readonly accuracy: number };

/** A method of an earlier study, on a base in any form. */
export interface LossTask {
  /** Its name in tables. */
  readonly name: string;
  /** The bases that LoRA is trained on. */
  readonly bases: readonly LossBase[];
  /** A run; those in F32 are runs of the earlier study, and share their folders. */
  plan(method: LossMethod, seed: number): PlannedRun;
  /** Reads the score from a run's metrics. */
  read(metrics: JsonRecord): LossValue;
  /** Measures a base that is not trained; absent where a new head would have to be. */
  untrained?(device: Device, base: LossBase): Promise<LossValue>;
}

/** Opens the tasks whose data are there; a quick job's are smaller, and fewer. */
export async function openLossTasks(quick: boolean): Promise<LossTask[]> {
  const study = await openTexts(quick);
  return [
    definitions(quick),
    supersenses(quick),
    ...study ? textTasks(quick).map((task) => texts(study, task)) : [],
  ];
}

const basesOf = (quick: boolean) => quick ? readBases : lossBases;

const definitions = (quick: boolean): LossTask => ({
  name: "definitions",
  bases: basesOf(quick),
  plan({ base, trained }, seed) {
    const method = trained === "LoRA" ? loraMethod(16) : methods.find(({ key }) => key === "full")!;
    const run = adaptationRun(method, "noun", seed, quick);
    return planGloss({ ...run, base: base.options }, "");
  },
  read: ({ loss }) => ({ loss: loss as number }),
  async untrained(device, { options }) {
    using base = await loadBase(device, options);
    return { loss: await glossLoss(base, shortGlossData("noun", quick)) };
  },
});

/** Reads the accuracy of a classifier. */
const readAccuracy = ({ accuracy }: JsonRecord): LossValue => ({
  accuracy: 100 * (accuracy as number),
});

const supersenses = (quick: boolean): LossTask => ({
  name: "supersenses",
  bases: basesOf(quick),
  plan(run, seed) {
    const method = methodOf(kindsMethods, run), { learningRate } = kindsRateOf(method);
    const base = run.base.options;
    return planKinds(method, { learningRate, seed, part: "test", base, quick });
  },
  read: readAccuracy,
});

const texts = (study: StudyData, task: StudyTask): LossTask => ({
  name: task.name,
  bases: readBases, // The others were left out for their time.
  plan(run, seed) {
    const method = methodOf(textMethods, run), { learningRate } = textRateOf(method);
    const base = run.base.options;
    return planTexts(study, task, method, { learningRate, seed, part: "test", base });
  },
  read: readAccuracy,
});

const methodOf = (methods: readonly StudiedMethod[], { trained }: LossMethod): StudiedMethod =>
  methods.find(({ key }) => key === (trained === "LoRA" ? "lora-all" : "full"))!;
