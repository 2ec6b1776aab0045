/** Tables of inputs with outputs or references, as files of the E2E challenge are. @module */

import { readBytes } from "../core/files.ts";
import { isText } from "../core/json.ts";
import { mostJsonBytes, mostTextRows } from "../core/limits.ts";
import { listNames } from "../core/module_names.ts";
import { grouped } from "../core/numbers.ts";
import { oneLine, quote } from "../core/quote.ts";
import { fileName, type FileSource } from "../core/storage.ts";
import {
  assertTextLength,
  decodedText,
  parseCsv,
  parseJsonLines,
  type TextRecord,
} from "./text_records.ts";

/** A row of a table. */
export interface TableRow {
  /** `line 7 of mine.csv`. */
  readonly place: string;
  /** What the text is for, where the table says it. */
  readonly input?: string;
  /** The output or the reference. */
  readonly text: string;
}

/** What fields are called; compared in lower case, without a final s. */
const names = {
  input: "mr meaning meaning_representation da dialogue_act src source input prompt",
  output: "output out system sy text", // `sys`, and what `lowrank generate --json` writes
  reference: "ref reference human target tgt trg completion",
} as const;

/** Whether a file is a table by the ending of its name. */
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
    ...inputField !== undefined && { input: textOf(record, inputField) },
    text: textOf(record, textField, kind === "output"),
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

function textOf({ place, fields }: TextRecord, field: string, mayBeEmpty = false): string {
  const value = Object.hasOwn(fields, field) ? fields[field] : undefined;
  if (!isText(value) || (value === "" && !mayBeEmpty)) {
    throw new SyntaxError(`${field} in ${place} must be a text, found ${quote(value)}`);
  }
  assertTextLength(value, `${field} in ${place}`);
  return value;
}
