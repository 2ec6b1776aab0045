/**
 * The form in which a notebook is committed: what differs from run to run, from machine to machine
 * or from one front end to the other is taken out, so that a new run gives a small diff.
 *
 * @module
 */

import type { Bundle, Output } from "./notebook_outputs.ts";
import type { Cell, Notebook } from "./notebook_file.ts";

/** Says to a front end which kernel to take, and to tools that the cells are TypeScript. */
const metadata: Bundle = {
  kernelspec: { display_name: "Deno", language: "typescript", name: "deno" },
  language_info: {
    codemirror_mode: "typescript",
    file_extension: ".ts",
    mimetype: "text/x.typescript",
    name: "typescript",
    nbconvert_exporter: "script",
    pygments_lexer: "typescript",
  },
};

/** The notebook in the form in which it is committed. */
export function normalNotebook({ cells }: Notebook): Notebook {
  return { cells: cells.map(normalCell), metadata, nbformat: 4, nbformat_minor: 5 };
}

function normalCell({ outputs, ...cell }: Cell, index: number): Cell {
  const { tags, jupyter } = cell.metadata ?? {};
  return {
    ...cell,
    id: cell.id ?? `c${String(index).padStart(2, "0")}`,
    metadata: { ...(jupyter ? { jupyter } : {}), ...(tags ? { tags } : {}) },
    ...(outputs && { outputs: outputs.map(normalOutput) }),
  };
}

function normalOutput(output: Output): Output {
  if (!("data" in output)) return output;
  const entries = Object.entries(output.data).map(([mime, value]) => [
    mime,
    typeof value === "string" ? normalText(value) : value,
  ]);
  return { ...output, data: Object.fromEntries(entries) };
}

/** The script that brings the plotting library: 630 kB that each run shows again. */
const loader = /<script>globalThis\.lowrankFigures \?\?[\s\S]*?<\/script>/g;
/** The address of a slider's server: a port and a token, new in each run. */
const server = /http:\/\/127\.0\.0\.1:\d+\/[\w-]*/g;

const normalText = (text: string): string =>
  text.replace(loader, "").replace(server, "http://127.0.0.1:0/");
