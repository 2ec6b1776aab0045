/** Records of a file of texts: JSON Lines, CSV or plain text. @module */

import { sha256 } from "../core/digest.ts";
import { readBytes } from "../core/files.ts";
import { decodeText, isRecord, parseUniqueJson } from "../core/json.ts";
import { mostJsonBytes, mostTextCharacters, mostTextRows } from "../core/limits.ts";
import { grouped } from "../core/numbers.ts";
import { oneLine, quote } from "../core/quote.ts";
import { fileName, type FileSource } from "../core/storage.ts";

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
  /** What a record is: `line`, `row`, or `paragraph`. */
  readonly unit: "line" | "row" | "paragraph";
  /** The first blank line that separates paragraphs, counted from 1. */
  readonly firstBlank?: number;
  /** At least one. */
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
export async function readRecords(file: FileSource): Promise<TextRecords> {
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

/** What a file's text holds. */
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
export function decodedText(name: string, bytes: Uint8Array): string {
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
export function parseJsonLines(text: string, name: string): Parsed {
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
export async function parseCsv(
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
 * Throws for a text that is longer than any that is meant.
 *
 * @param what Where it is.
 * @throws {RangeError} then.
 */
export function assertTextLength({ length }: string, what: string): void {
  if (length <= mostTextCharacters) return;
  throw new RangeError(
    `${what} must have at most ${mostTextCharacters} characters, found ${length}`,
  );
}
