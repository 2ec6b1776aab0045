/** The runs of `quantized-loss`: bases in several forms, tasks of earlier studies with their methods, schedules and rates. @module */

import type { Device } from "../../src/device/device.ts";
import type { StorageOptions } from "../../src/models/mod.ts";
import type { JsonRecord, MethodSpec } from "../../src/runs/mod.ts";
import { adaptationRun, loraMethod, methods } from "../adaptation/methods.ts";
import { loadBase } from "../base_model.ts";
import type { ExperimentContext, MadeRun, PlanContext, PlannedRun } from "../frame/mod.ts";
import { glossLoss, planGloss, shortGlossData } from "../gloss_runs.ts";
import { openStudy, planText, type TextSizes, type TextStudy } from "../methods/texts/runs.ts";
import { findTextData, type TextTask, textTasks } from "../methods/texts/tasks.ts";
import { planSupersenses, supersenseSizes } from "../supersenses/runs.ts";

/** A storage form of a base. */
interface LossBase {
  /** Its name in tables and claims. */
  readonly label: string;
  /** Options of `loadModel`; in F32 if they are empty. */
  readonly options: StorageOptions;
}

/** A base in 4 bits. */
const inFourBits = (
  dtype: "nf4" | "fp4",
  blockSize: number,
  doubleQuantization = true,
): LossBase => ({
  label: `${dtype.toUpperCase()}, ${blockSize}${doubleQuantization ? "" : ", scales in F32"}`,
  options: { dtype, blockSize, doubleQuantization },
});

/** The base that QLoRA is compared with. */
export const inF32: LossBase = { label: "F32", options: {} };

/** QLoRA's own: NF4, blocks of 64, double quantization. */
export const qloraBase: LossBase = inFourBits("nf4", 64);

/** The base in FP4. */
export const fp4Base: LossBase = inFourBits("fp4", 64);

/** The base in NF4 with scales in F32. */
export const singleBase: LossBase = inFourBits("nf4", 64, false);

/** The smallest blocks. */
export const smallBlocks: LossBase = inFourBits("nf4", 32);

/** The largest blocks. */
export const largeBlocks: LossBase = inFourBits("nf4", 256);

/** Bases that the rules read, which are enough for a quick run. */
export const readBases: readonly LossBase[] = [
  inF32,
  qloraBase,
  fp4Base,
  singleBase,
  smallBlocks,
  largeBlocks,
];

/** All bases of decision 0033. */
export const lossBases: readonly LossBase[] = [
  inF32,
  ...[smallBlocks, qloraBase, inFourBits("nf4", 128), largeBlocks],
  ...[inFourBits("fp4", 32), fp4Base, inFourBits("fp4", 128), inFourBits("fp4", 256)],
  singleBase,
];

/** Key of a method. */
type ClassifierKey = "full" | "lora-all";

/** Full fine-tuning, or LoRA on every linear layer, beside a new head. */
const specs: Readonly<Record<ClassifierKey, MethodSpec>> = {
  full: { kind: "full" },
  "lora-all": { kind: "lora", rank: 2, alpha: 2, sites: "all", modulesToSave: ["classifier"] },
};

/** A run of such a method, on a base in some form. */
interface ClassifierRun {
  /** The method. */
  readonly key: ClassifierKey;
  /** Its seed. */
  readonly seed: number;
  /** Storage of the base. Default: in F32. */
  readonly base?: StorageOptions;
}

/** The best of three rates on other texts in F32 (decisions 0027 and 0031). */
const entryRates = { full: 3e-3, "lora-all": 1e-2 }, textRates = { full: 3e-4, "lora-all": 1e-2 };

/** Four passes over the entries. */
const entrySteps = 500;

/** A run on dictionary entries. */
function planEntries({ key, ...run }: ClassifierRun, quick: boolean): PlannedRun {
  const sizes = quick ? { train: 32, validation: 32, test: 32 } : supersenseSizes;
  const method = { key, label: key, spec: specs[key] }, learningRate = entryRates[key];
  return planSupersenses(
    { ...run, method, learningRate, part: "test" },
    sizes,
    quick ? 2 : entrySteps,
  );
}

/** One pass over short texts, of which the rate rises in 5%. */
const shortTexts: TextSizes = {
  ...{ train: 1280, validation: 256, test: 500, words: 16 },
  ...{ batch: 16, passes: 1, warmup: 0.05, window: 8, clipNorm: 1 },
};

const quickTexts = { ...shortTexts, train: 32, validation: 32, test: 32 };

/** The base and the tasks, if `LOWRANK_DATA` has them. */
async function openShortTexts(quick: boolean): Promise<TextStudy | undefined> {
  const data = await findTextData();
  return data === undefined ? undefined : openStudy(data, () => quick ? quickTexts : shortTexts);
}

/** A run on short texts. */
function planShortTexts(
  study: TextStudy,
  task: TextTask,
  { key, ...run }: ClassifierRun,
): PlannedRun {
  const method = { spec: specs[key] }, learningRate = textRates[key];
  return planText(study, { ...run, task, method, learningRate, part: "test" }, key);
}

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
type LossValue = { readonly loss: number } | { readonly accuracy: number };

/** A method of an earlier study, on a base in any form. */
interface LossTask {
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
async function openLossTasks(quick: boolean): Promise<LossTask[]> {
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

/**
 * Result of one run, or of a base that is not trained: a loss or, where a task has it, an accuracy.
 */
export interface LossRow {
  /** The task's name. */
  readonly task: string;
  /** Storage of the base. */
  readonly base: string;
  /** The trained parameters. */
  readonly trained: LossMethod["trained"];
  /** Seed of the run; absent where nothing is trained. */
  readonly seed?: number;
  /** Its rate; absent where nothing is trained. */
  readonly learningRate?: number;
  /** Trained values. */
  readonly values: number;
  /** Held-out loss, nats per token. */
  readonly loss?: number;
  /** Share of the texts whose label is found, in percent. */
  readonly accuracy?: number;
}

/** The choices that set a run apart. */
export interface ChosenLoss extends LossMethod {
  /** The task. */
  readonly task: LossTask;
  /** The seed. */
  readonly seed: number;
}

/** Full fine-tuning in F32 and LoRA on the bases of every task: all of them before the next seed, so that a job that is cut has whole seeds. */
export async function lossRuns(
  { seeds, quick }: Pick<PlanContext, "seeds" | "quick">,
): Promise<PlannedRun<ChosenLoss>[]> {
  const tasks = await openLossTasks(quick);
  return seeds.flatMap((seed) =>
    tasks.flatMap((task) =>
      [full, ...task.bases.map(lora)].map((method) => {
        const { base, trained } = method;
        const label = `${task.name}, ${trained} on ${base.label}, seed ${seed}`;
        return { ...task.plan(method, seed), label, chosen: { ...method, task, seed } };
      })
    )
  );
}

/** The rows of all runs, and of the bases that are not trained. */
export async function lossRows(
  made: readonly MadeRun<ChosenLoss>[],
  { device }: Pick<ExperimentContext, "device">,
): Promise<LossRow[]> {
  const tasks = new Set(made.map(({ chosen: { task } }) => task));
  const bases = new Set(made.map(({ chosen: { base } }) => base));
  const rows = made.map(rowOf);
  for (const { name: task, untrained } of tasks) {
    for (const base of untrained ? bases : []) {
      const value = await untrained!(device, base);
      rows.push({ task, base: base.label, trained: "nothing", values: 0, ...value });
    }
  }
  return rows;
}

function rowOf({ chosen, spec: { training }, metrics }: MadeRun<ChosenLoss>): LossRow {
  const { task, base, trained, seed } = chosen, { learningRate } = training;
  return {
    ...{ task: task.name, base: base.label, trained, seed, learningRate },
    ...{ values: metrics.trained as number, ...task.read(metrics) },
  };
}
