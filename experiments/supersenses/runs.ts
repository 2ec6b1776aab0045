/** Runs of the supersense task: which of WordNet's 26 kinds of nouns does a dictionary entry describe? @module */

import { Random } from "../../src/core/random.ts";
import {
  dictionaryEntry,
  type GlossSplit,
  type LabeledText,
  loadMeanings,
  type Meaning,
  splitOf,
} from "../../src/data/mod.ts";
import type { Device } from "../../src/device/device.ts";
import {
  accuracyOn,
  countTrainable,
  initEncoder,
  loadModel,
  type StorageOptions,
  type TextModel,
} from "../../src/models/mod.ts";
import type { Json, JsonRecord, MethodSpec } from "../../src/runs/mod.ts";
import type { RunContext } from "../../src/runs/plan.ts";
import { fileDigests } from "../../src/storage/digest.ts";
import { loadTokenizer } from "../../src/tokenizer/mod.ts";
import { type PlannedRun, planRun, type RunOpeners } from "../frame/mod.ts";
import { drawnDataset, type LabeledTexts, labeledTexts } from "../labeled_texts.ts";
import { searchSeed as seed, tryRates } from "../rate_search.ts";
import { ownModels } from "../own_models.ts";
import found from "./learning_rates.json" with { type: "json" };

/** Most entries of each part. */
type SupersenseSizes = Readonly<Record<GlossSplit, number>>;

/** The entries of each part. */
export type SupersenseParts = Readonly<Record<GlossSplit, LabeledTexts>>;

/** Few labels: a pretrained encoder is for what has no more. */
export const supersenseSizes: SupersenseSizes = { train: 2000, validation: 1000, test: 1000 };

/**
 * Entries that the first run of decision 0023 took of each part: those of this experiment come
 * after them.
 */
const takenBefore: SupersenseSizes = { train: 500, validation: 500, test: 1000 };

/** Chooses the entries, the same for every run. */
const splitSeed = 2021;

/** Words of an entry at most: a batch takes as long as its longest text. */
const mostWords = 20;

/**
 * The entries of each part, drawn once. Parts share no word, and a definition that is in several is in the
 * first of training, validation and test alone.
 */
export async function readSupersenses(
  sizes: SupersenseSizes = supersenseSizes,
): Promise<SupersenseParts> {
  const nouns = await loadMeanings("noun"), labels = kindsOf(nouns);
  const seen = new Set<string>();
  const part = async (split: GlossSplit): Promise<LabeledTexts> => {
    const own = nouns.filter((meaning) =>
      splitOf(meaning.lemma) === split && dictionaryEntry(meaning).split(" ").length <= mostWords
    );
    const fresh = own.filter(({ definition }) => !seen.has(definition));
    own.forEach(({ definition }) => seen.add(definition));
    const order = new Random(splitSeed).permutation(fresh.length), from = takenBefore[split];
    const rows = Array.from(order.subarray(from, from + sizes[split]), (at): LabeledText => ({
      text: dictionaryEntry(fresh[at]),
      label: labels.indexOf(fresh[at].kind),
    }));
    return await labeledTexts(rows, labels, `${rows.length} entries`);
  };
  const train = await part("train"), validation = await part("validation");
  return { train, validation, test: await part("test") };
}

/** All kinds, in alphabetical order. */
const kindsOf = (meanings: readonly Meaning[]): string[] =>
  [...new Set(meanings.map(({ kind }) => kind))].sort();

/** Our encoder's Hugging Face folder. */
export const encoderFolder: string = ownModels("tiny-roberta");

/** Method of a run. */
interface KindsMethod {
  /** Its key in `learning_rates.json`; `random` trains random weights. */
  readonly key: string;
  /** Its name in tables. */
  readonly label: string;
  /** The trained method. */
  readonly spec: MethodSpec;
}

/** A method that this experiment compares. */
interface SupersenseMethod extends KindsMethod {
  readonly key: "lora" | "full" | "random";
  /** Rates that are tried. */
  readonly rates: readonly number[];
}

const fullRates = [3e-4, 1e-3, 3e-3, 1e-2];

/** LoRA with a new head, full fine-tuning, and the same without what pretraining gave. */
export const supersenseMethods: readonly SupersenseMethod[] = [
  {
    key: "lora",
    label: "LoRA on q and v, r = 8",
    spec: { kind: "lora", rank: 8, alpha: 8, sites: ["q", "v"], modulesToSave: ["classifier"] },
    rates: [1e-3, 3e-3, 1e-2, 3e-2],
  },
  { key: "full", label: "full fine-tuning", spec: { kind: "full" }, rates: fullRates },
  {
    key: "random",
    label: "full fine-tuning of random weights",
    spec: { kind: "full" },
    rates: fullRates,
  },
];

/** The rate with the highest accuracy on the entries to choose by (`scripts/search_learning_rates.ts`). */
export function supersenseRateOf({ key }: SupersenseMethod): number {
  const tried: Readonly<Record<string, number>> = found.tried[key];
  return Number(Object.keys(tried).reduce((a, b) => tried[b] > tried[a] ? b : a));
}

/** Rows in a step, and passes over the entries. */
export const batch = 16, passes = 8;

/** One run. */
export interface SupersenseRun<Method extends KindsMethod = SupersenseMethod> {
  /** The trained method. */
  readonly method: Method;
  /** The rate at its highest; it falls to 0 in a line. */
  readonly learningRate: number;
  /** Seed of the order of the entries, of A, and of random weights. */
  readonly seed: number;
  /** Split that measures the trained model. */
  readonly part: Exclude<GlossSplit, "train">;
  /** Storage of the pretrained encoder. Default: in F32. */
  readonly base?: StorageOptions;
}

/** A model with a new head for these labels: of our encoder, or of its shape with random weights. */
async function openEncoder(
  device: Device,
  { method: { key }, seed, base }: SupersenseRun<KindsMethod>,
  labels: readonly string[],
): Promise<TextModel> {
  const model = await loadModel(device, encoderFolder, { labels, ...base });
  if (key !== "random") return model;
  using pretrained = model; // Its configuration has the labels.
  return initEncoder(device, pretrained.configJson(), { seed });
}

/** The encoder's files that a method reads: random weights need those of the pretrained ones no more. */
const filesOf = ({ key }: KindsMethod): RegExp =>
  key === "random" ? /^(config|tokenizer)\./ : /^(model|config|tokenizer)\./;

/**
 * One run. Its metrics are `accuracy` (share of the entries) and `trained` (values).
 *
 * @param steps Default: eight passes over the entries.
 */
export function planSupersenses<Method extends KindsMethod>(
  run: SupersenseRun<Method>,
  sizes: SupersenseSizes,
  steps: number = passes * Math.ceil(sizes.train / batch),
): PlannedRun<SupersenseRun<Method>> {
  const { method, learningRate, seed, part, base } = run;
  const open = (device: Device): RunOpeners<TextModel> => {
    let data: ReturnType<typeof drawnDataset>;
    return {
      openModel: async () => {
        const parts = await readSupersenses(sizes), { labels } = parts.train;
        const model = await openEncoder(device, run, labels);
        const options = { validation: parts[part], batch, seed };
        data = drawnDataset(model, await loadTokenizer(encoderFolder), parts.train, options);
        return model;
      },
      openBatches: () => data.train,
      checkpointEvery: steps,
      save: () => Promise.resolve(),
      measure: async (model) => ({
        accuracy: await accuracyOn(model, data.validation),
        trained: countTrainable(model),
      }),
    };
  };
  const warmupSteps = Math.ceil(steps / 20);
  return planRun({
    label: `${method.label}, seed ${seed}`,
    steps,
    chosen: run,
    spec: async ({ kind: device }) => {
      const { train, [part]: measured } = await readSupersenses(sizes);
      return {
        model: {
          ...await fileDigests(encoderFolder, filesOf(method)),
          from: method.key,
          ...base as JsonRecord,
        },
        method: method.spec,
        data: { train: train.digest, measured: measured.digest, batch },
        training: { learningRate, steps, schedule: "linear", warmupSteps, clipNorm: 1 },
        ...{ seed, device },
      };
    },
    open,
  });
}

/** The accuracy of every rate with every method, on the entries to choose by. */
export async function searchSupersenses(context: RunContext): Promise<JsonRecord> {
  const tried: Record<string, Record<string, Json>> = {};
  for (const method of supersenseMethods) {
    const planned = (learningRate: number) =>
      planSupersenses({ method, learningRate, seed, part: "validation" }, supersenseSizes);
    tried[method.key] = await tryRates(
      method.rates,
      planned,
      ({ accuracy }) => accuracy,
      context,
    );
  }
  return { split: "validation", seed, tried };
}
