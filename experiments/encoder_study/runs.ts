/** Runs of the encoder study: a method, a rate and a seed on one task. @module */

import { join } from "node:path";
import { mostFrequentLabel } from "../../src/core/batch.ts";
import { fileDigests } from "../../src/core/digest.ts";
import { type TextDataset, textDataset } from "../../src/data/mod.ts";
import type { Device } from "../../src/device/device.ts";
import { accuracyOn, countTrainable, loadModel, type TextModel } from "../../src/models/mod.ts";
import type { MethodSpec } from "../../src/runs/mod.ts";
import { loadTokenizer } from "../../src/tokenizer/mod.ts";
import { evaluate } from "../../src/train/mod.ts";
import { type PlannedRun, planRun, type RunOpeners } from "../frame/mod.ts";
import { encoderPath, readTask } from "./tasks.ts";
import type { StudyTask, TaskParts, TaskSizes } from "./tasks.ts";

/** What is trained. */
export interface StudyMethod {
  /** Where: the key of its rates in `learning_rates.json`. */
  readonly places: keyof typeof placeNames;
  /** How. */
  readonly spec: MethodSpec;
}

/** What is trained, as a reader sees it. */
export const placeNames = {
  full: "full fine-tuning",
  qv: "LoRA on q and v",
  all: "LoRA on all linears",
} as const;

/** `LoRA on q and v, r = 8`. */
export const methodName = (places: StudyMethod["places"], rank?: number): string =>
  rank === undefined ? placeNames[places] : `${placeNames[places]}, r = ${rank}`;

/** Rates that are tried on each task: as many for each method, in the same proportions. */
export const studyRates: Readonly<Record<StudyMethod["places"], readonly number[]>> = {
  full: [1e-4, 3e-4, 1e-3],
  qv: [3e-3, 1e-2, 3e-2],
  all: [3e-3, 1e-2, 3e-2],
};

/** Rates are searched at this rank, that of the paper's encoders (table 9), and serve r = 1 as well. */
export const searchedRank = 8;

/** LoRA beside a new head, which is trained in full; without an α, α = r. */
function loraMethod(places: "qv" | "all", rank: number): StudyMethod {
  const sites = places === "all" ? places : ["q", "v"];
  return { places, spec: { kind: "lora", rank, sites, modulesToSave: ["classifier"] } };
}

/** Full fine-tuning, then LoRA in the paper's places and in all. */
export const studyMethods: readonly StudyMethod[] = [
  { places: "full", spec: { kind: "full" } },
  loraMethod("qv", 1),
  loraMethod("qv", searchedRank),
  loraMethod("all", searchedRank),
];

/** The rank of a method, where it has one. */
export const rankOf = ({ spec }: StudyMethod): number | undefined =>
  spec.kind === "lora" ? spec.rank : undefined;

/** One run of the study. */
export interface StudyRun {
  /** The task. */
  readonly task: StudyTask;
  /** The method. */
  readonly method: StudyMethod;
  /** The rate at the first step; it falls to 0 in a line. */
  readonly learningRate: number;
  /** Seed of the order of texts, of A and of dropout. */
  readonly seed: number;
  /** What the trained model is measured on: reported runs on the one, the search of rates on the other. */
  readonly part: "test" | "validation";
}

/** Sizes of every run. */
export interface StudySizes extends TaskSizes {
  /** Texts in a step. */
  readonly batch: number;
  /** Passes over the training texts. */
  readonly epochs: number;
}

/** Sizes of the study. */
export const studySizes: StudySizes = {
  ...{ train: 384, validation: 256, test: 500, words: 16 },
  ...{ batch: 16, epochs: 3 },
};

/** What the runs of a job share. */
export interface StudyData {
  /** The folder that `LOWRANK_DATA` names. */
  readonly data: string;
  /** Sizes of every run. */
  readonly sizes: StudySizes;
  /** Reads the texts of a task once, on first use. */
  texts(task: StudyTask): Promise<TaskParts>;
}

/** Opens the tasks in the folder that `LOWRANK_DATA` names. */
export function openStudy(data: string, sizes: StudySizes): StudyData {
  const known = new Map<StudyTask, Promise<TaskParts>>();
  const texts = (task: StudyTask) =>
    known.getOrInsertComputed(task, () => readTask(data, task, sizes));
  return { data, sizes, texts };
}

/**
 * One run. Its metrics are `accuracy` (share of the texts), `trained` (values), `majority` (share of the most
 * frequent label) and, in the search, `loss` (nats per text). It
 * trains as `lowrank train --data FILE --validation 0` does on the same texts, and keeps no weights: those of
 * full fine-tuning would take 90 MB a run.
 */
export function planStudy(
  { data, sizes, texts }: StudyData,
  { task, method, learningRate, seed, part }: StudyRun,
): PlannedRun<StudyRun> {
  const { batch, epochs } = sizes, base = join(data, encoderPath);
  const steps = epochs * Math.ceil(sizes.train / batch);
  const open = (device: Device): RunOpeners<TextModel> => {
    let dataset: TextDataset;
    return {
      openModel: async () => {
        const [parts, tokenizer] = [await texts(task), await loadTokenizer(base)];
        const model = await loadModel(device, base, { labels: parts.train.labels });
        dataset = textDataset(model, tokenizer, parts.train, {
          validation: parts[part],
          batch,
          seed,
        });
        return model;
      },
      openBatches: () => dataset.train,
      checkpointEvery: steps,
      save: () => Promise.resolve(),
      measure: async (model) => ({
        accuracy: await accuracyOn(model, dataset.validation),
        // It decides between rates that get as many texts right.
        ...part === "validation" && { loss: (await evaluate(model, dataset.validation)).loss },
        trained: countTrainable(model),
        majority: mostFrequentLabel(dataset.validation),
      }),
    };
  };
  return planRun({
    label: `${task.name}, ${methodName(method.places, rankOf(method))}, seed ${seed}`,
    steps,
    chosen: { task, method, learningRate, seed, part },
    spec: async ({ kind: device }) => {
      const parts = await texts(task),
        digests = { train: parts.train.digest, measured: parts[part].digest };
      return {
        model: await fileDigests(base, /^(model\.safetensors|config\.json|tokenizer\.json)$/),
        method: method.spec,
        data: { ...digests, batch },
        training: { learningRate, steps, schedule: "linear" },
        ...{ seed, device },
      };
    },
    open,
  });
}
