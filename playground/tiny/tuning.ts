/** LoRA on the queries and values of the tiny GPT-2, which learns lines step by step. @module */

import { injectLora } from "../../src/adapt/lora/inject.ts";
import { adapterInMemory } from "../../src/adapt/lora/adapter.ts";
import { shareBase } from "../../src/adapt/many/adapter_set.ts";
import { type LoraAdapter, merge, type SiteSpectrum } from "../../src/adapt/mod.ts";
import { largestDifference, largestOf } from "../../src/core/numbers.ts";
import { type TextDataset, textDataset } from "../../src/data/text_dataset.ts";
import type { Texts } from "../../src/data/texts.ts";
import type { Device } from "../../src/device/mod.ts";
import { complete, loadModel, type TextModel } from "../../src/models/mod.ts";
import { outputsOf, type RightAnswers, rightAnswersOn } from "../../src/models/outputs.ts";
import { loadTokenizer, type Tokenizer } from "../../src/tokenizer/mod.ts";
import { evaluate, train } from "../../src/train/mod.ts";
import { mostLikely, nextProbabilities, type NextToken } from "./next.ts";
import type { TinySettings } from "./settings.ts";

/** A fifth of the lines is never trained on. */
const heldOutShare = 0.2;

/** Lines in a step, and steps between two looks at the lines that are held out. */
const batch = 8, measureEvery = 5;

/** Sampling of continuations: by chance, among the twenty most likely tokens. */
const sampling = { temperature: 0.7, topK: 20 };

/** Lines as prompts, up to the first colon before a space, with the answers after it; as they are where one has none. */
export function textsOf(lines: readonly string[]): Texts {
  const about = { description: "your lines", digest: "" };
  const pairs = lines.map((line) => /^(.+?:) +(.+)$/.exec(line));
  const rows = pairs.flatMap((pair) => pair ? { prompt: pair[1], completion: pair[2] } : []);
  return rows.length === lines.length
    ? { kind: "prompted", rows, ...about }
    : { kind: "plain", rows: lines, ...about };
}

/** The base with its tokenizer. */
export interface TinyBase {
  readonly model: TextModel;
  readonly tokenizer: Tokenizer;
}

/** Loads the base from its files, or from their folder. */
export async function loadBase(device: Device, files: readonly File[] | string): Promise<TinyBase> {
  return { model: await loadModel(device, files), tokenizer: await loadTokenizer(files) };
}

/**
 * Divides the lines.
 *
 * @throws {RangeError} when there is none to learn, in words for readers of the page.
 */
function datasetOf({ model, tokenizer }: TinyBase, texts: Texts, seed: number): TextDataset {
  if (texts.rows.length === 0) throw new RangeError("There is no line to learn: write one");
  try {
    return textDataset(model, tokenizer, texts, { validation: heldOutShare, batch, seed });
  } catch (cause) {
    const words = `Every line is too long for this model, which takes ${model.positions} tokens`;
    throw new RangeError(words, { cause });
  }
}

/** Changes made by merging. */
export interface MergedTuning {
  /** Largest |logit| with B A beside the weights, for lines of the training. */
  readonly largest: number;
  /** Largest difference of the merged model's logits to these. */
  readonly difference: number;
  /** Weights that were changed, and values in them. */
  readonly weights: number;
  readonly values: number;
  /** The merged model's continuation of the prompt. */
  readonly words: string;
}

/** Changes made by a step. */
export interface TuningReading {
  /** The loss of the step before its update, in nats per token; none before the first. */
  readonly loss?: number;
  /** The loss of the lines that are held out, every fifth step and at the end. */
  readonly heldOut?: number;
  /** Counts of these lines that are answered right, where lines have answers. */
  readonly answers?: RightAnswers;
  /** Spectra of ΔW at every site. */
  readonly spectra: readonly SiteSpectrum[];
}

/** A student of some lines. */
export class Tuning implements AsyncDisposable {
  /** Settings that it was made with. */
  readonly settings: TinySettings;
  /** The base with an adapter; the base alone stays as it is. */
  readonly student: TextModel;
  /** The trained adapter. */
  readonly adapter: LoraAdapter;
  /** Lines to train on, and lines that are held out. */
  readonly data: TextDataset;
  readonly #base: TinyBase;
  readonly #texts: Texts;
  #steps = 0;
  #expected: { readonly prompt: string; readonly base: Float64Array } | undefined;
  readonly #events: AsyncGenerator<{ readonly loss: number }, void>;

  /** Injects an adapter; nothing is trained yet. */
  constructor(base: TinyBase, lines: readonly string[], settings: TinySettings) {
    const { rank, alpha, learningRate, steps, seed } = settings, { model } = base;
    this.#texts = textsOf(lines);
    this.data = datasetOf(base, this.#texts, seed);
    // The base is asked as the student is.
    model.promptFormat = this.data.train[0].promptFormat;
    this.settings = settings;
    this.#base = base;
    this.student = shareBase(model);
    this.adapter = injectLora(this.student, { rank, alpha, sites: ["q", "v"], seed });
    // Each event is read with the model as it is after that step.
    const options = { learningRate, steps, seed, pauseEvery: 1 };
    const training = train(this.adapter, this.data.train, options);
    this.#events = training[Symbol.asyncIterator]();
  }

  /**
   * Takes a step, and reads what was learned.
   *
   * @throws {RangeError} when all steps are taken.
   */
  async step(): Promise<TuningReading> {
    const next = await this.#events.next();
    if (next.done) {
      throw new RangeError(`a tuning takes ${this.settings.steps} steps, found one more`);
    }
    this.#steps++;
    return { loss: next.value.loss, ...await this.read() };
  }

  /** Reads the spectra, and now and then what the lines that are held out say. */
  async read(): Promise<TuningReading> {
    const spectra = await this.adapter.spectra(), { validation } = this.data;
    const isTime = this.#steps % measureEvery === 0 || this.#steps === this.settings.steps;
    if (validation.length === 0 || !isTime) return { spectra };
    const heldOut = (await evaluate(this.student, validation)).loss;
    if (this.#texts.kind !== "prompted") return { spectra, heldOut };
    return { spectra, heldOut, answers: await rightAnswersOn(this.student, validation) };
  }

  /** Continues a prompt with the base or the student. */
  async speak(who: "base" | "student", prompt: string, seed: number): Promise<string> {
    return await this.#continue(who === "base" ? this.#base.model : this.student, prompt, seed);
  }

  /** The most likely first tokens of an answer; the base's are computed once for a prompt. */
  async next(prompt: string): Promise<NextToken[]> {
    const { model, tokenizer } = this.#base, asked = prompt + this.#separator;
    if (this.#expected?.prompt !== prompt) {
      this.#expected = { prompt, base: await nextProbabilities(model, tokenizer, asked) };
    }
    const student = await nextProbabilities(this.student, tokenizer, asked);
    return mostLikely(tokenizer, this.#expected.base, student);
  }

  /** Merges into a copy of the changed weights, compares, and frees the copy. */
  async merge(prompt: string): Promise<MergedTuning> {
    using merged = merge(this.student, this.adapter);
    const { inputs } = this.data.train[0], changes = this.adapter.weightChanges();
    const sizes = new Map(changes.map(({ name, shape: [rows, inner] }) => [name, rows * inner]));
    const [apart, together] = [
      await outputsOf(this.student, inputs),
      await outputsOf(merged, inputs),
    ];
    return {
      largest: largestOf(apart.data),
      difference: largestDifference(apart.data, together.data),
      weights: sizes.size,
      values: [...sizes.values()].reduce((sum, size) => sum + size, 0),
      words: await this.#continue(merged, prompt, this.settings.seed),
    };
  }

  /** The PEFT folder. */
  files(): Promise<File[]> {
    return adapterInMemory(this.adapter, { baseModelName: "models/tiny-skills" });
  }

  /** Ends the training and frees the adapter. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#events.return();
    this.adapter[Symbol.dispose]();
  }

  /** Stands between a prompt and its answer. */
  get #separator(): string {
    return this.data.train[0].promptFormat!.separator;
  }

  async #continue(model: TextModel, prompt: string, seed: number): Promise<string> {
    return this.#separator +
      await complete(model, this.#base.tokenizer, prompt, { ...sampling, seed });
  }
}
