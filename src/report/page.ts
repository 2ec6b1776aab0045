/**
 * A report as one HTML file that needs no network: the first screen, the contents, a section for
 * each experiment, the page's script, and its styles on screens and on paper.
 *
 * @module
 */

import { contentPolicy } from "../figures/html.ts";
import type { DataTable, Figure } from "../figures/figure.ts";
import {
  type DrawFormula,
  escapeHtml,
  isGood,
  markHtml,
  pictureSource,
  symbolsHtml,
  tableHtml,
  verdictHtml,
} from "../figures/html.ts";
import type { Picture } from "../figures/pictures.ts";
import { loaderScripts } from "../figures/loader.ts";
import { downloadHtml, plotHtml, plotScript, tableCsv, withSymbols } from "../figures/show.ts";
import { plotSvg } from "../figures/still.ts";
import {
  beyondHtml,
  claimsHtml,
  claimsOf,
  headlinesHtml,
  headlinesOf,
  openHtml,
} from "./claims.ts";
import {
  claimId,
  countVerdicts,
  isDone,
  type JudgedClaim,
  type PendingSection,
  type Report,
  type Section,
} from "./report.ts";

// The page.

/**
 * Renders a report. Its plots are pictures that become live with the page's own plotly. Without `draw`,
 * formulas are shown as TeX. Its policy lets only the page's own scripts run, and no request be made.
 */
export async function renderPage(report: Report, draw?: DrawFormula): Promise<string> {
  return await new PageRenderer(draw).render(report);
}

/** Renders a report again and again while it grows: a section is drawn once. */
export class PageRenderer {
  readonly #draw?: DrawFormula;
  readonly #drawn = new Map<unknown, Promise<string>>();
  readonly #scripts = loaderScripts();

  /** Takes the same function as {@link renderPage}. */
  constructor(draw?: DrawFormula) {
    this.#draw = draw;
  }

  /** The page; the sections that it has in common with an earlier one must be the same objects. */
  async render(report: Report): Promise<string> {
    const { title, sections } = report, parts: string[] = [];
    for (const section of sections) parts.push(await this.#html(section, sections.length === 1));
    const figures = sections.filter(isDone).flatMap(({ figures }) => figures);
    const scripts = [...await this.#scripts, pageScript];
    const policy = await contentPolicy([...scripts, ...figures.map(withSymbols).map(plotScript)]);
    return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title><style>${style}</style></head><body>
${contentsHtml(report)}
<main${report.isGrowing ? " data-growing" : ""}>
${frontHtml(report)}
${parts.join("\n")}
${backHtml(report)}
</main>
<script>${pageScript}</script>
<script>${scripts[0]}</script>
</body></html>
`;
  }

  #html(section: Report["sections"][number], isOpen: boolean): Promise<string> {
    const html = this.#drawn.get(section) ?? sectionHtml(section, isOpen, this.#draw);
    this.#drawn.set(section, html);
    return html;
  }
}

// The first screen and the contents.

/** The first screen: the message, what matters most, and the claims with their verdicts. */
function frontHtml(report: Report): string {
  const { title, message, notice } = report;
  const isTold = message !== undefined;
  return `<header><h1>${escapeHtml(title)}</h1>
${notice === undefined ? "" : `<p class="notice">${escapeHtml(notice)}</p>`}
${
    isTold ? `<p class="message">${escapeHtml(message)}</p>` : `${aboutHtml(report)}
${factsHtml(report)}`
  }</header>
${symbolsHtml(headlinesHtml(report))}
${symbolsHtml(claimsHtml(report))}
${symbolsHtml(openHtml(report))}
${isTold ? foldHtml("about", "What LoRA is, and how this was checked", aboutHtml(report)) : ""}`;
}

/** The end: what the paper does not claim, words, and how the report was made. */
function backHtml(report: Report): string {
  return `${symbolsHtml(beyondHtml(report))}${wordsHtml(report)}
${report.message === undefined ? "" : foldHtml("made", "How this was made", factsHtml(report))}
${citationHtml(report)}`;
}

const foldHtml = (id: string, summary: string, content: string): string =>
  `<details class="fold" id="${id}"><summary>${escapeHtml(summary)}</summary>
${content}</details>`;

/** Subject of the report. */
function aboutHtml({ lead, picture }: Report): string {
  return `${lead === undefined ? "" : `<p class="lead">${escapeHtml(lead)}</p>`}
${picture === undefined ? "" : drawingHtml(picture)}`;
}

/** The facts of the run, and files to save. */
function factsHtml(report: Report): string {
  const terms = report.facts.map(([name, value]) =>
    `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd></div>`
  );
  return `<dl class="facts">${terms.join("")}${savedHtml(report)}</dl>`;
}

function drawingHtml({ svg, alt }: Picture): string {
  return `<img class="drawing" alt="${escapeHtml(alt)}" src="${pictureSource(svg)}">`;
}

/** Links to all parts; nothing where there is one. */
function contentsHtml(report: Report): string {
  const [ours, beyond] = claimsOf(report);
  const links = [
    ...(headlinesOf(report).length > 0 ? [contentsLink("headlines", "What matters most")] : []),
    ...(ours.length > 0 ? [contentsLink("claims", "Claims of the paper")] : []),
    ...(ours.some(([, { verdict }]) => !isGood(verdict))
      ? [contentsLink("open", "Failed, or undecided")]
      : []),
    ...(report.message === undefined ? [] : [contentsLink("about", "What LoRA is")]),
    ...report.sections.map((section) => contentsLink(section.id, section.title, stateOf(section))),
    ...(beyond.length > 0 ? [contentsLink("beyond", "Beyond the paper")] : []),
    ...(report.verdicts ? [contentsLink("words", "What the words mean")] : []),
    ...(report.message === undefined ? [] : [contentsLink("made", "How this was made")]),
    ...(report.citation ? [contentsLink("cite", "How to cite")] : []),
  ];
  if (links.length === 1) return "";
  return `<details class="contents"><summary>Contents</summary><nav aria-label="Contents"><ul>
${links.join("\n")}</ul></nav></details>`;
}

function contentsLink(id: string, title: string, state = ""): string {
  return `<li><a href="#${escapeHtml(id)}">${escapeHtml(title)}</a>${state}</li>`;
}

/** The verdicts of its claims as marks, or the reason that it has no results. */
function stateOf(section: Section | PendingSection): string {
  if (!isDone(section)) return ` <span class="state">${escapeHtml(section.state)}</span>`;
  const counts = countVerdicts(section.findings).map((count) => markHtml(...count));
  return counts.length === 0 ? "" : ` <span class="marks">${counts.join("")}</span>`;
}

function wordsHtml({ verdicts, terms = [] }: Report): string {
  if (verdicts === undefined) return "";
  const items = [
    ...verdicts.map(([word, meaning]) => [verdictHtml(word), meaning]),
    ...terms.map(([word, meaning]) => [escapeHtml(word), meaning]),
  ];
  const list = items.map(([word, meaning]) => `<dt>${word}</dt><dd>${escapeHtml(meaning)}</dd>`);
  return symbolsHtml(
    foldHtml("words", "What the words mean", `<dl class="words">${list.join("\n")}</dl>`),
  );
}

/** Links that save files, and the way to the citation. */
function savedHtml({ downloads = [], citation }: Report): string {
  const links = [
    ...downloads.map((download) => downloadHtml(download)),
    ...(citation ? [`<a href="#cite">how to cite</a>`] : []),
  ];
  return links.length === 0 ? "" : `<div><dt>save</dt><dd>${links.join(" · ")}</dd></div>`;
}

/** The citation of the report. */
function citationHtml({ citation }: Report): string {
  if (citation === undefined) return "";
  const content = `<pre>${escapeHtml(citation.text)}</pre><p class="save">${
    downloadHtml(citation)
  }</p>`;
  return foldHtml("cite", "How to cite", content);
}

// Sections.

/** Tables stay open until they have this many rows together: a screen. */
const mostOpenRows = 20;

/** The section as HTML; one without results is a line that says why. */
async function sectionHtml(
  section: Section | PendingSection,
  isOpen: boolean,
  draw?: DrawFormula,
): Promise<string> {
  const id = escapeHtml(section.id), heading = `<h2>${escapeHtml(section.title)}</h2>`;
  const question = escapeHtml(section.question);
  if (!isDone(section)) {
    const state = `<span class="state">${escapeHtml(section.state)}</span>`;
    return `<section class="pending" id="${id}">${heading}${state}<p>${question}</p></section>`;
  }
  const { findings, source, settings } = section;
  const [first = "", ...others] = await Promise.all(section.figures.map(figureHtml));
  const [ours, beyond] = [false, true].map((is) =>
    findings.flatMap((finding, n) =>
      (finding.beyond ?? false) === is ? findingHtml(finding, claimId(section.id, n)) : []
    )
  );
  return `<details class="section" id="${id}"${isOpen ? " open" : ""}><summary>${
    symbolsHtml(heading)
  }${chips(findings)}</summary>
<p>${symbolsHtml(question)} <span class="source">${escapeHtml(source)}</span></p>
${first}
${symbolsHtml(ours.join("\n"))}
${others.join("\n")}
${symbolsHtml(beyondIn(id, beyond, ours.length === 0))}
<p class="settings">${symbolsHtml(escapeHtml(settings))}</p>
${tablesHtml(section.tables, draw)}
</details>`;
}

/** The findings that the paper does not claim: folded behind its own. */
function beyondIn(id: string, findings: readonly string[], isAlone: boolean): string {
  if (isAlone) return findings.join("\n");
  if (findings.length === 0) return "";
  return foldHtml(`${id}-beyond`, `Beyond the paper: ${findings.length}`, findings.join("\n"));
}

function chips(findings: readonly JudgedClaim[]): string {
  const counts = countVerdicts(findings).map(([verdict, count]) => verdictHtml(verdict, count));
  return `<span class="chips">${counts.join(" ")}</span>`;
}

function findingHtml(finding: JudgedClaim, id: string): string {
  const { claim, rule, found, verdict, printed, ours, quote, note, corrected } = finding;
  const pair = [["paper", printed], ["ours", ours]].flatMap(([name, text]) =>
    text === undefined ? [] : `<dt>${name}</dt><dd>${escapeHtml(text)}</dd>`
  );
  const rewritten = corrected === undefined ? "" : ` (corrected after a run: ${corrected})`;
  return `<div class="finding" id="${escapeHtml(id)}"><p><strong>${escapeHtml(claim)}</strong> ${
    verdictHtml(verdict)
  }</p>
${pair.length > 0 ? `<dl>${pair.join("")}</dl>` : ""}${found && `<p>${escapeHtml(found)}</p>`}
${quote === undefined ? "" : `<blockquote>${escapeHtml(quote)}</blockquote>`}
${note === undefined ? "" : `<p class="why">${escapeHtml(note)}</p>`}
<p class="rule">Rule${escapeHtml(rewritten)}: ${escapeHtml(rule)}</p></div>`;
}

/** The still picture is as high as the live plot, so that nothing moves when that replaces it. */
async function figureHtml(given: Figure): Promise<string> {
  const figure = withSymbols(given);
  const isWide = "xaxis2" in figure.layout; // panels side by side
  const id = escapeHtml(`figure-${figure.id}`);
  const link = `<a class="here" href="#${id}" title="The address of this figure">#</a>`;
  return `<figure id="${id}"${isWide ? ' class="wide"' : ""} style="--height: ${
    figure.layout.height ?? 420
  }px"><h3>${symbolsHtml(escapeHtml(figure.title))} ${link}</h3>${
    plotHtml(figure, await plotSvg(figure))
  }
<figcaption>${symbolsHtml(escapeHtml(figure.caption))}</figcaption></figure>`;
}

/** Folded are quoted tables, and those after the first screen. */
function tablesHtml(tables: readonly DataTable[], draw?: DrawFormula): string {
  let rows = 0;
  return tables.map(({ quoted, ...table }) => {
    const isOpen = quoted === undefined && (rows += table.rows.length) <= mostOpenRows;
    const save = `<p class="save">${downloadHtml(tableCsv(table), "CSV")}</p>`;
    const content = `<div class="data">${tableHtml(table, draw)}${save}</div>`;
    if (isOpen) return `<h3>${symbolsHtml(escapeHtml(table.title))}</h3>${content}`;
    const whose = quoted === undefined ? "" : ` (${escapeHtml(quoted)})`;
    const summary = `<summary>${symbolsHtml(escapeHtml(table.title))}${whose}</summary>`;
    const kind = quoted === undefined ? "fold" : "fold quoted";
    return `<details class="${kind}" id="${
      escapeHtml(`fold-${table.id}`)
    }">${summary}${content}</details>`;
  }).join("\n");
}

// The script.

/**
 * Runs in the page: a link opens the section that it leads to, printing opens all, the contents are open where
 * there is room beside the text and mark the part that is read, and a page that is still being written reloads itself, unless its reader
 * is doing something, with the same sections open and the same one at the same place. That is kept in the
 * history, as a file has no other memory.
 */
const pageScript = `{
const folds = [...document.querySelectorAll("main details")];
const contents = document.querySelector(".contents"), wide = matchMedia("(min-width: 1100px)");
const place = (hash) => document.getElementById(decodeURIComponent(hash.slice(1)));
const reveal = (target) => {
  for (let one = target; one; one = one.parentElement) if (one.localName === "details") one.open = true;
  target?.scrollIntoView();
};
const fit = () => contents?.toggleAttribute("open", wide.matches);
fit();
wide.addEventListener("change", fit);
const keep = (more) => {
  const open = folds.filter(({ open }) => open).map(({ id }) => id);
  history.replaceState({ open, ...more }, "");
};
const topOf = (element) => element.getBoundingClientRect().top;
const { open = [], at } = history.state ?? {}, same = at && document.getElementById(at.id);
for (const id of open) document.getElementById(id)?.setAttribute("open", "");
if (same) scrollBy(0, topOf(same) - at.top);
else if (!history.state) reveal(place(location.hash));
// A browser still scrolls back some time after the page has loaded.
setTimeout(() => history.scrollRestoration = "auto", 3000);
addEventListener("toggle", () => keep(), true);
addEventListener("hashchange", () => {
  reveal(place(location.hash));
  keep(); // this address is another entry of the history
});
addEventListener("click", ({ target }) => {
  const link = target.closest("a[href^='#']");
  if (!link) return;
  fit();
  reveal(place(link.hash));
});
const parts = [...contents?.querySelectorAll("a") ?? []].map((link) => [link, place(link.hash)]);
const mark = () => {
  const [now] = parts.findLast(([, part]) => topOf(part) < innerHeight / 3) ?? [];
  for (const [link] of parts) {
    if (link === now) link.ariaCurrent = "true";
    else link.removeAttribute("aria-current");
  }
};
mark();
addEventListener("scroll", mark, { passive: true });
addEventListener("toggle", mark, true);
let closed = [];
addEventListener("beforeprint", () => {
  closed = folds.filter(({ open }) => !open);
  for (const fold of closed) fold.open = true;
});
addEventListener("afterprint", () => {
  for (const fold of closed) fold.open = false;
});
let touched = performance.now();
for (const kind of ["keydown", "pointerdown", "pointermove", "scroll", "selectionchange", "touchmove"]) {
  addEventListener(kind, () => touched = performance.now(), { capture: true, passive: true });
}
if (document.querySelector("[data-growing]")) {
  setInterval(() => {
    const idle = performance.now() - touched, isReading = folds.some(({ open }) => open);
    if (document.hidden || getSelection().type === "Range" || idle < (isReading ? 20000 : 4000)) return;
    const above = [...document.querySelectorAll("main [id]")].findLast((one) => topOf(one) < 0);
    keep(above && { at: { id: above.id, top: topOf(above) } });
    if (above) history.scrollRestoration = "manual"; // what is above may have grown
    location.reload();
  }, 1000);
}
}`;

// Styles.

/** CSS for printing. */
const printStyle = `
@page { margin: 15mm 12mm; }
@media print {
  html { font-size: 9.5pt; } body { font-size: 1rem; } main { max-width: none; padding: 0; }
  .contents, .save, .notice, .section > summary::before { display: none; }
  details::details-content { content-visibility: visible; display: block; }
  .section { break-before: auto; } summary, h2, h3, caption, summary + p, .settings, .group { break-after: avoid; }
  pre { white-space: pre-wrap; } .finding, figure, tr, pre, .settings, .pending, .data:not(:has(tbody tr:nth-child(21))) { break-inside: avoid; }
  [data-steps] input { display: none; } [data-steps] select { appearance: none; border: 0; }
  [data-steps] label > * { min-width: 0 !important; } [data-steps] label > :first-child::after { content: ":"; }
  .plot img { height: auto; } .js-plotly-plot { zoom: .76; } .scroll { overflow: visible; border: 0; padding: 0; background: none; } table { font-size: 8pt; }
  th, td { padding: .1rem .3rem; } td:first-child:not(.short) { overflow-wrap: anywhere; }
  td:has(.detail):first-child { min-width: 0; } .claims td:last-child, .headlines td:first-child { width: auto; } .bars { min-width: 230px; }
  .quoted table { font-size: 6.5pt; } a { color: inherit; text-decoration: none; }
  .verdict, .tile { border: 1px solid currentColor; font-size: .95em; }
}`;

const colors = `
:root { color-scheme: light dark; --paper: #fff; --ink: #1f2430; --soft: #5b6270; --line: #e2e5ec; --rule: #9aa1b1; --shadow: #c9ced8;
  --shade: #f6f7f9; --link: #0b5ea8; --good: #d8f0e4; --good-ink: #0b5137; --near: #f6efb5; --near-ink: #55490a;
  --open: #fbe6cf; --open-ink: #70400a; --none: #eceef2; --none-ink: #4b5260; }
@media screen and (prefers-color-scheme: dark) {
  :root { --paper: #15181f; --ink: #e3e6ec; --soft: #a0a8b8; --line: #2f3541; --rule: #5d6575; --shadow: #454c5a;
    --shade: #1c2029; --link: #8cc2f5; --good: #123f2d; --good-ink: #a9e5c8; --near: #403809; --near-ink: #ecdf8f;
    --open: #4d2f0e; --open-ink: #f5cfa0; --none: #2b303b; --none-ink: #c0c6d2; }
}`;

const text = `
html { scroll-padding-top: .5rem; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 64rem; box-sizing: border-box; width: 100%; margin: 0 auto; padding: 1.5rem 1.25rem 5rem; overflow-wrap: break-word; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .6rem; }
h2 { font-size: 1.2rem; line-height: 1.3; margin: 0; }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; }
a { color: var(--link); text-decoration-thickness: 1px; text-underline-offset: .15em; }
p { margin: .6rem 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .4rem 0; font-size: .92rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }
.lead { max-width: 56rem; } .message { font-size: 1.1rem; line-height: 1.4; margin: 0 0 .8rem; max-width: 60rem; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
sub, sup { line-height: 0; font-size: .75em; }
.drawing { max-width: 100%; height: auto; }
.facts { display: flex; flex-wrap: wrap; gap: 0 1.25rem; font-size: .85rem; }
.facts dt, .facts dd { display: inline; } .facts dt::after { content: ": "; }
.source, .settings, .note, .rule, figcaption, .detail, .why { color: var(--soft); }
.settings, .note, .why { font-size: .92rem; } .rule, figcaption { font-size: .88rem; } .detail { font-size: .88em; margin: .1rem 0 0; }
.notice { padding: .5rem .75rem; border-radius: .4rem; background: var(--shade); border-left: 3px solid var(--link); }
.state { color: var(--soft); font-size: .85rem; white-space: nowrap; }
.verdict { display: inline-block; padding: 0 .5rem; border-radius: .8rem; font-size: .82rem; white-space: nowrap; }
.good { background: var(--good); color: var(--good-ink); } .near { background: var(--near); color: var(--near-ink); }
.open { background: var(--open); color: var(--open-ink); } .none { background: var(--none); color: var(--none-ink); }
.counts a:has(.verdict) { text-decoration: none; color: inherit; white-space: nowrap; } .counts a:not(:has(.verdict)) { font-size: .85rem; margin-left: .4rem; }
pre { overflow-x: auto; padding: .75rem; background: var(--shade); border-radius: .4rem; font-size: .82rem; }
section { margin: 1.25rem 0; }`;

// On a narrow screen, shadows at the sides of a wide plot say that there is more. They are below the plot,
// whose paper is white: multiplied with it, they show through.
const folds = `
summary { cursor: pointer; }
.section { border-top: 1px solid var(--line); margin: 0; }
.section > summary { padding: .7rem 0; display: flex; flex-wrap: wrap; gap: .1rem .75rem; align-items: baseline; list-style: none; }
.section > summary::before { content: "▸"; color: var(--soft); width: .8rem; margin-right: -.35rem; }
.section[open] > summary::before { content: "▾"; }
.section[open] { padding-bottom: 2rem; } .section > summary::-webkit-details-marker { display: none; }
.pending { border-top: 1px solid var(--line); margin: 0; padding: .7rem 0 .7rem 1.2rem; color: var(--soft); }
.pending h2 { display: inline; margin-right: .75rem; } .pending p { margin: .2rem 0 0; font-size: .92rem; }
.fold { margin: .75rem 0; } .fold > summary { color: var(--link); }
.quoted { color: var(--soft); font-size: .92rem; } .quoted table { font-style: italic; font-size: .85rem; }
.finding { border-left: 3px solid var(--line); padding: .1rem 0 .1rem 1rem; margin: 1.25rem 0; }
.finding p { margin: .3rem 0; }
blockquote { margin: .4rem 0; padding-left: .75rem; border-left: 2px solid var(--rule); font-style: italic; color: var(--soft); }
figure { margin: 1.5rem 0; max-width: 56rem; } figcaption { margin-top: .4rem; }
.here { color: var(--soft); font-weight: normal; text-decoration: none; } @media print { .here { display: none; } }
.plot { width: 100%; background: #fff; border-radius: .4rem; overflow: hidden; } .plot img { height: var(--height); object-fit: contain; }
[data-hint] { display: none; }
.finding:target { border-left-color: var(--link); }
@media screen and (max-width: 36rem) {
  .wide > div { overflow-x: auto; isolation: isolate; color-scheme: light; color: #1f2430; border-radius: .4rem; background:
    linear-gradient(to right, #fff 40%, transparent) left / 2.5rem 100% local no-repeat,
    linear-gradient(to left, #fff 40%, transparent) right / 2.5rem 100% local no-repeat,
    linear-gradient(to right, #aab1bf, transparent) left / .8rem 100% no-repeat,
    linear-gradient(to left, #aab1bf, transparent) right / .8rem 100% no-repeat, #fff; }
  .wide .plot { width: 46rem; mix-blend-mode: multiply; }
  .wide [data-steps] { position: sticky; left: 16px; }
  .wide figcaption::before { content: "Scroll sideways for the rest. "; font-weight: 600; }
  [data-steps] label > * { min-width: 3rem !important; } }`;

const tables = `
table { border-collapse: collapse; font-size: .9rem; width: 100%; }
.data caption { display: none; }
th, td { text-align: left; padding: .25rem .5rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th { border-bottom-color: var(--rule); font-weight: 600; vertical-align: bottom; }
.number { text-align: right; font-variant-numeric: tabular-nums; } td.number, td.short { white-space: nowrap; }
td:has(.detail):first-child { min-width: 13rem; }
.data { margin: .25rem 0 1.5rem; } .fold .data { margin: .5rem 0 1.25rem; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: .4rem; padding: .5rem .25rem;
  background: linear-gradient(to right, var(--paper) 40%, transparent) left / 2.5rem 100% local no-repeat,
    linear-gradient(to left, var(--paper) 40%, transparent) right / 2.5rem 100% local no-repeat,
    linear-gradient(to right, var(--shadow), transparent) left / .6rem 100% no-repeat,
    linear-gradient(to left, var(--shadow), transparent) right / .6rem 100% no-repeat; }
.scroll tbody tr:last-child td { border-bottom: 0; }
.save { margin: .25rem 0 0; font-size: .85rem; text-align: right; }
.claims td { overflow-wrap: anywhere; } .claims td:first-child { width: 42%; } .claims td:last-child { width: 28%; }
.claims .group th { padding-top: .9rem; font-weight: normal; } .claims .detail { font-size: .85rem; }
.claims a { color: inherit; text-decoration-color: var(--line); }
.headlines td { vertical-align: middle; padding: .2rem .5rem; } .headlines td:first-child { width: 14rem; } .headlines td:last-child { width: 10rem; }
.bars { display: block; min-width: 286px; } .bars text { font-size: 11px; fill: currentColor; }
.tiles { grid-template-columns: max-content 1fr; gap: .25rem 1rem; align-items: center; margin: .5rem 0; }
.tiles dd { display: flex; flex-wrap: wrap; gap: .2rem; }
.tile { display: inline-grid; place-items: center; width: 1.55rem; height: 1.35rem; border-radius: .25rem; font-size: .8rem; font-weight: 600; text-decoration: none; }
.tile:hover, .tile:focus-visible { outline: 2px solid var(--link); }
#open ul { margin: .2rem 0; padding-left: 1.1rem; font-size: .92rem; } #open li { margin: .25rem 0; } #open h3 { margin: .8rem 0 .1rem; }
.words { grid-template-columns: minmax(6rem, max-content) 1fr; gap: .4rem 1rem; }
@media (max-width: 36rem) {
  .claims thead { display: none; } .claims tr { display: block; padding: .5rem 0; border-bottom: 1px solid var(--line); }
  .headlines td:first-child { padding-top: .2rem; }
  .claims td { display: block; border: 0; padding: .05rem 0; width: auto !important; }
  .claims tr:not(.group) a { font-weight: 600; } .claims .group th { display: block; border: 0; padding: .3rem 0; }
  .claims td[data-head=printed]::before, .claims td[data-head=ours]::before { content: attr(data-head) ": "; color: var(--soft); }
  .words { display: block; } .words dd { margin-bottom: .6rem; }
  td:has(.detail):first-child { min-width: 8rem; }
  .scroll table { font-size: .8rem; } .scroll th, .scroll td { padding: .2rem .35rem; }
}`;

const contents = `
.contents { padding: .75rem 1.25rem; font-size: .9rem; border-bottom: 1px solid var(--line); }
.contents ul { list-style: none; margin: .5rem 0; padding: 0; } .contents li { margin: .3rem 0; line-height: 1.3; }
.contents .state::before { content: "· "; } .contents [aria-current] { font-weight: 600; color: var(--ink); }
.marks { white-space: nowrap; font-size: .72rem; } .mark { padding: 0 .3rem; border-radius: .5rem; margin-right: .2rem; } .contents a { color: inherit; text-decoration: none; } .contents a:hover { text-decoration: underline; }
@media screen and (min-width: 1100px) {
  body:has(.contents) { display: grid; grid-template-columns: 16rem minmax(0, 1fr); }
  .contents { position: sticky; top: 0; align-self: start; max-height: 100vh; overflow-y: auto; scrollbar-width: thin; mask-image: linear-gradient(#000 calc(100% - 2.5rem), transparent); box-sizing: border-box;
    border: 0; padding: 1.5rem .5rem 2.5rem 1.25rem; color: var(--soft); }
  .contents summary { list-style: none; pointer-events: none; font-weight: 600; }
}`;

/** CSS of a page. */
const style: string = [colors, text, folds, tables, contents, printStyle].join("");
