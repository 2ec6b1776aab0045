/** An experiment in a report: a heading that unfolds to its claims, figures and tables. @module */

import { downloadHtml, tableCsv } from "./download.ts";
import type { DataTable, Figure } from "./figure.ts";
import { plotHtml } from "./figure_card.ts";
import { type DrawFormula, escapeHtml, tableHtml, verdictHtml } from "./html.ts";
import {
  claimId,
  countVerdicts,
  isDone,
  type JudgedClaim,
  type PendingSection,
  type Section,
} from "./report.ts";
import { plotSvg } from "./static_svg.ts";

/** Tables stay open until they have this many rows together: a screen. */
const mostOpenRows = 20;

/** The section as HTML; one without results is a line that says why. */
export async function sectionHtml(
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
  const figures = await Promise.all(section.figures.map(figureHtml));
  const [ours, beyond] = [false, true].map((is) =>
    findings.flatMap((finding, n) =>
      (finding.beyond ?? false) === is ? findingHtml(finding, claimId(section.id, n)) : []
    ).join("\n")
  );
  return `<details class="section" id="${id}"${isOpen ? " open" : ""}><summary>${heading}${
    chips(findings)
  }</summary>
<p>${question} <span class="source">${escapeHtml(source)}</span></p>
<p class="settings">${escapeHtml(settings)}</p>
${ours}${beyond && `<h3>Beyond the paper</h3>${beyond}`}
${figures.join("\n")}
${tablesHtml(section.tables, draw)}
</details>`;
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
async function figureHtml(figure: Figure): Promise<string> {
  const isWide = "xaxis2" in figure.layout; // panels side by side
  return `<figure${isWide ? ' class="wide"' : ""} style="--height: ${
    figure.layout.height ?? 420
  }px"><h3>${escapeHtml(figure.title)}</h3>${plotHtml(figure, await plotSvg(figure))}
<figcaption>${escapeHtml(figure.caption)}</figcaption></figure>`;
}

/** Folded are quoted tables, and those after the first screen. */
function tablesHtml(tables: readonly DataTable[], draw?: DrawFormula): string {
  let rows = 0;
  return tables.map(({ quoted, ...table }) => {
    const isOpen = quoted === undefined && (rows += table.rows.length) <= mostOpenRows;
    const save = `<p class="save">${downloadHtml(tableCsv(table), "CSV")}</p>`;
    const content = `<div class="data">${tableHtml(table, draw)}${save}</div>`;
    if (isOpen) return `<h3>${escapeHtml(table.title)}</h3>${content}`;
    const whose = quoted === undefined ? "" : ` (${escapeHtml(quoted)})`;
    const summary = `<summary>${escapeHtml(table.title)}${whose}</summary>`;
    const kind = quoted === undefined ? "fold" : "fold quoted";
    return `<details class="${kind}" id="${
      escapeHtml(`fold-${table.id}`)
    }">${summary}${content}</details>`;
  }).join("\n");
}
