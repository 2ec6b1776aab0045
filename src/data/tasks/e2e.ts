/**
 * The E2E task: meanings with the sentences that people wrote for each, and outputs of a model
 * beside references, from the files of the E2E scripts.
 *
 * @module
 */

import { oneLine } from "../../core/errors.ts";
import { mostJsonBytes, mostTextCharacters, mostTextRows } from "../../core/limits.ts";
import { grouped, howMany } from "../../core/numbers.ts";
import { readText } from "../../storage/files.ts";
import { fileName, type FileSource, pathIn } from "../../storage/storage.ts";
import { readZipped } from "../../storage/zip.ts";
import { assertTextLength, isTable, readTable, type TableRow } from "../texts.ts";

/** A part of the dataset: 42,061, 4,672 and 4,693 references for 4,862, 547 and 630 meanings. */
export type E2eSplit = "train" | "validation" | "test";

/** A text that a model made, and at least one text of a person for the same input. */
export interface ReferencedOutput {
  /** The model's text; may be empty. */
  readonly output: string;
  /**
   * Texts that people wrote; their order does not matter, except that METEOR counts the first of
   * equally good ones.
   */
  readonly references: readonly string[];
}

/** A meaning and its references. */
export interface E2eMeaning {
  /** `name[Blue Spice], eatType[pub], area[riverside]`. */
  readonly meaning: string;
  /** Texts that people wrote for it, in the order of the file; at least one. */
  readonly references: readonly string[];
}

const files: Readonly<Record<E2eSplit, string>> = {
  train: "trainset.csv",
  validation: "devset.csv",
  test: "testset_w_refs.csv",
};

/**
 * Reads a part of the E2E dataset, in the order in which its meanings first appear. It is not part of this
 * package (CC BY-SA 4.0); the experiments look for it in the folder that `LOWRANK_DATA` names, as
 * `nlg/e2e-dataset.zip`.
 *
 * Source: Novikova, Dušek and Rieser 2017, "The E2E Dataset"; the paper's section 5.4 and table 3.
 *
 * @param source `e2e-dataset.zip` as it is published, or a folder with its files.
 * @throws {RangeError} when the split does not exist, or a file has not the columns `mr` and `ref`.
 * @throws {SyntaxError} when the archive or a row is malformed; the message names the line.
 * @throws {Error} when a file cannot be read.
 */
export async function e2eData(split: E2eSplit, source: string): Promise<E2eMeaning[]> {
  if (!Object.hasOwn(files, split)) {
    const known = Object.keys(files).join(", ");
    throw new RangeError(`a split of the E2E dataset must be one of ${known}, found ${split}`);
  }
  const name = files[split], isZip = /\.zip$/i.test(source);
  const file = isZip
    ? new File([await readZipped(source, `e2e-dataset/${name}`, mostJsonBytes)], name)
    : pathIn(source, name);
  const groups = Map.groupBy(await readTable(file, "reference"), ({ input }) => input!);
  return [...groups].map(([meaning, rows]) => ({
    meaning,
    references: rows.map(({ text }) => text),
  }));
}

/** The references of one input. */
interface Group {
  /** Input, where a table states it. */
  readonly input?: string;
  readonly references: readonly string[];
}

/**
 * Reads outputs and references in the layout of the E2E scripts. Outputs: one in each line, which may be
 * empty. References: one in each line, with an empty line after those of an output; without empty lines,
 * each output has one. Either may also be a table (`.csv`, `.tsv` or `.jsonl`) with fields for the input
 * (`mr`, `input`, `prompt`, `source`, …) and the `output` or the `reference` (`ref`, `target`,
 * `completion`, …). Where both say the input, references are found by it, and every input needs one output, which
 * rows may repeat; else neighboring rows with the same input are one group, in the order of the outputs.
 *
 * @throws {RangeError} when a file is empty, a table has no such fields, the numbers differ, an input has no
 * reference, no output or two outputs, or a line is too long.
 * @throws {SyntaxError} when a file is not UTF-8 or not of its kind, or a line is malformed; the message
 * names the line.
 * @throws {Error} when a file cannot be read or is larger than 256 MiB.
 *
 * @example
 * ```ts
 * import { readReferencedOutputs } from "@lowrank/core/data";
 *
 * const outputs = new File(["a cheap pub\n"], "outputs.txt");
 * const references = new File(["a pub, and cheap\nan inexpensive pub\n\n"], "references.txt");
 * const [first] = await readReferencedOutputs(outputs, references);
 * console.log(first.references.length); // 2
 * ```
 */
export async function readReferencedOutputs(
  outputs: string | URL | File,
  references: string | URL | File,
): Promise<ReferencedOutput[]> {
  const made = await readOutputs(outputs);
  const hasInputs = made[0].input !== undefined && isTable(references);
  const groups = isTable(references)
    ? groupsOf(await readTable(references, "reference"), hasInputs)
    : await readBlocks(references, made.length);
  const names = [fileName(outputs), fileName(references)] as const;
  if (hasInputs) return foundByInput(made, groups, names);
  assertAsMany(names[0], made.length, names[1], groups.length);
  return made.map(({ text }, i) => ({ output: text, references: groups[i].references }));
}

async function readOutputs(file: FileSource): Promise<readonly TableRow[]> {
  if (isTable(file)) return await readTable(file, "output");
  const name = fileName(file), lines = await linesOf(file);
  return lines.map((text, i) => ({ place: `line ${i + 1} of ${name}`, text: text.trim() }));
}

/** The lines of a file, without what would be one after the last line break. */
async function linesOf(file: FileSource): Promise<string[]> {
  const text = (await readText(file)).replace(/^\ufeff/, "");
  const lines = text.split(/\r?\n/), name = fileName(file);
  if (lines.at(-1) === "") lines.pop();
  const long = lines.findIndex(({ length }) => length > mostTextCharacters);
  if (long >= 0) assertTextLength(lines[long], `line ${long + 1} of ${name}`);
  if (lines.length > 0 && lines.length <= mostTextRows) return lines;
  throw new RangeError(
    `${name} must hold 1 to ${grouped(mostTextRows)} lines, found ${lines.length}`,
  );
}

/** Groups that empty lines separate; without any, each line is one. */
async function readBlocks(file: FileSource, outputs: number): Promise<Group[]> {
  const lines = (await linesOf(file)).map((line) => line.trim());
  while (lines.at(-1) === "") lines.pop();
  const extra = lines.findIndex((line, i) => line === "" && (i === 0 || lines[i - 1] === ""));
  if (extra >= 0) {
    throw new SyntaxError(
      `line ${extra + 1} of ${
        fileName(file)
      } must be a reference, found an empty line; one such line ` +
        "stands between the references of two outputs",
    );
  }
  if (lines.length === 0) {
    throw new RangeError(`${fileName(file)} must hold at least 1 reference, found none`);
  }
  // One block for one output: several references; for more, one reference each, as in the scripts.
  const isSeparated = lines.includes("") || outputs === 1;
  return isSeparated
    ? lines.join("\n").split("\n\n").map((block) => ({ references: block.split("\n") }))
    : lines.map((line) => ({ references: [line] }));
}

/** Rows of the same input: all of them, or those next to each other. */
function groupsOf(rows: readonly TableRow[], areFound: boolean): Group[] {
  const groups: { input?: string; references: string[] }[] = [];
  const byInput = new Map<string | undefined, string[]>();
  for (const { input, text } of rows) {
    const known = areFound ? byInput.get(input) : undefined;
    const last = groups.at(-1);
    if (known) known.push(text);
    else if (!areFound && last && last.input === input) last.references.push(text);
    else {
      const group = { input, references: [text] };
      groups.push(group);
      byInput.set(input, group.references);
    }
  }
  return groups;
}

function foundByInput(
  made: readonly TableRow[],
  groups: readonly Group[],
  [outputs, references]: readonly [string, string],
): ReferencedOutput[] {
  const byInput = new Map(groups.map(({ input, references }) => [input, references]));
  const distinct = Map.groupBy(made, ({ input }) => input);
  const found = [...distinct.values()].map(onlyOutput).map(({ place, input, text }) => {
    const own = byInput.get(input);
    if (own) return { output: text, references: own };
    throw new RangeError(
      `the input in ${place} must have a reference in ${references}, found none for ${
        oneLine(input!)
      }`,
    );
  });
  const left = groups.find(({ input }) => !distinct.has(input));
  if (!left) return found;
  throw new RangeError(
    `every input in ${references} must have an output in ${outputs}, as scores are of a whole set, found ` +
      `${grouped(found.length)} of ${grouped(groups.length)} and none for ${oneLine(left.input!)}`,
  );
}

/** The output of an input; rows may repeat it, as `generate` does for a prompt that comes several times. */
function onlyOutput([first, ...others]: readonly TableRow[]): TableRow {
  const other = others.find(({ text }) => text !== first.text);
  if (!other) return first;
  throw new RangeError(
    `an input must have one output, found two for ${
      oneLine(first.input!)
    }, in ${first.place} and in ${other.place}`,
  );
}

function assertAsMany(outputs: string, made: number, references: string, groups: number): void {
  if (made === groups) return;
  throw new RangeError(
    `every output must have a group of references, found ${
      howMany(made, "output")
    } in ${outputs} and ${howMany(groups, "group")} in ${references}`,
  );
}
