/** Notebooks as pages to read: text, code, and the outputs that they are committed with. @module */

import { type DrawFormula, escapeHtml, pictureSource } from "../../src/figures/html.ts";
import { type Guide, renderGuide } from "./markdown.ts";

interface Cell {
  readonly cell_type: string;
  readonly source: Text;
  /** Pictures of its text by name, each by its type. */
  readonly attachments?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly outputs?: readonly {
    readonly data?: Readonly<Record<string, Text>>;
    readonly text?: Text;
  }[];
}

/** Text as notebooks have it: whole, or in lines. */
type Text = string | readonly string[];

const textOf = (text: Text): string => typeof text === "string" ? text : text.join("");

/** Renders a notebook of the repository for its place in the site. */
export function renderNotebook(path: string, json: string, draw: DrawFormula): Guide {
  const { cells } = JSON.parse(json) as { readonly cells: readonly Cell[] };
  const parts = cells.map((cell): Guide => {
    if (cell.cell_type === "markdown") return withFormulas(path, attached(cell), draw);
    const code = `<pre><code>${escapeHtml(textOf(cell.source))}</code></pre>`;
    const outputs = (cell.outputs ?? []).map(outputOf);
    return { title: "", html: [code, ...outputs].join("\n"), targets: [] };
  });
  const way = "<p><em>A notebook to read, with the outputs it was committed with. To run it: " +
    "<code>npx -y deno task lab</code>.</em></p>";
  const [{ title, html }, ...others] = parts;
  return {
    title,
    html: [html, way, ...others.map((part) => part.html)].join("\n"),
    targets: parts.flatMap(({ targets }) => targets),
  };
}

/** The text of a cell with its pictures in place of their names. */
function attached({ source, attachments = {} }: Cell): string {
  return Object.entries(attachments).reduce((text, [name, types]) => {
    const [[type, data]] = Object.entries(types);
    return text.replaceAll(`(attachment:${name})`, () => `(data:${type};base64,${data})`);
  }, textOf(source));
}

/** Markdown whose formulas are pictures: they are taken out before Markdown reads their signs. */
function withFormulas(path: string, text: string, draw: DrawFormula): Guide {
  const pictures: string[] = [];
  const marked = text.replace(/\$\$([^$]+)\$\$|\$([^$\n]+)\$/g, (_, block, inline) => {
    const picture = draw(block ?? inline);
    pictures.push(block === undefined ? picture : `<span class="formula">${picture}</span>`);
    return `FORMULA${pictures.length - 1}END`;
  });
  const guide = renderGuide(path, marked);
  const html = guide.html.replace(/FORMULA(\d+)END/g, (_, at) => pictures[at]);
  return { ...guide, html, title: guide.title.replace(/FORMULA\d+END/g, "") };
}

/** A picture of a figure, else HTML, else text. */
function outputOf({ data = {}, text }: NonNullable<Cell["outputs"]>[number]): string {
  const svg = data["image/svg+xml"], html = data["text/html"];
  if (svg !== undefined) return `<p><img src="${pictureSource(textOf(svg))}" alt="figure"></p>`;
  if (html !== undefined) return `<div class="wide">${textOf(html)}</div>`;
  return `<pre class="output">${escapeHtml(textOf(data["text/plain"] ?? text ?? ""))}</pre>`;
}
