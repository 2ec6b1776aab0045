/** HTML from data, with everything escaped. @module */

import type { DataTable, Figure } from "./figure.ts";
import { formatValue } from "./format.ts";

/** A text with the five characters that HTML gives meaning to replaced. */
export function escapeHtml(text: string): string {
  const entities: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replace(/[&<>"']/g, (character) => entities[character]);
}

/** A table; columns of numbers to the right. */
export function tableHtml({ id, title, columns, rows }: DataTable): string {
  const side = columns.map(({ unit }) => unit === "text" ? "" : ' class="number"');
  const head = columns.map(({ label }, i) => `<th${side[i]}>${escapeHtml(label)}</th>`).join("");
  const body = rows.map((row) =>
    `<tr>${
      columns.map(({ key, unit }, i) =>
        `<td${side[i]}>${escapeHtml(formatValue(row[key], unit))}</td>`
      ).join("")
    }</tr>`
  ).join("\n");
  return `<div class="scroll"><table id="${escapeHtml(id)}"><caption>${escapeHtml(title)}</caption>
<thead><tr>${head}</tr></thead><tbody>
${body}
</tbody></table></div>`;
}

/** A place for a figure, which {@link figureScript} fills. */
export function figureHtml({ id, title, caption }: Figure): string {
  const name = escapeHtml(id);
  return `<figure><h3>${escapeHtml(title)}</h3><div id="figure-${name}" class="plot"></div>
<figcaption>${escapeHtml(caption)}</figcaption></figure>`;
}

/** The script that draws figures with the page's own plotly. */
export function figureScript(figures: readonly Figure[]): string {
  const specifications = figures.map(({ id, data, layout }) => ({ id, data, layout }));
  return `for (const { id, data, layout } of ${embedJson(specifications)}) {
  Plotly.newPlot("figure-" + id, data, layout, { displayModeBar: false, responsive: true });
}`;
}

/** JSON that may stand inside a script element. */
function embedJson(value: unknown): string {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}
