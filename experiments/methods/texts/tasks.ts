/** Texts with labels to train on, to choose rates by, and to report: three public tasks. @module */

import { join } from "node:path";
import { readBytes } from "../../../src/storage/files.ts";
import { quote } from "../../../src/core/errors.ts";
import { Random, shuffled } from "../../../src/core/random.ts";
import { kindOf } from "../../../src/storage/storage.ts";
import type { LabeledText } from "../../../src/data/mod.ts";
import { type LabeledTexts, labeledTexts } from "../../labeled_texts.ts";

/** A task: its files within the folder that `LOWRANK_DATA` names, a label and a text in each line. */
export interface TextTask {
  /** Its name in tables. */
  readonly name: string;
  /** The question of the task. */
  readonly asks: string;
  /** Encoding of its files. */
  readonly encoding: "utf-8" | "windows-1252";
  /** File of the texts to train on. */
  readonly trainFile: string;
  /** File of the texts that rates are chosen by; absent where they are a part of the file to train on. */
  readonly validationFile?: string;
  /** File of the reported texts; absent where they are a part of the file to train on. */
  readonly testFile?: string;
}

const folder = "classification";

/** Tasks in the order of the tables. */
export const textTasks: readonly TextTask[] = [
  {
    name: "TREC",
    asks: "which of six kinds of answer does a question ask for",
    encoding: "windows-1252",
    trainFile: `${folder}/TREC.train.all`,
    testFile: `${folder}/TREC.test.all`,
  },
  {
    name: "SUBJ",
    asks: "is a sentence on a film an opinion or a part of its plot",
    encoding: "windows-1252",
    trainFile: `${folder}/subj.all`,
  },
  {
    name: "SST-2",
    asks: "is a sentence of a film review kind",
    encoding: "utf-8",
    trainFile: `${folder}/stsa.binary.train`,
    validationFile: `${folder}/stsa.binary.dev`,
    testFile: `${folder}/stsa.binary.test`,
  },
];

/** Numbers of texts that a task uses. */
export interface TaskSizes {
  /** Texts that are trained on. */
  readonly train: number;
  /** Texts that rates are chosen by. */
  readonly validation: number;
  /** Texts that are reported, at most. */
  readonly test: number;
  /** Words of a text at most; longer ones are left out. Default: any number. */
  readonly words?: number;
  /** Draws other texts to train on, of a file of which nothing else is used. Default: the first. */
  readonly draw?: number;
}

/** The parts of a task, which share no text. */
export type TaskParts = Readonly<Record<TaskPart, LabeledTexts>>;

/** The name of a part. */
export type TaskPart = "train" | "validation" | "test";

/** Chooses the texts, the same for every run. */
const splitSeed = 2021;

/** The base and the tasks within the folder that `LOWRANK_DATA` names. */
export const encoderPath = "models/all-MiniLM-L6-v2";

/** Message of a job where {@link findTextData} finds nothing. */
export const noTextData: string =
  `LOWRANK_DATA is not a folder with ${encoderPath} and the texts of ${
    textTasks.map(({ name }) => name).join(", ")
  }`;

/** The folder that `LOWRANK_DATA` names, if it has the base and all tasks. */
export async function findTextData(): Promise<string | undefined> {
  const data = Deno.env.get("LOWRANK_DATA");
  if (!data) return undefined;
  const files = textTasks.flatMap((
    { trainFile, validationFile = trainFile, testFile = trainFile },
  ) => [trainFile, validationFile, testFile]);
  const needed = [...files, `${encoderPath}/model.safetensors`, `${encoderPath}/tokenizer.json`];
  const kinds = await Promise.all(needed.map((file) => kindOf(join(data, file))));
  return kinds.every((kind) => kind === "file") ? data : undefined;
}

/**
 * The parts of a task, drawn once. A text that occurs twice in a file is used once, and one that is trained on
 * or chosen by is not reported. Labels are numbered in the order of the training file's own numbers.
 *
 * @throws {SyntaxError} when a line is not a label, a space and a text.
 * @throws {RangeError} when no text is left for a part, or the test file has a label that the other has not.
 */
export async function readTask(
  data: string,
  task: TextTask,
  { train, validation, test, words = Infinity, draw }: TaskSizes,
): Promise<TaskParts> {
  const { trainFile, validationFile, testFile } = task;
  const read = async (file: string) => {
    const lines = await readLines(data, file, task);
    return drawn(lines.filter(({ text }) => wordsIn(text) <= words), splitSeed);
  };
  const texts = await read(trainFile), own = draw === undefined ? texts : drawn(texts, draw);
  const rest = texts.slice(train);
  const chosen = (validationFile ? await read(validationFile) : rest).slice(0, validation);
  const seen = draw === undefined ? texts.slice(0, train) : texts; // What is reported is the same for every draw.
  const used = new Set([...seen, ...chosen].map(({ text }) => text));
  const others = testFile ? await read(testFile) : rest;
  const numbers = [...new Set(texts.map(({ label }) => label))].sort((a, b) => a - b);
  const parts = {
    train: own.slice(0, train),
    validation: chosen,
    test: others.filter(({ text }) => !used.has(text)).slice(0, test),
  };
  const fileOf = {
    train: trainFile,
    validation: validationFile ?? trainFile,
    test: testFile ?? trainFile,
  };
  const textsOf = (part: TaskPart) => {
    const { length } = parts[part], rows = parts[part].map((row) => numbered(row, numbers, task));
    if (length > 0) return labeledTexts(rows, numbers.map(String), `${length} texts`);
    throw new RangeError(
      `${task.name} needs texts${wordsOf(words)} for ${part}, found none left in ${fileOf[part]}`,
    );
  };
  return {
    train: await textsOf("train"),
    validation: await textsOf("validation"),
    test: await textsOf("test"),
  };
}

const wordsOf = (words: number) => words === Infinity ? "" : ` of at most ${words} words`;

const wordsIn = (text: string) => text.split(" ").length;

/** The text with the place of its label among those of the training file. */
function numbered(
  row: LabeledText,
  numbers: readonly number[],
  { trainFile, testFile = trainFile }: TextTask,
): LabeledText {
  const label = numbers.indexOf(row.label);
  if (label >= 0) return { ...row, label };
  throw new RangeError(
    `${testFile} must have the labels of ${trainFile} alone, found ${row.label} in ${
      quote(row.text)
    }`,
  );
}

/** Every text once, in an order that is always the same. */
const drawn = (texts: readonly LabeledText[], seed: number): LabeledText[] =>
  shuffled([...new Map(texts.map((text) => [text.text, text])).values()], new Random(seed));

async function readLines(
  data: string,
  file: string,
  { encoding }: Pick<TextTask, "encoding">,
): Promise<LabeledText[]> {
  const text = new TextDecoder(encoding).decode(await readBytes(join(data, file)));
  return text.split("\n").flatMap((line, index) => {
    if (line === "") return [];
    const match = /^(\d+) (.*\S)\s*$/.exec(line);
    if (match) return { label: Number(match[1]), text: match[2] };
    throw new SyntaxError(
      `line ${index + 1} of ${file} must be a label, a space and a text, found ${quote(line)}`,
    );
  });
}
