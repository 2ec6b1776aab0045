/** Tables for notebooks. @module */

import type { MimeBundle } from "./show.ts";
import type { DataTable } from "./figure.ts";
import { formulaPictures } from "./formula.ts";
import { tableHtml } from "./html.ts";
import { plainTable } from "./table.ts";

/** A table as `text/html` with inline styles, and as `text/plain` with aligned columns. */
export async function tableBundle(table: DataTable): Promise<MimeBundle> {
  const math = table.columns.some(({ unit }) => unit === "math");
  const html = tableHtml(table, math ? await formulaPictures() : undefined);
  return { "text/html": inlineStyles(html), "text/plain": plainTable(table) };
}

const chip = "display:inline-block;padding:0 .5em;border-radius:1em;white-space:nowrap;";
const cell = "padding:.3em .7em;vertical-align:top;border-bottom:1px solid rgba(128,128,128,.3);";

const nowrap = "white-space:nowrap", left = "text-align:left;";

/** Inline styles for a report's classes; except for verdicts, colors are the page's own, light or dark. */
const styles: Readonly<Record<string, string>> = {
  scroll: "overflow-x:auto;margin:.5em 0;container-type:inline-size",
  quoted: "opacity:.85",
  number: `text-align:right;font-variant-numeric:tabular-nums;${nowrap}`,
  short: nowrap,
  detail: "margin:.1em 0 0;opacity:.75;font-size:.9em",
  "verdict good": `${chip}background:#d8f0e4;color:#0b5137`,
  "verdict near": `${chip}background:#f6efb5;color:#55490a`,
  "verdict open": `${chip}background:#fbe6cf;color:#70400a`,
  "verdict none": `${chip}background:#eceef2;color:#4b5260`,
};

const elements: Readonly<Record<string, string>> = {
  table: "border-collapse:collapse;margin:0;font-size:14px",
  // On one line over a narrow table, but no wider than the place of the table.
  caption: "text-align:left;font-weight:600;padding:0 .7em .4em;box-sizing:border-box;" +
    "width:max-content;max-width:min(48em,100cqi)",
  th: `${cell}${left}font-weight:600;`,
  td: `${cell}${left}`,
  tr: "background:none",
};

/** Replaces classes by inline styles, as front ends drop style sheets; data contains no tags or quotes. */
function inlineStyles(html: string): string {
  return html.replace(/<(\w+)([^>]*)>/g, (_, name: string, attributes: string) => {
    const kind = /class="([^"]*)"/.exec(attributes)?.[1];
    const own = kind === undefined ? "" : styles[kind] ?? "";
    // Numbers and short texts must stay on one line; their headings may wrap.
    const base = elements[name] ?? "";
    const style = (own.includes("text-align") ? base.replace(left, "") : base) +
      (name === "th" ? own.replace(nowrap, "") : own);
    const others = attributes.replace(/ class="[^"]*"/, "");
    return style === "" ? `<${name}${others}>` : `<${name}${others} style="${style}">`;
  });
}
