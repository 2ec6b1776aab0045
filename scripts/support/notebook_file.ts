/**
 * Notebooks as files: nbformat 4.5 (https://nbformat.readthedocs.io/en/latest/format_description.html),
 * read and written the way Jupyter writes them.
 *
 * @module
 */

import { rootPath } from "./source_files.ts";
import type { Bundle, Output } from "./notebook_outputs.ts";

/** A cell in memory: its source is one text. */
export interface Cell {
  cell_type: "code" | "markdown" | "raw";
  id: string;
  metadata: Bundle;
  source: string;
  execution_count?: number | null;
  outputs?: Output[];
}

/** A cell that runs. */
export type CodeCell = Cell & { execution_count: number | null; outputs: Output[] };

/** A notebook in memory. */
export interface Notebook {
  cells: Cell[];
  metadata: Bundle;
  nbformat: 4;
  nbformat_minor: 5;
}

/** The folder of the series, and its notebooks in order. */
export const notebooksPath = `${rootPath}notebooks`;

/** The names of a folder's notebooks, without the ending. */
export function notebookNames(folder: string = notebooksPath): string[] {
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
  return names.filter((name) => name.endsWith(".ipynb")).map((name) => name.slice(0, -6)).sort();
}

/** The cells that run, in order. */
export const codeCells = ({ cells }: Notebook): CodeCell[] =>
  cells.filter((cell): cell is CodeCell => cell.cell_type === "code");

/** Reads the text of a `.ipynb`. */
export function parseNotebook(text: string): Notebook {
  const notebook = JSON.parse(text);
  for (const cell of notebook.cells) {
    cell.source = joined(cell.source);
    if (cell.cell_type === "code") cell.outputs = (cell.outputs ?? []).map(joinedOutput);
  }
  return notebook;
}

/** Reads a file. */
export async function readNotebook(path: string): Promise<Notebook> {
  return parseNotebook(await Deno.readTextFile(path));
}

/**
 * The text of the file: what Jupyter writes for the same notebook, but for plots. These stand on one line
 * each; Jupyter gives every number a line of its own, which is most of a file with heat maps.
 */
export function notebookText({ cells, ...rest }: Notebook): string {
  const split = cells.map(({ source, outputs, ...cell }) => ({
    ...cell,
    ...(outputs && { outputs: outputs.map(splitOutput) }),
    source: lines(source),
  }));
  const plots: string[] = [];
  const text = JSON.stringify(
    sorted({ cells: split, ...rest }),
    (key, value) => isJson(key) ? `\0${plots.push(JSON.stringify(value)) - 1}` : value,
    1,
  );
  return text.replace(/"\\u0000(\d+)"/g, (_, place) => plots[Number(place)]) + "\n";
}

/** Writes to a temporary name and renames. */
export async function writeNotebook(path: string, notebook: Notebook): Promise<void> {
  const temporary = `${path}.${Deno.pid}.tmp`;
  await Deno.writeTextFile(temporary, notebookText(notebook));
  await Deno.rename(temporary, path);
}

/** nbformat keeps a text of many lines as the list of them. */
const joined = (text: string | string[]): string => Array.isArray(text) ? text.join("") : text;
const lines = (text: string): string[] => text === "" ? [] : text.split(/(?<=\n)/);

/** JSON kinds are values, all others text. */
const isJson = (mime: string) => /[/+]json$/.test(mime);

function mapData(data: Bundle, change: (text: string) => unknown): Bundle {
  return Object.fromEntries(
    Object.entries(data).map(([mime, value]) => [
      mime,
      isJson(mime) ? value : change(joined(value as string | string[])),
    ]),
  );
}

function joinedOutput(output: Output): Output {
  if (output.output_type === "stream") return { ...output, text: joined(output.text) };
  if ("data" in output) return { ...output, data: mapData(output.data, (text) => text) };
  return output;
}

function splitOutput(output: Output): unknown {
  if (output.output_type === "stream") return { ...output, text: lines(output.text) };
  if ("data" in output) return { ...output, data: mapData(output.data, lines) };
  return output;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1);
  return Object.fromEntries(entries.map(([key, child]) => [key, sorted(child)]));
}
