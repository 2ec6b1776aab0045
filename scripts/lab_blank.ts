/** Notebooks for students: the series without its outputs. @module */

import { relative } from "node:path";
import { howMany } from "../src/core/numbers.ts";
import {
  type Cell,
  type Notebook,
  notebookNames,
  notebooksPath,
  notebookText,
  readNotebook,
} from "../tests/support/notebook_file.ts";
import { rootPath } from "../tests/support/source_files.ts";

/**
 * Copies the series without outputs into a folder, which is created if it is not there. A notebook that is
 * there already stays as it is. Says what it did.
 */
export async function copyBlank(folder: string): Promise<string> {
  await Deno.mkdir(folder, { recursive: true });
  const toClone = relative(await Deno.realPath(folder), await Deno.realPath(rootPath));
  const kept: string[] = [], names = notebookNames().map((name) => `${name}.ipynb`);
  for (const name of names) {
    const notebook = await readNotebook(`${notebooksPath}/${name}`);
    const text = notebookText(blankNotebook(notebook, toClone));
    try {
      await Deno.writeTextFile(`${folder}/${name}`, text, { createNew: true });
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
      kept.push(name);
    }
  }
  const wrote = `wrote ${
    howMany(names.length - kept.length, "notebook")
  } without outputs to ${folder}`;
  return kept.length === 0 ? wrote : `${wrote}; kept as they are: ${kept.join(", ")}`;
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
