/** Runs of the encoder study: a method, a rate and a seed on one task. @module */

import { join } from "node:path";
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

/** What is trained, with its name in tables. */
export interface StudyMethod {
  /** Its name in tables. */
  readonly label: string;
  /** What is trained. */
  readonly spec: MethodSpec;
  /** The rates of the search that it takes its rate from, by the key in `learning_rates.json`. */
  readonly search: "full" | "qv" | "all";
}

/** Rates that are tried on each task: as many for each method, in the same proportions. */
export const studyRates: Readonly<Record<StudyMethod["search"], readonly number[]>> = {
  full: [1e-4, 3e-4, 1e-3],
  qv: [1e-3, 3e-3, 1e-2],
  all: [1e-3, 3e-3, 1e-2],
};

/** Rates are searched at this rank, that of the paper's encoders (table 9), and serve r = 1 as well. */
export const searchedRank = 8;

/** LoRA beside a new head, which is trained in full; without an α, α = r. */
function loraMethod(search: "qv" | "all", rank: number): StudyMethod {
  const sites = search === "all" ? search : ["q", "v"];
  return {
    label: `LoRA on ${search === "all" ? "all linears" : "q and v"}, r = ${rank}`,
    spec: { kind: "lora", rank, sites, modulesToSave: ["classifier"] },
    search,
  };
}

/** Full fine-tuning, then LoRA in two places at two ranks. */
export const studyMethods: readonly StudyMethod[] = [
  { label: "full fine-tuning", spec: { kind: "full" }, search: "full" },
  ...(["qv", "all"] as const).flatMap((search) =>
    [1, searchedRank].map((rank) => loraMethod(search, rank))
  ),
];

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
 * One run. Its metrics are `accuracy` (share of the texts), `loss` (nats per text) and `trained` (values). It
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
        loss: (await evaluate(model, dataset.validation)).loss,
        trained: countTrainable(model),
      }),
    };
  };
  return planRun({
    label: `${task.name}, ${method.label}, seed ${seed}`,
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
