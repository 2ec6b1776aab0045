/** `lowrank evaluate`. @module */

import {
  loadMeteorTables,
  type MeteorTables,
  scoreTexts,
  type TextMetric,
  textMetrics,
} from "../../../experiments/text_metrics/mod.ts";
import { crossEntropy, type Loss } from "../../autograd/mod.ts";
import { countLabels, mostFrequentLabel } from "../../core/batch.ts";
import { grouped, howMany } from "../../core/numbers.ts";
import type { HostTensor } from "../../core/tensor.ts";
import {
  evaluationBatches,
  readReferencedOutputs,
  readTexts,
  type ReferencedOutput,
  type Texts,
  wordNetSynonyms,
} from "../../data/mod.ts";
import type { Tensor } from "../../device/mod.ts";
import {
  accuracyOn,
  labelsOf,
  recordedFormat,
  type RightAnswers,
  type TextModel,
} from "../../models/mod.ts";
import { largestAt } from "../../models/outputs.ts";
import { Interrupt } from "../../terminal/interrupt.ts";
import { loadTokenizer } from "../../tokenizer/mod.ts";
import { type Batch, evaluate, type Evaluation } from "../../train/mod.ts";
import { readFacts } from "../cases.ts";
import { group, type LowrankCommand, option } from "../command.ts";
import {
  assertModelFolder,
  type CommonOptions,
  loadAdapted,
  note,
  openChosen,
  print,
  table,
} from "../common.ts";
import {
  type AllowOption,
  allowOption,
  type BaseDtypeOption,
  baseDtypeOption,
  collect,
  InvalidArgumentError,
  modelFolder,
  optionName,
  positiveNumber,
  template,
} from "../options.ts";
import { answerTo } from "./generate.ts";
import { answersText } from "./train/command.ts";
import { assertForLabels, templateFor } from "./train/data.ts";

/** Options about generated texts. */
export interface TextOptions extends CommonOptions, AllowOption, BaseDtypeOption {
  /** Folder of the model that generates them. */
  readonly model?: string;
  /** Folders of its adapters. */
  readonly adapter?: string[];
  /** File of prompts with completions. */
  readonly data?: string;
  /** File of outputs, which a model of any kind has made. */
  readonly outputs?: string;
  /** File of references for them. */
  readonly references?: string;
  /** The metrics to compute. */
  readonly metrics?: TextMetric[];
  /** Folder of METEOR 1.5. */
  readonly meteor?: string;
  /** Around prompts, where a loss is measured. */
  readonly promptTemplate?: string;
  /** Beams of the search. */
  readonly beams?: number;
  /** Most new tokens of a text. */
  readonly maxNewTokens?: number;
}

/** Metrics by their names, with or without capitals, hyphens and underscores; `all` are all of them. */
function metricNames(text: string): TextMetric[] {
  if (text === "all") return [...textMetrics];
  const plain = (name: string) => name.trim().toLowerCase().replaceAll(/[-_]/g, "");
  return text.split(",").map((asked) => {
    const known = textMetrics.find((name) => plain(name) === plain(asked));
    if (known) return known;
    throw new InvalidArgumentError(`It must be of ${textMetrics.join(", ")}, or all.`);
  });
}

/** Scores the texts of a file. */
async function evaluateOutputs(options: TextOptions): Promise<void> {
  const { outputs, references } = options, found = outputs ?? references;
  if (outputs === undefined || references === undefined) {
    throw new RangeError(`--outputs and --references go together, found ${found} alone`);
  }
  refuseAll(options, [
    "model",
    "data",
    "adapter",
    "allow",
    "promptTemplate",
    "beams",
    "maxNewTokens",
  ], "--outputs are scored as they are, without a model");
  await printScores(await readReferencedOutputs(outputs, references), options);
}

/** Refuses options that a kind of evaluation has no use for. */
function refuseAll(
  options: TextOptions,
  names: readonly (keyof TextOptions)[],
  reason: string,
): void {
  const given = names.find((name) => options[name] !== undefined);
  if (given !== undefined) throw new RangeError(`${reason}: leave out ${optionName(given)}`);
}

/** Has a model answer prompts, and scores its answers. */
async function evaluateAnswers(
  options: TextOptions & { readonly model: string; readonly data: string },
): Promise<void> {
  refuseAll(options, ["promptTemplate"], "--metrics write prompts as in training");
  await assertGenerates(options);
  const texts = await readTexts(options.data);
  if (texts.kind !== "prompted") {
    throw new RangeError(`--metrics need prompts with completions, found ${texts.description}`);
  }
  const tokenizer = await loadTokenizer(options.model);
  using device = await openChosen(options);
  using loaded = await loadAdapted(device, options.model, options.adapter, options);
  using interrupt = new Interrupt().listen();
  note(options, texts.description);
  const groups = Map.groupBy(texts.rows, ({ prompt }) => prompt), made: ReferencedOutput[] = [];
  for (const [prompt, rows] of groups) {
    const answer = await answerTo(prompt, loaded.model, tokenizer, options, interrupt.signal);
    interrupt.throwIfStopped();
    made.push({
      output: answer.text.trim(),
      references: rows.map(({ completion }) => completion.trim()),
    });
  }
  await printScores(made, options);
}

async function assertGenerates(options: { readonly model: string; readonly adapter?: string[] }) {
  const { labels, isCausal, description } = await readFacts(options.model, options.adapter);
  if (isCausal && !labels) return;
  const found = labels ? `a classifier of ${howMany(labels.length, "label")}` : description;
  throw new RangeError(
    `--metrics are of generated text, so the model must predict the next token, found ${found}; ` +
      "leave out --metrics for its loss",
  );
}

async function printScores(
  texts: readonly ReferencedOutput[],
  options: TextOptions,
): Promise<void> {
  const metrics = options.metrics ?? textMetrics;
  if (!metrics.includes("meteor")) {
    refuseAll(options, ["meteor"], "METEOR is not among the metrics");
  }
  const tables = metrics.includes("meteor") ? await tablesFor(texts, options) : undefined;
  const scored = scoreTexts(texts, metrics, tables), scores = Object.entries(scored);
  const references = texts.reduce((sum, { references }) => sum + references.length, 0);
  const document = { scores: scored, outputs: texts.length, references };
  print(options, document, () => {
    const counts = `${howMany(texts.length, "output")} with ${howMany(references, "reference")}`;
    const columns = [
      ["metric", ([name]: typeof scores[number]) => name],
      ["score", ([, score]: typeof scores[number]) => score!.toFixed(4)],
    ] as const;
    return `${table(scores, columns)}\n${counts}`;
  });
}

/** METEOR's own tables from its folder, else synonyms alone. */
async function tablesFor(
  texts: readonly ReferencedOutput[],
  options: TextOptions,
): Promise<MeteorTables> {
  if (options.meteor !== undefined) return await loadMeteorTables(options.meteor, texts);
  note(
    options,
    "METEOR without its table of paraphrases, with WordNet 3.1 for its synonyms: a score that is " +
      "comparable with itself only; --meteor FOLDER takes both from METEOR 1.5",
  );
  return { synonyms: await wordNetSynonyms() };
}

interface EvaluateOptions extends TextOptions {
  readonly batchSize?: number;
}

/** The same with a model and its texts. */
type LossOptions = EvaluateOptions & { readonly model: string; readonly data: string };

const help = `
Examples:
  lowrank evaluate --model models/tiny-gpt2 --adapter out --data held.jsonl
  lowrank evaluate --outputs outputs.txt --references references.txt

Texts are those of train: .jsonl, .csv or .txt with prompt and completion (only
the completions are scored), text and label, or text. Prompts are written as in
the training of the adapter, or of the model, if it is known. Without --adapter
the base model is measured, with which the adapter is to be compared.

The loss is in nats per token (a word or a part of one): on geometric average,
the model gives the right next token the probability exp(-loss). Perplexity is
exp(loss). Lower is better.

Of texts with prompts, it also counts the right answers: those that greedy
continuation gives to the last token, and then ends.

With --metrics the model answers each prompt once, and its answer is compared
with the completions of that prompt in the file, however many there are.
--outputs reads the answers of any model from a file, one in each line, and
--references what they are compared with: one in each line, with an empty line
after those of each output, as for the E2E scripts. Either may be a .csv, .tsv
or .jsonl with fields for the input and the output or reference.
Metrics: ${textMetrics.join(", ")}.
METEOR needs its tables for the scores that others print, and is called
meteorWithoutParaphrases without them.

JSON: {"loss", "perplexity", "bitsPerToken", "counted"}, the loss in nats per
scored token, and for prompts "right" of "texts"; for labels {"loss",
"accuracy", "counted", "mostFrequent"}, where mostFrequent is the share of the
most frequent label; for metrics {"scores", "outputs", "references"}.`;

/** Measures a model on texts. */
export const evaluateCommand: LowrankCommand = {
  name: "evaluate",
  summary: "measure the loss of a model or an adapter on texts, or score generated texts",
  options: [
    ...group("A model on texts:", [
      option(
        "--model <folder>",
        "Hugging Face folder with a tokenizer.json, or GGUF file",
        modelFolder,
      ),
      option("--data <file>", "texts: .jsonl, .csv or .txt"),
      option("--adapter <folder>", "folder of an adapter; repeat to add several", collect),
      allowOption(),
      baseDtypeOption(),
      option("--prompt-template <text>", "around prompts: 'Q: {prompt}\\nA:'", template),
      option(
        "--batch-size <n>",
        "texts at a time (default: as many as take no more memory than 8 of the longest)",
        positiveNumber,
      ),
    ]),
    ...group("Scores of answers:", [
      option(
        "--metrics <list>",
        "answer the prompts and score the answers, by bleu,rougeL,… or all",
        metricNames,
      ),
      option(
        "--beams <n>",
        "with --metrics: beams of the search (default: greedy)",
        positiveNumber,
      ),
      option("--max-new-tokens <n>", "with --metrics: most tokens in an answer", positiveNumber),
      option("--meteor <folder>", "folder with meteor-1.5.jar and data/paraphrase-en.gz"),
    ]),
    ...group("Answers from a file:", [
      option("--outputs <file>", "answers of any model to score, instead of --model and --data"),
      option("--references <file>", "what people wrote for the same inputs"),
    ]),
  ],
  uses: ["--device"],
  permissions: ({ model }) => model === undefined ? ["read"] : ["read", "device"],
  help,
  run,
};

async function run(options: EvaluateOptions): Promise<void> {
  if (options.outputs !== undefined || options.references !== undefined) {
    return await evaluateOutputs(options);
  }
  assertModelAndData(options);
  if (options.metrics) return await evaluateAnswers(options);
  refuseAll(
    options,
    ["beams", "maxNewTokens", "meteor"],
    "a loss needs no answers, and no --metrics were given",
  );
  await measureLoss(options);
}

function assertModelAndData(options: EvaluateOptions): asserts options is LossOptions {
  const { model, data } = options;
  if (model !== undefined && data !== undefined) return;
  const found = model ? "--model alone" : data ? "--data alone" : "neither";
  throw new RangeError(
    `evaluate needs --model and --data, or --outputs and --references, found ${found}`,
  );
}

async function measureLoss(options: LossOptions): Promise<void> {
  await assertModelFolder(options.model);
  const tokenizer = await loadTokenizer(options.model);
  using device = await openChosen(options);
  using loaded = await loadAdapted(device, options.model, options.adapter, options);
  const { model } = loaded, labels = labelsOf(model);
  const texts = await readTexts(options.data, labels);
  assertKind(texts, labels, options);
  const { batches, notes } = evaluationBatches(model, tokenizer, texts, {
    batch: options.batchSize,
    // As the option says, else as in training, else as training would.
    format: templateFor(texts, options.promptTemplate) ?? recordedFormat(model),
  });
  for (const line of [texts.description, ...notes]) note(options, line);
  if (!labels) {
    const measured = await (texts.kind === "prompted" ? evaluateBoth : evaluate)(model, batches);
    return print(options, measured, () => describe(measured));
  }
  const found = await evaluate(model, batches);
  const { loss, counted } = found, accuracy = await accuracyOn(model, batches);
  const measured = { loss, accuracy, counted, mostFrequent: mostFrequentLabel(batches) };
  print(options, measured, () => describeLabels(measured));
}

/** The loss and the right answers, as `evaluate` and `rightAnswersOn` have them, in one pass. */
async function evaluateBoth(model: TextModel, batches: readonly Batch[]): Promise<LossFound> {
  const texts = new Set<number>(), wrong = new Set<number>(), reads: Promise<void>[] = [];
  let before = 0, owners: number[] = [], next = 0;
  const watched = async function* (): AsyncGenerator<Batch> {
    try {
      for (const batch of batches) {
        const { shape: [rows, time], data } = batch.targets;
        const places = [...data.keys()].filter((at) => data[at] >= 0);
        [owners, next] = [places.map((at) => before + Math.floor(at / time)), 0];
        for (const text of owners) texts.add(text);
        yield batch;
        await Promise.all(reads.splice(0)); // The outputs of one batch at a time are in memory.
        before += rows;
      }
    } finally {
      await Promise.allSettled(reads);
    }
  };
  const judge = async (outputs: Tensor, { data: labels }: HostTensor, own: readonly number[]) => {
    const [{ shape: [, width], data }] = await model.device.read(outputs);
    [...labels.keys()].filter((row) => labels[row] >= 0).forEach((row, at) => {
      if (largestAt(data, row, width) !== labels[row]) wrong.add(own[at]);
    });
  };
  const loss: Loss = (tape, outputs, targets, options) => {
    const own = owners.slice(next, next += countLabels(targets.data));
    reads.push(judge(outputs, targets, own));
    return crossEntropy(tape, outputs, targets, options);
  };
  const found = await evaluate(model, watched(), { loss });
  return { ...found, right: texts.size - wrong.size, texts: texts.size };
}

/** Refuses texts that the model is not for. */
function assertKind(
  texts: Texts,
  labels: readonly string[] | undefined,
  { model }: LossOptions,
): void {
  assertForLabels(texts, labels);
  if (labels || texts.kind !== "labeled") return;
  throw new RangeError(
    `texts with labels need a classifier, found a language model in ${model}: train one with ` +
      "lowrank train --data, and give it with --adapter",
  );
}

type LossFound = Evaluation & Partial<RightAnswers>;

function describe({ loss, perplexity, bitsPerToken, counted, right, texts }: LossFound): string {
  const answers = texts === undefined ? "" : `${answersText({ right: right!, texts })}\n`;
  return `${answers}loss ${loss.toFixed(4)} nats per token (${
    bitsPerToken.toFixed(4)
  } bits), perplexity ${perplexity.toPrecision(4)}, ${grouped(counted)} scored tokens`;
}

interface LabelsFound {
  readonly loss: number;
  readonly accuracy: number;
  readonly counted: number;
  readonly mostFrequent: number;
}

function describeLabels({ loss, accuracy, counted, mostFrequent }: LabelsFound): string {
  const share = (value: number) => `${(100 * value).toFixed(1)}%`;
  return `accuracy ${share(accuracy)} of ${
    grouped(counted)
  } texts (the most frequent label alone: ${share(mostFrequent)}), loss ${
    loss.toFixed(4)
  } nats per text`;
}
