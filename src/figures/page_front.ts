/** The first screen of a report, and the contents at its side. @module */

import { howMany } from "../core/how_many.ts";
import { downloadHtml } from "./download.ts";
import { escapeHtml, verdictHtml } from "./html.ts";
import {
  countVerdicts,
  isDone,
  type JudgedClaim,
  type Meaning,
  type PendingSection,
  type Report,
  type Section,
} from "./report.ts";

/** A claim, and the section that it is in. */
type Placed = readonly [section: Section, finding: JudgedClaim];

/** What a reader sees first: what it is, how it was made, and the claims with their verdicts. */
export function frontHtml(report: Report): string {
  const { title, lead, notice, facts } = report;
  const terms = facts.map(([name, value]) =>
    `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd></div>`
  );
  return `<header><h1>${escapeHtml(title)}</h1>
${notice === undefined ? "" : `<p class="notice">${escapeHtml(notice)}</p>`}
${lead === undefined ? "" : `<p class="lead">${escapeHtml(lead)}</p>`}
<dl class="facts">${terms.join("")}${savedHtml(report)}</dl></header>
${claimsHtml(report)}${beyondHtml(report)}${wordsHtml(report)}`;
}

/** Links to all parts; nothing where there is one. */
export function contentsHtml(report: Report): string {
  const [ours, beyond] = claimsOf(report);
  const links = [
    ...(ours.length > 0 ? [contentsLink("claims", "Claims of the paper")] : []),
    ...(beyond.length > 0 ? [contentsLink("beyond", "Beyond the paper")] : []),
    ...(report.verdicts ? [contentsLink("words", "What the words mean")] : []),
    ...report.sections.map((section) => contentsLink(section.id, section.title, stateOf(section))),
    ...(report.citation ? [contentsLink("cite", "How to cite")] : []),
  ];
  if (links.length === 1) return "";
  return `<details class="contents"><summary>Contents</summary><nav aria-label="Contents"><ul>
${links.join("\n")}</ul></nav></details>`;
}

function contentsLink(id: string, title: string, state = ""): string {
  return `<li><a href="#${escapeHtml(id)}">${escapeHtml(title)}</a>${state}</li>`;
}

const stateOf = (section: Section | PendingSection): string =>
  isDone(section) ? "" : ` <span class="state">${escapeHtml(section.state)}</span>`;

/** The paper's claims, and those beyond it. */
function claimsOf({ sections }: Report): [ours: Placed[], beyond: Placed[]] {
  const all = sections.filter(isDone).flatMap((section) =>
    section.findings.map((finding): Placed => [section, finding])
  );
  return [all.filter(([, { beyond }]) => !beyond), all.filter(([, { beyond }]) => beyond)];
}

function claimsHtml(report: Report): string {
  const [all] = claimsOf(report), shown = all.filter(([, { ours }]) => ours !== undefined);
  if (all.length === 0) return "";
  const rest = all.length - shown.length;
  const more = rest === 0
    ? ""
    : `<p class="note">${howMany(rest, "more claim")} of the paper, with longer answers, ${
      rest === 1 ? "is" : "are"
    } in the sections.</p>`;
  return `<section id="claims"><h2>Claims of the paper</h2>
${countsHtml(all, report.verdicts)}${claimTable(shown, true)}${more}</section>`;
}

function beyondHtml(report: Report): string {
  const [, beyond] = claimsOf(report);
  if (beyond.length === 0) return "";
  return `<section id="beyond"><h2>Beyond the paper</h2>
<p class="note">What the paper does not claim, and what it leads one to ask; not counted above.</p>
${countsHtml(beyond, report.verdicts)}${claimTable(beyond, false)}</section>`;
}

/** How many claims have each verdict, and the way to what the verdicts mean. */
function countsHtml(claims: readonly Placed[], verdicts?: readonly Meaning[]): string {
  const counts = countVerdicts(claims.map(([, finding]) => finding), verdicts)
    .map(([verdict, count]) => verdictHtml(verdict, count));
  const link = verdicts ? ` <a href="#words">what these words mean</a>` : "";
  return `<p class="counts">${counts.join(" ")}${link}</p>`;
}

/** A row for each claim; on a narrow screen each cell stands under the other, with its heading. */
function claimTable(claims: readonly Placed[], isPrinted: boolean): string {
  const heads = ["claim", ...(isPrinted ? ["printed"] : []), "ours", "verdict"];
  const rows = claims.map(([{ id }, { claim, printed = "–", ours = "–", verdict }]) => {
    const link = `<a href="#${escapeHtml(id)}">${escapeHtml(claim)}</a>`;
    const texts = (isPrinted ? [printed, ours] : [ours]).map(escapeHtml);
    const cells = [link, ...texts, verdictHtml(verdict)];
    return `<tr>${
      cells.map((cell, i) => `<td data-head="${heads[i]}">${cell}</td>`).join("")
    }</tr>`;
  });
  const head = heads.map((text) => `<th>${text}</th>`).join("");
  return `<table class="claims"><thead><tr>${head}</tr></thead><tbody>
${rows.join("\n")}</tbody></table>`;
}

function wordsHtml({ verdicts, terms = [] }: Report): string {
  if (verdicts === undefined) return "";
  const items = [
    ...verdicts.map(([word, meaning]) => [verdictHtml(word), meaning]),
    ...terms.map(([word, meaning]) => [escapeHtml(word), meaning]),
  ];
  const list = items.map(([word, meaning]) => `<dt>${word}</dt><dd>${escapeHtml(meaning)}</dd>`);
  return `<details class="fold" id="words"><summary>What the words mean</summary>
<dl class="words">${list.join("\n")}</dl></details>`;
}

/** Links that save files, and the way to the citation. */
function savedHtml({ downloads = [], citation }: Report): string {
  const links = [
    ...downloads.map((download) => downloadHtml(download)),
    ...(citation ? [`<a href="#cite">how to cite</a>`] : []),
  ];
  return links.length === 0 ? "" : `<div><dt>save</dt><dd>${links.join(" · ")}</dd></div>`;
}

/** How to cite the report. */
export function citationHtml({ citation }: Report): string {
  if (citation === undefined) return "";
  return `<details class="fold" id="cite"><summary>How to cite</summary>
<pre>${escapeHtml(citation.text)}</pre><p class="save">${downloadHtml(citation)}</p></details>`;
}
