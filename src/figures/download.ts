/** Files that a page holds itself, to be saved without a network or a server. @module */

import type { DataTable } from "./figure.ts";
import { escapeHtml } from "./html.ts";

/** A text that a page offers as a file. */
export interface Download {
  /** Name of the file. */
  readonly name: string;
  /** Its media type: `text/csv`. */
  readonly type: string;
  /** Its content. */
  readonly text: string;
}

/** A link that saves the file. */
export function downloadHtml({ name, type, text }: Download, label = name): string {
  const content = new TextEncoder().encode(text).toBase64();
  return `<a class="download" download="${escapeHtml(name)}" ` +
    `href="data:${type};charset=utf-8;base64,${content}">${escapeHtml(label)}</a>`;
}

/** A table as CSV (RFC 4180): its headings, then numbers with all digits; small print has columns of its own. */
export function tableCsv({ id, columns, rows }: DataTable): Download {
  const all = columns.flatMap(({ key, label, detail }) => [
    { key, label },
    ...(detail === undefined ? [] : [{ key: detail, label: `${label}: detail` }]),
  ]);
  const lines = [
    all.map(({ label }) => label),
    ...rows.map((row) => all.map(({ key }) => row[key])),
  ];
  const text = lines.map((line) => line.map(csvCell).join(",") + "\r\n").join("");
  return { name: `${id}.csv`, type: "text/csv", text };
}

function csvCell(value: string | number | undefined): string {
  const isFormula = /^[=+\-@\t\r\n]/.test(String(value)) && Number.isNaN(Number(value));
  const text = (isFormula ? "'" : "") + (value ?? ""); // A spreadsheet takes what follows for text.
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
