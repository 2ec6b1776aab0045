/** HTML, JSON for scripts, image URLs and content policies, with everything escaped. @module */

import { sha256 } from "../storage/digest.ts";
import type { DataTable, TableColumn, Unit } from "./figure.ts";
import { formatValue, isText } from "./format.ts";

/** The five characters that have a meaning in HTML, escaped. */
const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

const characters = Object.fromEntries(Object.entries(entities).map(([one, other]) => [other, one]));

/** Escapes the five characters that have a meaning in HTML. */
export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => entities[character]);

/** The text that {@link escapeHtml} escaped. */
export const unescapeHtml = (html: string): string =>
  html.replace(/&(?:amp|lt|gt|quot|#39);/g, (entity) => characters[entity]);

/** Turns a formula in TeX into markup. */
export type DrawFormula = (tex: string) => string;

/** A table: numbers are right-aligned; a table of quoted numbers is folded and set apart. */
export function tableHtml(table: DataTable, draw: DrawFormula = texAsText): string {
  const id = escapeHtml(table.id), title = symbolsHtml(escapeHtml(table.title));
  const body = symbolsHtml(tableBody(table, draw));
  const scroll = (caption: string) =>
    `<div class="scroll"><table id="${id}">${caption}${body}</table></div>`;
  if (table.quoted === undefined) return scroll(`<caption>${title}</caption>`);
  const summary = `<summary>${title} (${escapeHtml(table.quoted)})</summary>`;
  return `<details class="quoted">${summary}${scroll("")}</details>`;
}

/** A letter with its index, such as `W_q`, `A_r=8`, `N_UV`, `l_p`, `L_drop` or that in `UᵀW_qV`, but no name such as `n_embd`. */
const indexed =
  /(?<![\w.])(ΔW|[A-Zlnrt])_((?:drop|[a-z0-9]{1,3})(?:=\d+)?(?=[A-Z]?(?!\w))|[A-Z]{1,2}(?!\w))/g;

/** A power, such as `S^½` or `e^−3`. */
const power = /(?<=[\p{L}\d])\^([−-]?(?:½|\w+))/gu;

/** A text, without tags, that has indices below and exponents above the line. */
export const symbolsText = (text: string): string =>
  text.replaceAll(indexed, "<i>$1</i><sub>$2</sub>").replaceAll(power, "<sup>$1</sup>");

/** HTML whose texts have indices below and exponents above the line; code and attributes are as they were. */
export const symbolsHtml = (html: string): string =>
  html.replaceAll(
    /<(code|pre)\b.*?<\/\1>|(?<=^|>)[^<]+/gs,
    (text, code?: string) => code === undefined ? symbolsText(text) : text,
  );

const texAsText: DrawFormula = (tex) => `<code>${escapeHtml(tex)}</code>`;

function tableBody({ columns: all, rows }: DataTable, draw: DrawFormula): string {
  const columns = all.filter(({ unit }) => unit !== "data");
  const side = columns.map((column) => columnClass(column, rows));
  const head = columns.map(({ label }, i) => `<th${side[i]}>${escapeHtml(label)}</th>`).join("");
  const heads = columns.some(({ group }) => group) ? `${groupHead(columns)}</tr><tr>${head}` : head;
  const body = rows.map((row) =>
    `<tr>${
      columns.map((column, i) => `<td${side[i]}>${cellHtml(row, column, draw)}</td>`).join("")
    }</tr>`
  ).join("\n");
  return `
<thead><tr>${heads}</tr></thead><tbody>
${body}
</tbody>`;
}

/** Most characters of a text that stays on one line, such as `q, layer 1`. */
const mostShort = 12;

/** Numbers, and columns of short texts, which do not wrap. */
function columnClass({ key, unit, detail }: TableColumn, rows: DataTable["rows"]): string {
  if (!isText(unit)) return ' class="number"';
  const isShort = unit === "text" && detail === undefined &&
    rows.every((row) => formatValue(row[key], unit).length <= mostShort);
  return isShort ? ' class="short"' : "";
}

/** A heading over each run of columns with one group. */
function groupHead(columns: readonly TableColumn[]): string {
  const starts = columns.flatMap(({ group }, i) =>
    group === columns[i - 1]?.group && i > 0 ? [] : i
  );
  return starts.map((start, i) => {
    const span = (starts[i + 1] ?? columns.length) - start;
    return `<th colspan="${span}">${escapeHtml(columns[start].group ?? "")}</th>`;
  }).join("");
}

function cellHtml(
  row: DataTable["rows"][number],
  { key, unit, detail }: TableColumn,
  draw: DrawFormula,
): string {
  const value = valueHtml(row[key], unit, draw);
  const below = detail === undefined ? undefined : row[detail];
  return below === undefined ? value : `${value}<p class="detail">${escapeHtml(String(below))}</p>`;
}

function valueHtml(value: string | number | undefined, unit: Unit, draw: DrawFormula): string {
  if (typeof value === "string" && unit === "verdict") return verdictHtml(value);
  if (typeof value === "string" && unit === "math") return draw(value);
  return escapeHtml(formatValue(value, unit));
}

/** The style of each verdict; any other is `open`. */
const kinds: Readonly<Record<string, string>> = {
  "reproduced": "good",
  "holds": "good",
  "equal when rounded": "good",
  "equal when truncated": "near",
  "not reproduced at this scale": "near",
  "quoted": "none",
};

const marks: Readonly<Record<string, string>> = { good: "✓", near: "≈", open: "✗", none: "–" };

/** True for a verdict that counts: claims that were not judged stand beside those that were. */
export const isJudged = (verdict: string): boolean => !verdict.startsWith("not judged");

const kindOf = (verdict: string): string => kinds[verdict] ?? (isJudged(verdict) ? "open" : "none");

/** True for a verdict by which a claim holds as it was made. */
export const isGood = (verdict: string): boolean => kindOf(verdict) === "good";

/** A verdict in its color, with how many have it. */
export function verdictHtml(verdict: string, count?: number): string {
  const many = count === undefined ? "" : `: ${count}`;
  return `<span class="verdict ${kindOf(verdict)}">${escapeHtml(verdict)}${many}</span>`;
}

/** The style of a verdict, and its sign. */
export function markOf(verdict: string): [kind: string, sign: string] {
  const kind = kindOf(verdict);
  return [kind, marks[kind]];
}

/** A verdict's count as a mark, which shows the verdict's name when it is pointed at. */
export function markHtml(verdict: string, count: number): string {
  const kind = kindOf(verdict), name = escapeHtml(`${verdict}: ${count}`);
  return `<span class="mark ${kind}" role="img" aria-label="${name}" title="${name}">${
    marks[kind]
  }${count}</span>`;
}

/**
 * JSON with six significant digits, which is more than a picture shows; typed arrays become lists.
 */
export function compactJson(value: unknown): string {
  return JSON.stringify(value, (_, inner) => {
    if (ArrayBuffer.isView(inner) && !(inner instanceof DataView)) {
      return Array.from(inner as unknown as ArrayLike<number>);
    }
    const rounds = typeof inner === "number" && Number.isFinite(inner) && !Number.isInteger(inner);
    return rounds ? Number(inner.toPrecision(6)) : inner;
  });
}

/** JSON that may stand inside a script element. */
export function scriptJson(value: unknown): string {
  return compactJson(value).replaceAll("<", "\\u003c");
}

/** A drawing as the URL of an image element, which front ends show even in untrusted notebooks. */
export function pictureSource(svg: string): string {
  return `data:image/svg+xml;base64,${new TextEncoder().encode(svg).toBase64()}`;
}

/** Permissions that a page's own scripts need besides. */
interface PageNeeds {
  /** Further sources of `script-src`: `'strict-dynamic'` for scripts that these scripts add. */
  readonly script?: readonly string[];
  /** Source of what they fetch. Default: nothing. */
  readonly connect?: string;
  /** Source of the workers that they start. Default: none. */
  readonly worker?: string;
}

/**
 * The Content-Security-Policy of a page that runs exactly these scripts, the text of each inline script
 * element. Pictures are part of the page and nothing is fetched or sent; a script or an event handler
 * that some text brought in despite the escaping does not run. Styles are inline, as plotly's are.
 */
export async function contentPolicy(
  scripts: readonly string[],
  { script = [], connect, worker }: PageNeeds = {},
): Promise<string> {
  const hashes = await Promise.all(Array.from(new Set(scripts), hashOf));
  return [
    "default-src 'none'",
    `script-src ${[...hashes, ...script].join(" ")}`,
    ...connect ? [`connect-src ${connect}`] : [],
    ...worker ? [`worker-src ${worker}`] : [],
    "style-src 'unsafe-inline'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
}

async function hashOf(script: string): Promise<string> {
  const digest = Uint8Array.fromHex(await sha256(new TextEncoder().encode(script)));
  return `'sha256-${digest.toBase64()}'`;
}
