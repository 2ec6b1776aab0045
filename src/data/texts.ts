/** Texts to train on, from a file: prompts with completions, texts, or texts with labels. @module */

import { isText } from "../core/json.ts";
import { howMany } from "../core/how_many.ts";
import { mostLabels } from "../core/limits.ts";
import { listNames } from "../core/module_names.ts";
import { oneLine, quote } from "../core/quote.ts";
import type { PromptedText } from "./prompted_batches.ts";
import { assertTextLength, readRecords, type TextRecord } from "./text_records.ts";

/** A text and its class. */
export interface LabeledText {
  /** What is classified. */
  readonly text: string;
  /** The index of its label. */
  readonly label: number;
}

/** Texts by what they are for, and where they are from. */
export type Texts = TextRows & {
  /** `200 rows with prompt and completion in mine.jsonl`. */
  readonly description: string;
  /** SHA-256 of the file that they were read from. */
  readonly digest: string;
};

/** The rows of {@link Texts}. */
export type TextRows =
  | { readonly kind: "prompted"; readonly rows: readonly PromptedText[] }
  | { readonly kind: "plain"; readonly rows: readonly string[] }
  | {
    readonly kind: "labeled";
    readonly rows: readonly LabeledText[];
    /** The names of the labels. */
    readonly labels: readonly string[];
  };

/** The fields of each kind, most telling first. */
const kinds = [
  ["prompted", ["prompt", "completion"]],
  ["labeled", ["text", "label"]],
  ["plain", ["text"]],
] as const;

/**
 * Reads a file of texts: `.jsonl`, `.csv` or `.txt`. Its fields say what they are for: `prompt` and
 * `completion`, `text` and `label` (a number or a name), or `text`; other fields are left out, and named in
 * the description. A `.txt` has a text in each line or, where blank lines separate paragraphs of at most 20
 * lines on average, in each paragraph.
 *
 * @param labels The labels that a model knows, in its order. Default: those of the file, sorted.
 * @throws {RangeError} when the file has another ending, no texts, none of these fields, or a label that is
 * not among `labels`.
 * @throws {SyntaxError} when it is not UTF-8 or not of its kind, or a field is not a text; the message names
 * the line.
 * @throws {Error} when it cannot be read or is larger than 256 MiB.
 *
 * @example
 * ```ts
 * import { readTexts } from "@lowrank/core";
 *
 * const file = await Deno.makeTempFile({ suffix: ".csv" });
 * await Deno.writeTextFile(file, "prompt,completion\nboat,a fine old galleon\n");
 * const texts = await readTexts(file);
 * console.log(texts.kind, texts.rows.length); // prompted 1
 * await Deno.remove(file);
 * ```
 */
export async function readTexts(
  file: string | URL | File,
  labels?: readonly string[],
): Promise<Texts> {
  const { name, unit, records, digest, firstBlank } = await readRecords(file);
  const [kind, fields] = kindOf(name, records);
  const others = unused(records, fields),
    left = others.length > 0 ? `, without ${listNames(others)}` : "";
  const apart = firstBlank ? `, which blank lines such as line ${firstBlank} separate` : "";
  const description = `${howMany(records.length, unit)} with ${
    fields.join(" and ")
  } in ${name}${left}${apart}`;
  return { description, digest, ...rowsOf(kind, records, labels) };
}

/**
 * The prompts of a file of texts, for answers: its field `prompt`, or else `text`.
 *
 * @throws {RangeError} As {@link readTexts}.
 * @throws {SyntaxError} As {@link readTexts}.
 */
export async function readPrompts(file: string | URL | File): Promise<string[]> {
  const { name, records } = await readRecords(file), names = Object.keys(records[0].fields);
  const field = ["prompt", "text"].find((one) => names.includes(one));
  if (field) return records.map((record) => textOf(record, field));
  const found = listNames(names.map(oneLine)) || "none";
  throw new RangeError(`${name} must have the field prompt or text, found ${found}`);
}

function kindOf(name: string, [{ fields: first }]: readonly TextRecord[]) {
  const found = kinds.find(([, fields]) => fields.every((field) => Object.hasOwn(first, field)));
  if (found) return found;
  throw new RangeError(
    `${name} must have the fields prompt and completion, text and label, or text; found ${
      listNames(Object.keys(first).map(oneLine)) || "none"
    }`,
  );
}

function unused(records: readonly TextRecord[], used: readonly string[]): string[] {
  const names = new Set(records.flatMap(({ fields }) => Object.keys(fields)));
  return [...names].filter((name) => !used.includes(name)).map(oneLine);
}

function rowsOf(
  kind: Texts["kind"],
  records: readonly TextRecord[],
  labels?: readonly string[],
): TextRows {
  if (kind === "plain") return { kind, rows: records.map((record) => textOf(record, "text")) };
  if (kind === "labeled") return labeledRows(records, labels);
  const rows = records.map((record) => ({
    prompt: textOf(record, "prompt"),
    completion: textOf(record, "completion"),
  }));
  return { kind, rows };
}

function textOf({ place, fields }: TextRecord, field: string): string {
  const value = Object.hasOwn(fields, field) ? fields[field] : undefined;
  if (!isText(value) || value === "") {
    throw new SyntaxError(`${field} in ${place} must be a text, found ${quote(value)}`);
  }
  assertTextLength(value, `${field} in ${place}`);
  return value;
}

function labeledRows(records: readonly TextRecord[], known?: readonly string[]): TextRows {
  const names = records.map(labelOf), labels = known ?? namesOf(names);
  const indices = new Map(labels.map((name, index) => [name, index]));
  const rows = records.map((record, i): LabeledText => {
    const label = indices.get(names[i]);
    if (label !== undefined) return { text: textOf(record, "text"), label };
    const list = listNames(labels.map(oneLine)), found = oneLine(names[i]);
    throw new RangeError(`label in ${record.place} must be one of ${list}, found ${found}`);
  });
  return { kind: "labeled", rows, labels };
}

function labelOf({ place, fields }: TextRecord): string {
  const { label } = fields;
  if (Number.isSafeInteger(label) || typeof label === "boolean") return String(label);
  if (isText(label) && label !== "") return label;
  throw new SyntaxError(
    `label in ${place} must be a name or a whole number, found ${quote(label)}`,
  );
}

/** Every label once: numbers by their size, names by their letters. */
function namesOf(labels: readonly string[]): string[] {
  const names = [...new Set(labels)];
  if (names.length < 2 || names.length > mostLabels) {
    throw new RangeError(
      `labels must be 2 to ${mostLabels} different ones, found ${names.length}`,
    );
  }
  const areNumbers = names.every((name) => /^-?\d+$/.test(name));
  return areNumbers ? names.sort((a, b) => Number(a) - Number(b)) : names.sort();
}
