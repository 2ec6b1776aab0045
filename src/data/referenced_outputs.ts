/** Outputs of a model and references of people, from the files of the E2E scripts. @module */

import { readText } from "../core/files.ts";
import { howMany } from "../core/how_many.ts";
import { mostTextCharacters, mostTextRows } from "../core/limits.ts";
import { grouped } from "../core/numbers.ts";
import { oneLine } from "../core/quote.ts";
import { fileName, type FileSource } from "../core/storage.ts";
import type { ReferencedOutput } from "../metrics/mod.ts";
import { assertTextLength } from "./text_records.ts";
import { isTable, readTable, type TableRow } from "./text_table.ts";

/** The references of one input. */
interface Group {
  /** Where a table says it. */
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
