/** The tasks of `quantized-loss`: those of earlier studies, with their methods, schedules and rates. @module */

import type { Device } from "../../../src/device/device.ts";
import type { JsonRecord } from "../../../src/runs/mod.ts";
import { adaptationRun, loraMethod, methods } from "../../adaptation/methods.ts";
import { loadBase } from "../../base_model.ts";
import type { PlannedRun } from "../../frame/mod.ts";
import { glossLoss, planGloss, shortGlossData } from "../../gloss_runs.ts";
import type { TextStudy } from "../../methods/texts/runs.ts";
import { type TextTask, textTasks } from "../../methods/texts/tasks.ts";
import { inF32, type LossBase, lossBases, readBases } from "./bases.ts";
import { type ClassifierRun, openShortTexts, planEntries, planShortTexts } from "./classifiers.ts";

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
  /** A run; those of definitions in F32 are runs of the earlier study, and share their folders. */
  plan(method: LossMethod, seed: number): PlannedRun;
  /** Reads the score from a run's metrics. */
  read(metrics: JsonRecord): LossValue;
  /** Measures a base that is not trained; absent where a new head would have to be. */
  untrained?(device: Device, base: LossBase): Promise<LossValue>;
}

/** Opens the tasks whose data are there; a quick job's are smaller, and fewer. */
export async function openLossTasks(quick: boolean): Promise<LossTask[]> {
  const study = await openShortTexts(quick);
  return [
    definitions(quick),
    supersenses(quick),
    ...study ? textTasks.slice(0, quick ? 1 : undefined).map((task) => texts(study, task)) : [],
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
  plan: (method, seed) => planEntries(runOf(method, seed), quick),
  read: readAccuracy,
});

const texts = (study: TextStudy, task: TextTask): LossTask => ({
  name: task.name,
  bases: readBases, // The others were left out for their time.
  plan: (method, seed) => planShortTexts(study, task, runOf(method, seed)),
  read: readAccuracy,
});

const runOf = ({ base, trained }: LossMethod, seed: number): ClassifierRun => ({
  ...{ key: trained === "LoRA" ? "lora-all" : "full", seed, base: base.options },
});
