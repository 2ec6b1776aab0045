/** Notebooks for tests, made from the sources of their cells. @module */

import type { Notebook } from "../../scripts/support/notebook_file.ts";

/** A notebook of code cells `c0`, `c1`, … */
export function makeNotebook(...sources: readonly string[]): Notebook {
  const cells = sources.map((source, index) => ({
    cell_type: "code" as const,
    id: `c${index}`,
    metadata: {},
    source,
    execution_count: null,
    outputs: [],
  }));
  return { cells, metadata: {}, nbformat: 4, nbformat_minor: 5 };
}
