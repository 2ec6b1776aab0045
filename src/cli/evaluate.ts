/** `lowrank evaluate`. @module */

import { mostFrequentLabel } from "../core/batch.ts";
import { grouped } from "../core/numbers.ts";
import { readTexts, textDataset, type Texts } from "../data/mod.ts";
import { accuracyOn, labelsOf, recordedFormat } from "../models/mod.ts";
import { loadTokenizer } from "../tokenizer/mod.ts";
import { evaluate, type Evaluation } from "../train/mod.ts";
import {
  type AllowOption,
  allowOption,
  type BaseDtypeOption,
  baseDtypeOption,
  collect,
  modelFolder,
  positiveNumber,
  template,
} from "./arguments.ts";
import type { Command } from "./commander.ts";
import { type CommonOptions, loadAdapted, note, openChosen, print } from "./common.ts";
import { assertModelFolder } from "./model_folder.ts";
import { assertForLabels, templateFor } from "./train_data.ts";

interface EvaluateOptions extends CommonOptions, AllowOption, BaseDtypeOption {
  readonly model: string;
  readonly adapter?: string[];
  readonly data: string;
  readonly promptTemplate?: string;
  readonly batchSize: number;
}

const help = `
Example:
  lowrank evaluate --model models/tiny-gpt2 --adapter out --data held.jsonl

Texts are those of train: .jsonl, .csv or .txt with prompt and completion (only
the completions are scored), text and label, or text. Prompts are written as in
the training of the adapter, or of the model, if it is known. Without --adapter
the base model is measured, with which the adapter is to be compared.

The loss is in nats per token, a word or a part of one: the model gives the
right next token the probability exp(-loss), on geometric average. Perplexity is
exp(loss). Lower is better.

JSON: {"loss", "perplexity", "bitsPerToken", "counted"}, the loss in nats per
scored token; for labels {"loss", "accuracy", "counted", "mostFrequent"}, where
mostFrequent is the share of the most frequent label.`;

/** Adds `evaluate`, which measures a model on texts. */
export function addEvaluate(program: Command): void {
  program.command("evaluate").description("measure the loss of a model or an adapter on texts")
    .requiredOption("--model <folder>", "Hugging Face folder with a tokenizer.json", modelFolder)
    .requiredOption("--data <file>", "texts: .jsonl, .csv or .txt")
    .option("--adapter <folder>", "PEFT folder; repeat to add several", collect)
    .addOption(allowOption())
    .addOption(baseDtypeOption())
    .option("--prompt-template <text>", "around prompts: 'Q: {prompt}\\nA:'", template)
    .option("--batch-size <n>", "texts at a time", positiveNumber, 8)
    .addHelpText("after", help)
    .action(run);
}

async function run(options: EvaluateOptions): Promise<void> {
  await assertModelFolder(options.model);
  const tokenizer = await loadTokenizer(options.model);
  using device = await openChosen(options);
  using loaded = await loadAdapted(device, options.model, options.adapter, options);
  const { model } = loaded, labels = labelsOf(model);
  const texts = await readTexts(options.data, labels);
  assertKind(texts, labels, options);
  const { train: batches, notes } = textDataset(model, tokenizer, texts, {
    validation: 0,
    batch: options.batchSize,
    // As the option says, else as in training, else as training would.
    format: templateFor(texts, options.promptTemplate) ?? recordedFormat(model),
  });
  for (const line of [texts.description, ...notes.slice(1)]) note(options, line);
  const found = await evaluate(model, batches);
  if (!labels) return print(options, found, () => describe(found));
  const { loss, counted } = found, accuracy = await accuracyOn(model, batches);
  const measured = { loss, accuracy, counted, mostFrequent: mostFrequentLabel(batches) };
  print(options, measured, () => describeLabels(measured));
}

/** Refuses texts that the model is not for. */
function assertKind(
  texts: Texts,
  labels: readonly string[] | undefined,
  { model }: EvaluateOptions,
): void {
  assertForLabels(texts, labels);
  if (labels || texts.kind !== "labeled") return;
  throw new RangeError(
    `texts with labels need a classifier, found a language model in ${model}: train one with ` +
      "lowrank train --data, and give it with --adapter",
  );
}

function describe({ loss, perplexity, bitsPerToken, counted }: Evaluation): string {
  return `loss ${loss.toFixed(4)} nats per token (${bitsPerToken.toFixed(4)} bits), perplexity ${
    perplexity.toPrecision(4)
  }, ${grouped(counted)} scored tokens`;
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
