/** Texts to train on, from a file: prompts with completions, texts, or texts with labels. @module */

import { decodeText, isRecord, isText, parseUniqueJson } from "../core/checks.ts";
import { oneLine, quote } from "../core/errors.ts";
import { mostJsonBytes, mostLabels, mostTextCharacters, mostTextRows } from "../core/limits.ts";
import { listNames } from "../core/module_names.ts";
import { grouped, howMany } from "../core/numbers.ts";
import { sha256 } from "../storage/digest.ts";
import { readBytes } from "../storage/files.ts";
import { fileName, type FileSource } from "../storage/storage.ts";
import type { PromptedText } from "./prompted_batches.ts";

/** A record of a file, and where it is. */
export interface TextRecord {
  /** `line 7 of mine.jsonl`. */
  readonly place: string;
  /** Its fields. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** The records of a file, and which file it was. */
export interface TextRecords {
  /** The file's name. */
  readonly name: string;
  /** Kind of record: `line`, `row`, or `paragraph`. */
  readonly unit: "line" | "row" | "paragraph";
  /** The first blank line that separates paragraphs, counted from 1. */
  readonly firstBlank?: number;
  /** The records, at least one. */
  readonly records: readonly TextRecord[];
  /** SHA-256 of the very bytes that they were read from. */
  readonly digest: string;
}

/**
 * Reads a file by the ending of its name: `.jsonl` has a JSON object in each line; `.csv` begins with the
 * names of its fields; `.txt` has a text in each line or, where blank lines separate paragraphs of at most 20
 * lines on average, in each paragraph. Other blank lines are skipped.
 *
 * @throws {RangeError} when the name has another ending, or there are no records or more than 4,194,304.
 * @throws {SyntaxError} when the file is not UTF-8, or not of its kind; the message names the line.
 * @throws {Error} when it cannot be read or is larger than 256 MiB.
 */
async function readRecords(file: FileSource): Promise<TextRecords> {
  const name = fileName(file), parse = parserOf(name);
  const bytes = await readBytes(file, mostJsonBytes);
  const { all, ...how } = await parse(decodedText(name, bytes), name);
  if (all.length > 0 && all.length <= mostTextRows) {
    return { name, ...how, records: all, digest: await sha256(bytes) };
  }
  throw new RangeError(
    `${name} must hold 1 to ${grouped(mostTextRows)} texts, found ${all.length}`,
  );
}

/** Contents of a file's text. */
export interface Parsed extends Pick<TextRecords, "unit" | "firstBlank"> {
  /** Its records; may be none. */
  readonly all: readonly TextRecord[];
}

type Parser = (text: string, name: string) => Parsed | Promise<Parsed>;

const parsers: Readonly<Record<string, Parser>> = {
  jsonl: parseJsonLines,
  csv: (text, name) => parseCsv(text, name),
  txt: parseText,
};

function parserOf(name: string): Parser {
  const [, ending = ""] = /\.([a-z]+)$/i.exec(name) ?? [];
  const key = ending.toLowerCase();
  if (Object.hasOwn(parsers, key)) return parsers[key];
  throw new RangeError(`a file of texts must end in .jsonl, .csv or .txt, found ${quote(name)}`);
}

/**
 * The text of a file without its byte order mark.
 *
 * @throws {SyntaxError} when it is not UTF-8.
 */
function decodedText(name: string, bytes: Uint8Array): string {
  try {
    return decodeText(bytes).replace(/^\ufeff/, "");
  } catch (error) {
    throw new SyntaxError(`cannot read ${name}: ${(error as Error).message}`);
  }
}

/**
 * Parses JSON Lines.
 *
 * @throws {SyntaxError} when a line is not a JSON object.
 */
function parseJsonLines(text: string, name: string): Parsed {
  const utf8 = new TextEncoder();
  const all = linesOf(text).flatMap((line, index) => {
    if (line.trim() === "") return [];
    const place = `line ${index + 1} of ${name}`;
    return [{ place, fields: recordOf(place, utf8.encode(line)) }];
  });
  return { unit: "row", all };
}

function recordOf(place: string, bytes: Uint8Array): TextRecord["fields"] {
  let value;
  try {
    value = parseUniqueJson(bytes);
  } catch (error) {
    throw new SyntaxError(`${place} must be JSON: ${(error as Error).message}`);
  }
  if (isRecord(value)) return value;
  throw new SyntaxError(`${place} must be a JSON object, found ${quote(value)}`);
}

/**
 * Parses CSV, or fields between tabs, where a quotation mark inside of a field is one.
 *
 * @throws {SyntaxError} when it is malformed.
 */
async function parseCsv(
  text: string,
  name: string,
  { tabs = false }: { readonly tabs?: boolean } = {},
): Promise<Parsed> {
  // Fetched when the first file needs it: the package is there without it.
  const { parse } = await import("npm:csv-parse@7.0.3/sync");
  try {
    const rows: { record: Record<string, string>; info: { lines: number } }[] = parse(text, {
      columns: true,
      info: true,
      skip_empty_lines: true,
      ...tabs && { delimiter: "\t", relax_quotes: true },
    });
    const all = rows.map(({ record, info }) => {
      return { place: `line ${info.lines} of ${name}`, fields: record };
    });
    return { unit: "row", all };
  } catch (error) {
    throw new SyntaxError(
      `cannot read ${name}: it is not ${tabs ? "TSV" : "CSV"} (${
        oneLine((error as Error).message)
      })`,
    );
  }
}

/** Blank lines that are rarer than this do not separate paragraphs: one may stand among many lines. */
const mostLines = 20;

function parseText(text: string, name: string): Parsed {
  const lines = linesOf(text), isBlank = (line: string) => line.trim() === "";
  const start = lines.findIndex((line) => !isBlank(line));
  const paragraphs = text.replace(/^(\s*\n)+|\s+$/g, "").split(/\n(?:[^\S\n]*\n)+/);
  const filled = lines.filter((line) => !isBlank(line)).length;
  const isSeparated = paragraphs.length > 1 && filled <= mostLines * paragraphs.length;
  const [unit, parts] = isSeparated ? ["paragraph", paragraphs] as const : ["line", lines] as const;
  const all = parts.flatMap((part, index) => {
    const text = part.replaceAll("\r\n", "\n").trimEnd();
    return text === "" ? [] : [{ place: `${unit} ${index + 1} of ${name}`, fields: { text } }];
  });
  const firstBlank = 1 + lines.findIndex((line, index) => index > start && isBlank(line));
  return { unit, all, ...isSeparated && { firstBlank } };
}

const linesOf = (text: string): string[] => text.split(/\r?\n/);

/**
 * Asserts that a text is no longer than any that is meant.
 *
 * @param what Name of its place.
 * @throws {RangeError} when it is longer.
 */
export function assertTextLength({ length }: string, what: string): void {
  if (length <= mostTextCharacters) return;
  throw new RangeError(
    `${what} must have at most ${mostTextCharacters} characters, found ${length}`,
  );
}

/** A text and its class. */
export interface LabeledText {
  /** Text to classify. */
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

/** A row of a table. */
export interface TableRow {
  /** `line 7 of mine.csv`. */
  readonly place: string;
  /** Purpose of the text, where the table states it. */
  readonly input?: string;
  /** The output or the reference. */
  readonly text: string;
}

/** Names of fields; compared in lower case, without a final s. */
const names = {
  input: "mr meaning meaning_representation da dialogue_act src source input prompt",
  output: "output out system sy text", // `sys`, and what `lowrank generate --json` writes
  reference: "ref reference human target tgt trg completion",
} as const;

/** True if a file is a table by the ending of its name. */
export const isTable = (file: FileSource): boolean => /\.(csv|tsv|jsonl)$/i.test(fileName(file));

/**
 * Reads a table.
 *
 * @throws {RangeError} when it has no rows, or not exactly one field of each kind.
 * @throws {SyntaxError} when it is not UTF-8 or not of its kind, or a field is not a text.
 */
export async function readTable(
  file: FileSource,
  kind: "output" | "reference",
): Promise<readonly TableRow[]> {
  const name = fileName(file), text = decodedText(name, await readBytes(file, mostJsonBytes));
  const { all } = /\.jsonl$/i.test(name)
    ? parseJsonLines(text, name)
    : await parseCsv(text, name, { tabs: /\.tsv$/i.test(name) });
  if (all.length === 0 || all.length > mostTextRows) {
    throw new RangeError(
      `${name} must hold 1 to ${grouped(mostTextRows)} rows, found ${all.length}`,
    );
  }
  const known = Object.keys(all[0].fields);
  const textField = fieldOf(name, kind, known);
  // Outputs may stand alone; references without inputs could not be told apart.
  const inputField = kind === "output" && !known.some((field) => isCalled(field, "input"))
    ? undefined
    : fieldOf(name, "input", known);
  return all.map((record) => ({
    place: record.place,
    ...inputField !== undefined && { input: cellText(record, inputField) },
    text: cellText(record, textField, kind === "output"),
  }));
}

const isCalled = (field: string, kind: keyof typeof names): boolean =>
  names[kind].split(" ").includes(field.trim().toLowerCase().replace(/s$/, ""));

function fieldOf(name: string, kind: keyof typeof names, known: readonly string[]): string {
  const found = known.filter((field) => isCalled(field, kind));
  if (found.length === 1) return found[0];
  throw new RangeError(
    `${name} must have one field for the ${kind} (${names[kind].split(" ").join(", ")}), found ${
      listNames(known.map(oneLine)) || "none"
    }`,
  );
}

function cellText({ place, fields }: TextRecord, field: string, mayBeEmpty = false): string {
  const value = Object.hasOwn(fields, field) ? fields[field] : undefined;
  if (!isText(value) || (value === "" && !mayBeEmpty)) {
    throw new SyntaxError(`${field} in ${place} must be a text, found ${quote(value)}`);
  }
  assertTextLength(value, `${field} in ${place}`);
  return value;
}
