/** Counts of a notebook's contents. @module */

import { codeCells, type Notebook } from "./notebook_file.ts";

/** Counts of a notebook that was run. */
export interface NotebookContents {
  cells: number;
  checks: number;
  predictions: number;
  /** Sliders that hold all their steps. */
  pageSliders: number;
  /** Sliders that ask the kernel. */
  kernelSliders: number;
}

/** Counts checks in the sources, and questions and sliders in the outputs. */
export function contentsOf(notebook: Notebook): NotebookContents {
  const cells = codeCells(notebook);
  const html = cells.flatMap(({ outputs }) => outputs).map((output) =>
    "data" in output ? `${output.data["text/html"] ?? ""}` : ""
  ).join("\n");
  const count = (text: string, pattern: RegExp) => text.match(pattern)?.length ?? 0;
  return {
    cells: cells.length,
    checks: count(cells.map(({ source }) => source).join("\n"), /\bawait check\(/g),
    predictions: count(html, /<fieldset data-question=/g),
    pageSliders: count(html, /<div data-steps/g),
    kernelSliders: count(html, /<div data-slider=/g),
  };
}
