/** Baselines of the encoder: bags of words, and a linear probe of the frozen encoder. @module */

import { mean } from "../../src/core/numbers.ts";
import type { Device } from "../../src/device/device.ts";
import type { Batch } from "../../src/core/batch.ts";
import { allocateModel, loadModel, outputsOf, type TextModel } from "../../src/models/mod.ts";
import { loadTokenizer } from "../../src/tokenizer/mod.ts";
import { BagOfWords, type Grams, naiveBayes } from "./bag_of_words.ts";
import { type Features, Regression, shareRight } from "./regression.ts";
import type { LabeledFeatures, RegressionTask } from "./regression.ts";
import { encoderFolder } from "./runs.ts";
import { drawnDataset, type LabeledTexts } from "../labeled_texts.ts";
import type { SupersenseParts } from "./task.ts";

/** A fit that was chosen by one part and is reported on another; shares of the entries. */
export interface ChosenFit {
  /** Its name in tables. */
  readonly label: string;
  /** The chosen setting. */
  readonly choice: string;
  /** Share on the entries to choose by. */
  readonly validation: number;
  /** Share on the entries to report. */
  readonly test: number;
}

/** A way to fit a classifier. */
interface Candidate {
  readonly choice: string;
  readonly fit: () => (row: Features) => Float64Array;
  readonly validation: LabeledFeatures;
  readonly test: LabeledFeatures;
}

/** Fits each, and reports the one that does best on the entries to choose by. */
function chooseBest(label: string, candidates: readonly Candidate[]): ChosenFit {
  const fits = candidates.map((candidate) => {
    const scores = candidate.fit();
    return { candidate, scores, validation: shareRight(candidate.validation, scores) };
  });
  const best = fits.reduce((a, b) => b.validation > a.validation ? b : a);
  const { candidate: { choice, test }, scores, validation } = best;
  return { label, choice, validation, test: shareRight(test, scores) };
}

const regressions = (
  task: RegressionTask,
  lambdas: readonly number[],
  parts: Pick<Candidate, "validation" | "test">,
): Candidate[] =>
  lambdas.map((lambda) => {
    const fit = () => {
      const fitted = new Regression(task, lambda);
      return (row: Features) => fitted.logits(row);
    };
    return { choice: `λ = ${lambda}`, fit, ...parts };
  });

/**
 * Predicts the most frequent label of the training texts for every text.
 *
 * @param what Word for a label, such as `kind`.
 */
export function fitFrequent(
  { train, validation, test }: SupersenseParts,
  what: string,
): ChosenFit {
  const { labels } = train, counts = labels.map(() => 0);
  for (const { label } of train.rows) counts[label]++;
  const most = counts.indexOf(Math.max(...counts));
  const shareOf = ({ rows }: LabeledTexts) =>
    rows.filter(({ label }) => label === most).length / rows.length;
  const choice = labels[most], own = shareOf(validation);
  return { label: `the most frequent ${what}`, choice, validation: own, test: shareOf(test) };
}

/** Naive Bayes and logistic regression on words, each at its best. */
export function fitBags(parts: SupersenseParts): ChosenFit[] {
  const { task, ...measured } = bagOf(parts, 1);
  return [
    fitBayes("bag of words, naive Bayes", parts, "words"),
    chooseBest(
      "bag of words, logistic regression",
      regressions(task, [1e-6, 1e-5, 1e-4, 1e-3], measured),
    ),
  ];
}

/** Naive Bayes on the tokens that the encoder reads: what it costs a bag that words are cut. */
export async function fitTokenBag(parts: SupersenseParts): Promise<ChosenFit> {
  const tokenizer = await loadTokenizer(encoderFolder);
  const cut = (texts: LabeledTexts): LabeledTexts => ({
    ...texts,
    rows: texts.rows.map(({ text, label }) => ({ text: tokenizer.encode(text).join(" "), label })),
  });
  const [train, validation, test] = [parts.train, parts.validation, parts.test].map(cut);
  return fitBayes(
    "bag of the encoder's tokens, naive Bayes",
    { train, validation, test },
    "tokens",
  );
}

function fitBayes(label: string, parts: SupersenseParts, units: string): ChosenFit {
  const candidates = ([1, 2] as const).flatMap((grams) => {
    const { task, ...measured } = bagOf(parts, grams);
    return [0.03, 0.1, 0.3].map((alpha): Candidate => ({
      choice: `α = ${alpha}, ${grams === 1 ? units : `${units} and pairs`}`,
      fit: () => naiveBayes(task, alpha),
      ...measured,
    }));
  });
  return chooseBest(label, candidates);
}

/** The features of each part. */
function bagOf({ train, validation, test }: SupersenseParts, grams: Grams) {
  const bag = new BagOfWords(train, grams), { task } = bag;
  return { task, validation: bag.featuresOf(validation), test: bag.featuresOf(test) };
}

/** A logistic regression on the mean of the frozen encoder's last states. */
export async function fitProbe(device: Device, parts: SupersenseParts): Promise<ChosenFit> {
  using trunk = await loadTrunk(device);
  const train = await statesOf(trunk, parts.train), scale = scaleOf(train);
  const featuresOf = ({ states, labels }: States): LabeledFeatures => ({
    rows: states.map(scale),
    labels,
  });
  const task = {
    ...{ width: train.states[0].length, classes: parts.train.labels.length },
    ...featuresOf(train),
  };
  const measured = {
    validation: featuresOf(await statesOf(trunk, parts.validation)),
    test: featuresOf(await statesOf(trunk, parts.test)),
  };
  const label = "linear probe of the frozen encoder";
  return chooseBest(label, regressions(task, [1e-5, 1e-4, 1e-3, 1e-2], measured));
}

/** The encoder without a head. */
async function loadTrunk(device: Device): Promise<TextModel> {
  using whole = await loadModel(device, encoderFolder);
  const config = { ...whole.configJson(), architectures: ["RobertaModel"] };
  const trunk = allocateModel(device, config);
  for (const [name, { tensor }] of trunk.parameters) {
    const own = whole.parameters.get(`roberta.${name}`); // None of the pooler, which states do not pass.
    if (own) device.write(tensor, (await device.read(own.tensor))[0].data);
  }
  return trunk;
}

/** The mean state of each text, with its label. */
interface States {
  readonly states: readonly Float64Array[];
  readonly labels: readonly number[];
}

async function statesOf(model: TextModel, texts: LabeledTexts): Promise<States> {
  const options = { validation: texts, batch: 64 }; // What is held out is in batches of like length.
  const tokenizer = await loadTokenizer(encoderFolder);
  const batches = drawnDataset(model, tokenizer, texts, options).validation;
  const states = [];
  for (const batch of batches) states.push(...await meanStates(model, batch));
  return { states, labels: batches.flatMap(({ targets }) => Array.from(targets.data)) };
}

/** Means of the last states over the tokens that are not padding. */
async function meanStates(model: TextModel, { inputs }: Batch): Promise<Float64Array[]> {
  const { data, shape: [, width] } = await outputsOf(model, inputs);
  const [rows, time] = inputs.tokens.shape;
  return Array.from({ length: rows }, (_, row) => {
    const seen = (at: number) => inputs.attentionMask?.data[row * time + at] !== 0;
    const places = Array.from({ length: time }, (_, at) => at).filter(seen);
    return Float64Array.from(
      { length: width },
      (_, i) => mean(places.map((at) => data[(row * time + at) * width + i])),
    );
  });
}

/** Gives every feature mean 0 and deviation 1 on the training texts. */
function scaleOf({ states }: States): (state: Float64Array) => Features {
  const at = [...states[0].keys()], columns = at.map((i) => states.map((state) => state[i]));
  const means = columns.map(mean);
  const deviations = columns.map((column, i) =>
    Math.sqrt(mean(column.map((value) => (value - means[i]) ** 2)))
  );
  return (state) => ({ at, values: state.map((value, i) => (value - means[i]) / deviations[i]) });
}
