/** Copies of the series: as it is, and for students without its outputs. @module */

import { relative } from "node:path";
import { howMany } from "../src/core/numbers.ts";
import {
  type Cell,
  type Notebook,
  notebookNames,
  notebooksPath,
  notebookText,
  readNotebook,
} from "./support/notebook_file.ts";
import { rootPath } from "./support/source_files.ts";

/**
 * Copies the series without outputs into a folder, which is created if it is not there. A notebook that is
 * there already stays as it is. Says what it did.
 */
export async function copyBlank(folder: string): Promise<string> {
  await Deno.mkdir(folder, { recursive: true });
  const toClone = relative(await Deno.realPath(folder), await Deno.realPath(rootPath));
  const kept = await writeMissing(
    folder,
    async (path) => notebookText(blankNotebook(await readNotebook(path), toClone)),
  );
  const wrote = `wrote ${howMany(written(kept), "notebook")} without outputs to ${folder}`;
  return kept.length === 0 ? wrote : `${wrote}; kept as they are: ${kept.join(", ")}`;
}

/**
 * Copies the series as it is into a folder beside it, so that a run changes no file of the clone. A notebook that is
 * there already stays as it is. Says what it did.
 */
export async function copySeries(folder: string): Promise<string> {
  await Deno.mkdir(folder, { recursive: true });
  const kept = await writeMissing(folder, (path) => Deno.readTextFile(path));
  return written(kept) > 0
    ? `wrote ${howMany(written(kept), "notebook")} to ${folder}; the clone's own stay as they are`
    : `the notebooks in ${folder} are as you left them; delete one to get it anew`;
}

const files = notebookNames().map((name) => `${name}.ipynb`);

const written = (kept: readonly string[]): number => files.length - kept.length;

/** Writes each notebook of the series that the folder has not; returns the names of the others. */
async function writeMissing(
  folder: string,
  textOf: (path: string) => Promise<string>,
): Promise<string[]> {
  const kept: string[] = [];
  for (const name of files) {
    const text = await textOf(`${notebooksPath}/${name}`);
    try {
      await Deno.writeTextFile(`${folder}/${name}`, text, { createNew: true });
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
      kept.push(name);
    }
  }
  return kept;
}

/** A notebook as nobody has run it, that finds the clone's models and guides from another folder. */
export function blankNotebook(notebook: Notebook, toClone: string): Notebook {
  return { ...notebook, cells: notebook.cells.map((cell) => blankCell(cell, toClone)) };
}

function blankCell(cell: Cell, toClone: string): Cell {
  const source = cell.source.replaceAll(/\.\.\/(?=(models|docs)\/)/g, () => `${toClone}/`);
  if (cell.cell_type !== "code") return { ...cell, source };
  const { jupyter = {}, ...metadata } = cell.metadata;
  const { outputs_hidden: _, ...folds } = jupyter as Record<string, unknown>;
  return {
    ...cell,
    source,
    metadata: Object.keys(folds).length > 0 ? { ...metadata, jupyter: folds } : metadata,
    execution_count: null,
    outputs: [],
  };
}
