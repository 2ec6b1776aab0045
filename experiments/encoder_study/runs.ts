/** Runs of the encoder study: a method, a rate and a seed on one task. @module */

import { join } from "node:path";
import { countTargets, mostFrequentLabel } from "../../src/core/batch.ts";
import { fileDigests } from "../../src/storage/digest.ts";
import type { Device } from "../../src/device/device.ts";
import {
  accuracyOn,
  countTrainable,
  loadModel,
  type StorageOptions,
  type TextModel,
} from "../../src/models/mod.ts";
import type { JsonRecord, MethodSpec } from "../../src/runs/mod.ts";
import { loadTokenizer } from "../../src/tokenizer/mod.ts";
import { type Batch, evaluate } from "../../src/train/mod.ts";
import { type PlannedRun, planRun, type RunOpeners } from "../frame/mod.ts";
import { drawnDataset, sortedBatches } from "../labeled_texts.ts";
import { encoderPath, readTask } from "./tasks.ts";
import type { StudyTask, TaskParts, TaskSizes } from "./tasks.ts";

/** A method, and the places that it trains. */
export interface StudyMethod {
  /** The trained places: the key of its rates in `learning_rates.json`. */
  readonly places: keyof typeof placeNames;
  /** The method of its runs. */
  readonly spec: MethodSpec;
}

/** Names of the trained places, for a reader. */
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

/** One run of the study, or of another that trains other methods on the same tasks. */
export interface StudyRun<Method extends Pick<StudyMethod, "spec"> = StudyMethod> {
  /** The task. */
  readonly task: StudyTask;
  /** The method. */
  readonly method: Method;
  /** The rate at its highest; it falls to 0 in a line. */
  readonly learningRate: number;
  /** Seed of the order of texts, of A and of dropout. */
  readonly seed: number;
  /**
   * Texts that measure the trained model: reported runs use the one, the search of rates the other.
   */
  readonly part: "test" | "validation";
  /** Storage of the base. Default: in F32. */
  readonly base?: StorageOptions;
}

/** Sizes of every run. */
export interface StudySizes extends TaskSizes {
  /** Texts in a step. */
  readonly batch: number;
  /** Passes over the training texts. */
  readonly epochs: number;
  /** Batches whose texts are sorted by length together. Default: texts are in random order. */
  readonly window?: number;
  /** Steps in which the rate rises. Default 0. */
  readonly warmupSteps?: number;
  /** Largest norm of the gradients. Default: they are not clipped. */
  readonly clipNorm?: number;
}

/** Sizes of the study. */
export const studySizes: StudySizes = {
  ...{ train: 384, validation: 256, test: 500, words: 16 },
  ...{ batch: 16, epochs: 3 },
};

/** Data that the runs of a job share. */
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

/** One run, with its method's name. It trains as `lowrank train --data FILE --validation 0` does on the same texts. */
export const planStudy = (study: StudyData, chosen: StudyRun): PlannedRun<StudyRun> =>
  planOnTask(study, chosen, methodName(chosen.method.places, rankOf(chosen.method)));

/**
 * One run of any method. Its metrics are `accuracy` (share of the texts), `texts` (how many), `trained` (values),
 * `majority` (share of the most frequent label) and, in a search, `loss` (nats per text).
 *
 * @param name The method's, for the progress bar.
 */
export function planOnTask<Method extends Pick<StudyMethod, "spec">>(
  study: StudyData,
  chosen: StudyRun<Method>,
  name: string,
): PlannedRun<StudyRun<Method>> {
  const { task, method, learningRate, seed, part, base } = chosen;
  const { batch, window, warmupSteps, clipNorm } = study.sizes, steps = stepsOf(study);
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
        training: { learningRate, steps, schedule: "linear", warmupSteps, clipNorm },
        ...{ seed, device },
      };
    },
  });
}

const stepsOf = ({ sizes: { train, batch, epochs } }: StudyData) =>
  epochs * Math.ceil(train / batch);

function openersOf(
  study: StudyData,
  { task, part, seed, base }: Pick<StudyRun, "task" | "part" | "seed" | "base">,
  device: Device,
): RunOpeners<TextModel> {
  const folder = join(study.data, encoderPath), { batch, window } = study.sizes;
  let train: readonly Batch[], measured: readonly Batch[];
  return {
    openModel: async () => {
      const { train: texts, [part]: validation } = await study.texts(task);
      const model = await loadModel(device, folder, { labels: texts.labels, ...base });
      const tokenizer = await loadTokenizer(folder), options = { validation, batch, seed };
      ({ train, validation: measured } = drawnDataset(model, tokenizer, texts, options));
      if (window) train = sortedBatches(model, tokenizer, texts, { batch, window, seed });
      return model;
    },
    openBatches: () => train,
    // Runs take a minute or two; the weights of full fine-tuning would take 90 MB each.
    checkpointEvery: stepsOf(study),
    save: () => Promise.resolve(),
    measure: async (model) => ({
      accuracy: await accuracyOn(model, measured),
      texts: measured.reduce((sum, { targets }) => sum + countTargets(targets), 0),
      // It decides between rates that get as many texts right.
      ...part === "validation" && { loss: (await evaluate(model, measured)).loss },
      trained: countTrainable(model),
      majority: mostFrequentLabel(measured),
    }),
  };
}
