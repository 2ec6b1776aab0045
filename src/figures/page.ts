/** A report as one HTML file that needs no network. @module */

import { contentPolicy } from "./content_policy.ts";
import type { DataTable, Figure } from "./figure.ts";
import { loaderScripts, plotHtml, plotScript } from "./figure_card.ts";
import { type DrawFormula, escapeHtml, tableHtml, verdictHtml } from "./html.ts";
import { plotSvg } from "./static_svg.ts";
import { style } from "./style.ts";

/** A claim that has been judged: what was claimed, the rule, what was found, and the verdict, as texts. */
export type JudgedClaim = Readonly<Record<"claim" | "rule" | "found" | "verdict", string>>;

/** One experiment in a report. */
export interface Section {
  /** Unique in the report; also the anchor. */
  readonly id: string;
  /** Heading. */
  readonly title: string;
  /** Its question. */
  readonly question: string;
  /** The place in the paper. */
  readonly source: string;
  /** What was run. */
  readonly settings: string;
  /** Its claims. */
  readonly findings: readonly JudgedClaim[];
  /** Its tables. */
  readonly tables: readonly DataTable[];
  /** Its figures. */
  readonly figures: readonly Figure[];
}

/** The content of a page. */
export interface Report {
  /** Heading. */
  readonly title: string;
  /** How it was made: device, seeds, time. */
  readonly facts: readonly (readonly [name: string, value: string])[];
  /** Its sections. */
  readonly sections: readonly Section[];
}

/**
 * Renders a report. Its plots are pictures that become live with the page's own plotly. Without `draw`,
 * formulas are shown as TeX. Its policy lets only the page's own scripts run, and no request be made.
 */
export async function renderPage(
  { title, facts, sections }: Report,
  draw?: DrawFormula,
): Promise<string> {
  const parts: string[] = [];
  for (const section of sections) parts.push(await sectionHtml(section, draw));
  const terms = facts.map(([name, value]) =>
    `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd>`
  );
  const figures = sections.flatMap(({ figures }) => figures), scripts = await loaderScripts();
  const policy = await contentPolicy([...scripts, ...figures.map(plotScript)]);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title><style>${style}</style></head><body><main>
<h1>${escapeHtml(title)}</h1>
<dl>${terms.join("")}</dl>
${summary(sections)}
${parts.join("\n")}
</main>
<script>${scripts[0]}</script>
</body></html>
`;
}

function summary(sections: readonly Section[]): string {
  const parts = sections.filter(({ findings }) => findings.length > 0).map(summaryPart);
  return `<nav class="summary">${parts.join("\n")}</nav>`;
}

function summaryPart({ id, title, findings }: Section): string {
  const items = findings.map(({ claim, verdict }) =>
    `<li>${verdictHtml(verdict)} <span>${escapeHtml(claim)}</span></li>`
  );
  return `<a href="#${escapeHtml(id)}">${escapeHtml(title)}</a>\n<ul>${items.join("\n")}</ul>`;
}

async function sectionHtml(section: Section, draw?: DrawFormula): Promise<string> {
  const figures = await Promise.all(section.figures.map(figureHtml));
  return `<section id="${escapeHtml(section.id)}"><h2>${escapeHtml(section.title)}</h2>
<p>${escapeHtml(section.question)} <span class="source">${escapeHtml(section.source)}</span></p>
<p class="settings">${escapeHtml(section.settings)}</p>
${section.findings.map(findingHtml).join("\n")}
${figures.join("\n")}
${section.tables.map((table) => tableHtml(table, draw)).join("\n")}
</section>`;
}

async function figureHtml(figure: Figure): Promise<string> {
  return `<figure><h3>${escapeHtml(figure.title)}</h3>${plotHtml(figure, await plotSvg(figure))}
<figcaption>${escapeHtml(figure.caption)}</figcaption></figure>`;
}

function findingHtml({ claim, rule, found, verdict }: JudgedClaim): string {
  return `<div class="finding"><p><strong>${escapeHtml(claim)}</strong> ${verdictHtml(verdict)}</p>
<p>${escapeHtml(found)}</p><p class="rule">Rule, written before the run: ${
    escapeHtml(rule)
  }</p></div>`;
}
