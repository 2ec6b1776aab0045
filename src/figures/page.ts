/** A report as one HTML file that needs no network. @module */

import { contentPolicy } from "./content_policy.ts";
import { loaderScripts, plotScript } from "./figure_card.ts";
import { type DrawFormula, escapeHtml } from "./html.ts";
import { citationHtml, contentsHtml, frontHtml } from "./page_front.ts";
import { isDone, type Report } from "./report.ts";
import { pageScript } from "./page_script.ts";
import { sectionHtml } from "./page_section.ts";
import { style } from "./style.ts";

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

  /** As {@link renderPage}. */
  constructor(draw?: DrawFormula) {
    this.#draw = draw;
  }

  /** The page; the sections that it has in common with an earlier one must be the same objects. */
  async render(report: Report): Promise<string> {
    const { title, sections } = report, parts: string[] = [];
    for (const section of sections) parts.push(await this.#html(section, sections.length === 1));
    const figures = sections.filter(isDone).flatMap(({ figures }) => figures);
    const scripts = [...await this.#scripts, pageScript];
    const policy = await contentPolicy([...scripts, ...figures.map(plotScript)]);
    return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title><style>${style}</style></head><body>
${contentsHtml(report)}
<main${report.isGrowing ? " data-growing" : ""}>
${frontHtml(report)}
${parts.join("\n")}
${citationHtml(report)}
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
