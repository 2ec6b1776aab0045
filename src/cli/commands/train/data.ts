/** The texts that `train` and `evaluate` read with `--data`. @module */

import { methodIn } from "../../../adapt/load.ts";
import type { PromptFormat } from "../../../core/batch.ts";
import {
  type BatchOrder,
  type PromptedText,
  readTexts,
  type TextDataset,
  textDataset,
  type Texts,
} from "../../../data/mod.ts";
import { readAdapter, readAdapterLabels } from "../../../formats/mod.ts";
import { parsePromptFormat } from "../../../formats/peft/metadata.ts";
import { openWeights } from "../../../formats/peft/read.ts";
import type { JsonRecord } from "../../../runs/mod.ts";
import { fileDigests } from "../../../storage/digest.ts";
import { loadTokenizer } from "../../../tokenizer/mod.ts";
import type { ModelFacts } from "../../cases.ts";
import type { AllowOption } from "../../options.ts";

/** Options of `train` about texts; undefined if not given. */
export interface DataOptions extends AllowOption {
  readonly model: string;
  readonly adapter?: string;
  readonly data?: string;
  readonly validation?: number | string;
  readonly promptTemplate?: string;
  readonly batchSize?: number;
  readonly tokensPerStep?: number;
  readonly batchOrder?: BatchOrder;
  readonly seed: number;
}

/** Texts as batches, and what identifies them. */
export interface TrainData extends TextDataset {
  /** The kind of the files' rows. */
  readonly kind: Texts["kind"];
  /** All that the batches depend on, wherever the files are. */
  readonly identity: JsonRecord;
  /** A prompt for a model that was trained on them. */
  readonly example?: string;
  /** The names of the labels, if the texts have some. */
  readonly labels?: readonly string[];
}

/** Reads the file of texts, and makes batches that fit the model. */
export async function readTrainData(
  data: string,
  options: DataOptions,
  facts: ModelFacts,
): Promise<TrainData> {
  const { model, adapter, validation, batchSize = 8, tokensPerStep, seed } = options;
  const known = facts.labels ?? (adapter && await readAdapterLabels(adapter) || undefined);
  const tokenizer = await loadTokenizer(model), texts = await readTexts(data, known);
  const labels = labelsIn(texts, known);
  const heldOut = typeof validation === "string" ? await readTexts(validation, labels) : validation;
  const format = await formatOf(options, texts);
  const dataset = textDataset(facts, tokenizer, texts, {
    validation: heldOut,
    batch: options.batchSize,
    tokensPerStep,
    order: options.batchOrder,
    seed,
    format,
  });
  const identity = {
    texts: texts.digest,
    validation: typeof heldOut === "object" ? heldOut.digest : heldOut ?? "usual",
    tokenizer: await fileDigests(model, /^tokenizer(_config)?\.json$/),
    ...tokensPerStep === undefined ? { batchSize } : { tokensPerStep },
    batchOrder: dataset.order,
    format: { ...format },
  };
  const notes = [texts.description, ...dataset.notes];
  return { ...dataset, kind: texts.kind, identity, labels, example: exampleOf(texts), notes };
}

/** A prompt, or the first words of a text, if it is short and in one line. */
function exampleOf({ kind, rows: [first] }: Texts): string | undefined {
  if (kind === "labeled") return undefined;
  const text = typeof first === "string"
    ? first.split(/\s+/, 2).join(" ")
    : (first as PromptedText).prompt;
  return /^[^\p{Cc}]{1,60}$/u.test(text) ? text : undefined;
}

/** The names of a file's labels; throws where the model and the file do not ask for the same. */
function labelsIn(
  texts: Texts,
  known: readonly string[] | undefined,
): readonly string[] | undefined {
  assertForLabels(texts, known);
  return texts.kind === "labeled" ? texts.labels : undefined;
}

/** Throws where a classifier gets texts without labels. */
export function assertForLabels({ kind, description }: Texts, labels?: readonly string[]): void {
  if (labels === undefined || kind === "labeled") return;
  throw new RangeError(`a classifier needs texts with labels, found ${description}`);
}

/** The form of prompts: as the options say, else as the adapter remembers. */
async function formatOf(
  { promptTemplate, adapter, allow }: DataOptions,
  texts: Texts,
): Promise<Partial<PromptFormat> | undefined> {
  const said = templateFor(texts, promptTemplate);
  if (said || adapter === undefined) return said;
  if (await methodIn(adapter) === undefined) {
    return (await readAdapter(adapter, { withSaved: true, allow })).promptFormat;
  }
  using file = await openWeights(adapter, {});
  return parsePromptFormat(file.metadata);
}

/** The format that `--prompt-template` gives, if it is given; throws where there are no prompts. */
export function templateFor(
  { kind, description }: Texts,
  template: string | undefined,
): Partial<PromptFormat> | undefined {
  if (template === undefined) return undefined;
  if (kind === "prompted") return { template };
  throw new RangeError(`--prompt-template needs texts with prompts, found ${description}`);
}
