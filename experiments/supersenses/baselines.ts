/** Baselines of the encoder: bags of words with naive Bayes and logistic regression, and a linear probe of the frozen encoder. @module */

import type { Batch } from "../../src/core/batch.ts";
import { mean } from "../../src/core/numbers.ts";
import type { Device } from "../../src/device/device.ts";
import { allocateModel, loadModel, outputsOf, type TextModel } from "../../src/models/mod.ts";
import { loadTokenizer } from "../../src/tokenizer/mod.ts";
import { drawnDataset, type LabeledTexts } from "../labeled_texts.ts";
import { encoderFolder, type SupersenseParts } from "./runs.ts";

/** A row's features: those that are not zero, by place. */
interface Features {
  /** Places. */
  readonly at: ArrayLike<number>;
  /** Their values. */
  readonly values: ArrayLike<number>;
}

/** Rows with their classes. */
interface LabeledFeatures {
  /** One for each row. */
  readonly rows: readonly Features[];
  /** The class of each row. */
  readonly labels: readonly number[];
}

/** Data and settings of a fit. */
interface RegressionTask extends LabeledFeatures {
  /** Number of features. */
  readonly width: number;
  /** Number of classes. */
  readonly classes: number;
}

/** The share of rows whose most likely class is theirs. */
export function shareRight(
  { rows, labels }: LabeledFeatures,
  scores: (row: Features) => Float64Array,
): number {
  const right = rows.filter((row, i) => {
    const own = scores(row);
    return own.indexOf(own.reduce((most, score) => Math.max(most, score))) === labels[i];
  });
  return right.length / rows.length;
}

/** Steps over all rows, and the rate of the first; it falls to 0 in a line. */
const steps = 200, rate = 0.1;

/** A fitted classifier with logits W x + b. */
export class Regression {
  readonly #task: RegressionTask;
  readonly #lambda: number;
  readonly #weights: Float64Array; // (width + 1, classes), the bias last

  /**
   * Minimizes the mean cross-entropy plus λ/2 ‖W‖², from W = 0 by Adam on all rows at once: the problem is
   * convex, and there is no seed.
   */
  constructor(task: RegressionTask, lambda: number) {
    const size = (task.width + 1) * task.classes;
    this.#task = task;
    this.#lambda = lambda;
    this.#weights = new Float64Array(size);
    const moments = [new Float64Array(size), new Float64Array(size)] as const;
    const gradient = new Float64Array(size);
    for (let step = 0; step < steps; step++) {
      this.#fillGradient(gradient);
      this.#update(gradient, moments, step);
    }
  }

  /** The logits of a row. */
  logits({ at, values }: Features): Float64Array {
    const { classes, width } = this.#task, weights = this.#weights, bias = width * classes;
    const logits = weights.slice(bias, bias + classes);
    for (let i = 0; i < at.length; i++) {
      const start = at[i] * classes, value = values[i];
      for (let c = 0; c < classes; c++) logits[c] += value * weights[start + c];
    }
    return logits;
  }

  #update(
    gradient: Float64Array,
    [first, second]: readonly [Float64Array, Float64Array],
    step: number,
  ): void {
    const weights = this.#weights, now = rate * (1 - step / steps);
    const [a, b] = [1 - 0.9 ** (step + 1), 1 - 0.999 ** (step + 1)];
    for (let i = 0; i < weights.length; i++) {
      first[i] = 0.9 * first[i] + 0.1 * gradient[i];
      second[i] = 0.999 * second[i] + 0.001 * gradient[i] * gradient[i];
      weights[i] -= now * (first[i] / a) / (Math.sqrt(second[i] / b) + 1e-8);
    }
  }

  #fillGradient(gradient: Float64Array): void {
    const { rows, labels, classes, width } = this.#task, bias = width * classes;
    for (let i = 0; i < bias; i++) gradient[i] = this.#lambda * this.#weights[i];
    gradient.fill(0, bias);
    rows.forEach((row, i) => {
      const slope = this.logits(row);
      toSlope(slope, labels[i], rows.length);
      for (let c = 0; c < classes; c++) gradient[bias + c] += slope[c];
      for (let j = 0; j < row.at.length; j++) {
        const start = row.at[j] * classes, value = row.values[j];
        for (let c = 0; c < classes; c++) gradient[start + c] += value * slope[c];
      }
    });
  }
}

/** Turns a row's logits into the slope of the mean cross-entropy by them: (softmax − label) / rows. */
function toSlope(logits: Float64Array, label: number, rows: number): void {
  let most = -Infinity, sum = 0;
  for (const logit of logits) most = Math.max(most, logit);
  for (let c = 0; c < logits.length; c++) sum += logits[c] = Math.exp(logits[c] - most);
  for (let c = 0; c < logits.length; c++) logits[c] /= sum * rows;
  logits[label] -= 1 / rows;
}

/** Longest n-grams of words. */
type Grams = 1 | 2;

/** Lower-case words; with 2, also pairs of words that follow each other. */
export function gramsOf(text: string, grams: Grams): string[] {
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  const pairs = words.slice(1).map((word, i) => `${words[i]} ${word}`);
  return grams === 1 ? words : [...words, ...pairs];
}

/** Features of texts: 1 at each n-gram that a text has; those that no training text has are left out. */
export class BagOfWords {
  /** The training texts. */
  readonly task: RegressionTask;
  readonly #places = new Map<string, number>();
  readonly #grams: Grams;

  /** Gives every n-gram of the training texts a place. */
  constructor(train: LabeledTexts, grams: Grams) {
    this.#grams = grams;
    for (const gram of train.rows.flatMap(({ text }) => gramsOf(text, grams))) {
      if (!this.#places.has(gram)) this.#places.set(gram, this.#places.size);
    }
    const { size: width } = this.#places;
    this.task = { width, classes: train.labels.length, ...this.featuresOf(train) };
  }

  /** The features of texts. */
  featuresOf({ rows }: LabeledTexts): LabeledFeatures {
    return {
      rows: rows.map(({ text }) => this.#features(text)),
      labels: rows.map(({ label }) => label),
    };
  }

  #features(text: string): Features {
    const at = [...new Set(gramsOf(text, this.#grams))]
      .flatMap((gram) => this.#places.get(gram) ?? []);
    return { at, values: new Float64Array(at.length).fill(1) };
  }
}

/**
 * Multinomial naive Bayes: log p(class) + Σ log p(n-gram | class), with α added to every count (Manning,
 * Raghavan and Schütze 2008, section 13.2).
 */
export function naiveBayes(
  { rows, labels, width, classes }: RegressionTask,
  alpha: number,
): (row: Features) => Float64Array {
  const counts = new Float64Array(width * classes).fill(alpha);
  const totals = new Float64Array(classes).fill(alpha * width), priors = new Float64Array(classes);
  rows.forEach(({ at }, i) => {
    const label = labels[i];
    priors[label]++;
    totals[label] += at.length;
    for (let j = 0; j < at.length; j++) counts[at[j] * classes + label]++;
  });
  return ({ at }) =>
    priors.map((prior, c) => {
      let score = Math.log(prior);
      for (let j = 0; j < at.length; j++) {
        score += Math.log(counts[at[j] * classes + c] / totals[c]);
      }
      return score;
    });
}

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
