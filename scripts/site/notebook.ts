/**
 * Notebooks as pages to read. Every code cell is `<section class="cell" data-cell="5" id="cell-5">`, named by its
 * place among the notebook's cells, with its source in `pre.source code` and its stored output in `div.output`.
 *
 * @module
 */

import { type DrawFormula, escapeHtml, pictureSource } from "../../src/figures/html.ts";
import { filesUnder } from "../support/source_files.ts";
import { renderWithFormulas } from "./formulas.ts";
import { highlighted } from "./highlight.ts";
import type { Guide } from "./markdown.ts";

interface Cell {
  readonly cell_type: string;
  readonly source: Text;
  readonly metadata?: {
    readonly jupyter?: { readonly source_hidden?: boolean; readonly outputs_hidden?: boolean };
  };
  /** Pictures of its text by name, each by its type. */
  readonly attachments?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly outputs?: readonly Output[];
}

interface Output {
  readonly data?: Readonly<Record<string, Text>>;
  readonly text?: Text;
}

/** Text as notebooks have it: whole, or in lines. */
type Text = string | readonly string[];

const textOf = (text: Text): string => typeof text === "string" ? text : text.join("");

/** Notebooks whose cells run in their page, by the scripts of `run/`. */
export const running: ReadonlySet<string> = new Set(
  [
    "00_tour",
    "01_one_low_rank_matrix",
    "02_counting",
    "03_memory",
    "06_which_matrices_which_rank",
    "07_what_did_it_learn",
  ].map((name) => `notebooks/${name}.ipynb`),
);

/** The script by which figures of all notebooks are live, and their sliders move. */
export const figuresPath = "figures.js";

/** Renders a notebook of the repository for its place in the site. */
export function renderNotebook(path: string, json: string, draw: DrawFormula): Guide {
  const { cells } = JSON.parse(json) as { readonly cells: readonly Cell[] };
  const isRunning = running.has(path);
  const parts = cells.map((cell, at): Guide =>
    cell.cell_type === "markdown"
      ? renderWithFormulas(path, attached(cell), draw)
      : { title: "", html: cellHtml(cell, at, isRunning), targets: [] }
  );
  const [{ title, html }, ...others] = parts;
  const rest = others.map((part) => part.html).join("\n");
  const figures = rest.includes("data-figure=")
    ? `<script defer src="../${figuresPath}"></script>`
    : "";
  return {
    title,
    html: [html, wayHtml(isRunning), rest, figures].join("\n"),
    targets: parts.flatMap(({ targets }) => targets),
  };
}

/** A page that is opened as a file runs no script of another file, and keeps the sentence. */
const served =
  `<p class="run-way"><em>To run these cells here, open the page from a web server: this one ` +
  `is a file. To run them in Jupyter: <code>npx -y deno task lab</code>.</em></p>\n` +
  `<script>if (location.protocol !== "file:") import("../run/page.js");</script>`;

/** The way to run the notebook: the script of its page, or a command. */
function wayHtml(isRunning: boolean): string {
  if (isRunning) return served;
  return "<p><em>A notebook to read, with the outputs it was committed with. To run it: " +
    "<code>npx -y deno task lab</code>.</em></p>";
}

// Code cells.

function cellHtml(cell: Cell, at: number, isRunning: boolean): string {
  const { source_hidden, outputs_hidden } = cell.metadata?.jupyter ?? {};
  const source = `<pre class="source"><code>${highlighted(textOf(cell.source), "ts")}</code></pre>`;
  const outputs = (cell.outputs ?? []).map((output) => outputHtml(output, at, isRunning));
  const output = `<div class="output">${outputs.join("\n")}</div>`;
  return `<section class="cell" data-cell="${at}" id="cell-${at}">
${source_hidden ? folded("Code", source) : source}
${outputs_hidden && outputs.length > 0 ? folded("Output", output) : output}
</section>`;
}

const folded = (summary: string, html: string): string =>
  `<details class="fold"><summary>${summary}</summary>${html}</details>`;

/** HTML, else a picture, else text. */
function outputHtml({ data = {}, text }: Output, at: number, isRunning: boolean): string {
  const svg = data["image/svg+xml"], html = data["text/html"];
  if (html !== undefined) {
    return `<div class="wide">${withoutKernel(textOf(html), at, isRunning)}</div>`;
  }
  if (svg !== undefined) return `<p><img src="${pictureSource(textOf(svg))}" alt="figure"></p>`;
  return `<pre>${escapeHtml(textOf(data["text/plain"] ?? text ?? ""))}</pre>`;
}

const playground = `<a href="../playground/index.html">the playground</a>`;

/** A slider of the kernel as it was saved, with the way to one that moves in the place of its script. */
function withoutKernel(html: string, at: number, isRunning: boolean): string {
  if (!html.includes("<div data-slider=")) return html;
  const way = isRunning
    ? `To move this slider, <a href="#cell-${at}">run this cell</a>, or see ${playground}.`
    : `This slider needs a kernel; those of ${playground} move.`;
  return html
    .replace(/<div data-slider="[^"]*">/, `<div class="asleep">`)
    .replace(/(<div role="status"[^>]*>)[^<]*/, (_, status) => status + way)
    .replace(/<script>\{ const stepper = [\s\S]*?<\/script>/, "");
}

// Text.

/** The text of a cell with its pictures in place of their names; one of the guides is there for dark pages too. */
function attached({ source, attachments = {} }: Cell): string {
  return Object.entries(attachments).reduce((text, [name, types]) => {
    const [[type, data]] = Object.entries(types),
      drawn = `docs/images/${name.replace(/png$/, "svg")}`;
    if (filesUnder("docs/images").includes(drawn)) {
      return text.replaceAll(`(attachment:${name})`, () => `(../${drawn})`);
    }
    return text.replaceAll(`(attachment:${name})`, () => `(data:${type};base64,${data})`);
  }, textOf(source));
}
