/** `lowrank evaluate` of texts that were generated: metrics against references. @module */

import { howMany } from "../core/how_many.ts";
import { Interrupt } from "../core/interrupt.ts";
import { readReferencedOutputs, readTexts, wordNetSynonyms } from "../data/mod.ts";
import {
  loadMeteorTables,
  type MeteorTables,
  type ReferencedOutput,
  scoreTexts,
  type TextMetric,
  textMetrics,
} from "../metrics/mod.ts";
import { loadTokenizer } from "../tokenizer/mod.ts";
import { type AllowOption, type BaseDtypeOption, optionName } from "./arguments.ts";
import { InvalidArgumentError } from "./commander.ts";
import { type CommonOptions, loadAdapted, note, openChosen, print } from "./common.ts";
import { answerTo } from "./generate.ts";
import { readFacts } from "./limits.ts";
import { table } from "./table.ts";

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
  /** Which metrics. */
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
export function metricNames(text: string): TextMetric[] {
  if (text === "all") return [...textMetrics];
  const plain = (name: string) => name.trim().toLowerCase().replaceAll(/[-_]/g, "");
  return text.split(",").map((asked) => {
    const known = textMetrics.find((name) => plain(name) === plain(asked));
    if (known) return known;
    throw new InvalidArgumentError(`It must be of ${textMetrics.join(", ")}, or all.`);
  });
}

/** Scores the texts of a file. */
export async function evaluateOutputs(options: TextOptions): Promise<void> {
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
export function refuseAll(
  options: TextOptions,
  names: readonly (keyof TextOptions)[],
  reason: string,
): void {
  const given = names.find((name) => options[name] !== undefined);
  if (given !== undefined) throw new RangeError(`${reason}: leave out ${optionName(given)}`);
}

/** Has a model answer prompts, and scores its answers. */
export async function evaluateAnswers(
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
