/** The first screen of a report, and the contents at its side. @module */

import { downloadHtml } from "./download.ts";
import { pictureSource } from "./picture.ts";
import type { Picture } from "./pictures/picture.ts";
import { escapeHtml, isGood, isJudged, markHtml, verdictHtml } from "./html.ts";
import {
  claimId,
  countVerdicts,
  isDone,
  type JudgedClaim,
  type Meaning,
  type PendingSection,
  type Report,
  type Section,
} from "./report.ts";

/** A claim, and its anchor. */
type Placed = readonly [id: string, finding: JudgedClaim];

/** What a reader sees first: what it is, how it was made, and the claims with their verdicts. */
export function frontHtml(report: Report): string {
  const { title, lead, picture, notice, facts } = report;
  const terms = facts.map(([name, value]) =>
    `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd></div>`
  );
  return `<header><h1>${escapeHtml(title)}</h1>
${notice === undefined ? "" : `<p class="notice">${escapeHtml(notice)}</p>`}
${lead === undefined ? "" : `<p class="lead">${escapeHtml(lead)}</p>`}
${picture === undefined ? "" : drawingHtml(picture)}
<dl class="facts">${terms.join("")}${savedHtml(report)}</dl></header>
${claimsHtml(report)}${beyondHtml(report)}${wordsHtml(report)}`;
}

function drawingHtml({ svg, alt }: Picture): string {
  return `<img class="drawing" alt="${escapeHtml(alt)}" src="${pictureSource(svg)}">`;
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

/** What its claims came out as, or why it has no results. */
function stateOf(section: Section | PendingSection): string {
  if (!isDone(section)) return ` <span class="state">${escapeHtml(section.state)}</span>`;
  const counts = countVerdicts(section.findings).map((count) => markHtml(...count));
  return counts.length === 0 ? "" : ` <span class="marks">${counts.join("")}</span>`;
}

/** The paper's claims, and those beyond it. */
function claimsOf({ sections }: Report): [ours: Placed[], beyond: Placed[]] {
  const all = sections.filter(isDone).flatMap((section) =>
    section.findings.map((finding, n): Placed => [claimId(section.id, n), finding])
  );
  return [all.filter(([, { beyond }]) => !beyond), all.filter(([, { beyond }]) => beyond)];
}

function claimsHtml(report: Report): string {
  const [all] = claimsOf(report);
  if (all.length === 0) return "";
  return `<section id="claims"><h2>Claims of the paper</h2>
${countedHtml("claims", all, report.verdicts)}</section>`;
}

function beyondHtml(report: Report): string {
  const [, beyond] = claimsOf(report);
  if (beyond.length === 0) return "";
  return `<section id="beyond"><h2>Beyond the paper</h2>
<p class="note">What the paper does not claim, and what it leads one to ask; not counted above.</p>
${countedHtml("beyond", beyond, report.verdicts)}</section>`;
}

/** The number of claims of each verdict, and the claims by verdict: failed ones first, those not judged last. */
function countedHtml(id: string, claims: readonly Placed[], verdicts?: readonly Meaning[]): string {
  const counts = countVerdicts(claims.map(([, finding]) => finding), verdicts);
  const places = new Map(counts.map(([verdict], i) => [verdict, `${id}-${i + 1}`]));
  const links = counts.map(([verdict, count]) =>
    `<a href="#${places.get(verdict)}">${verdictHtml(verdict, count)}</a>`
  );
  const words = verdicts ? ` <a href="#words">what these words mean</a>` : "";
  const isPrinted = claims.some(([, { printed }]) => printed !== undefined);
  const heads = ["claim", ...(isPrinted ? ["printed"] : []), "ours"];
  const placeOf = (verdict: string) => isGood(verdict) ? 1 : isJudged(verdict) ? 0 : 2;
  const groups = counts.toSorted(([a], [b]) => placeOf(a) - placeOf(b))
    .map(([verdict, count]) => {
      const rows = claims.filter(([, finding]) => finding.verdict === verdict)
        .map((claim) => claimRow(claim, isPrinted));
      return `<tbody id="${places.get(verdict)}"><tr class="group"><th colspan="${heads.length}">${
        verdictHtml(verdict, count)
      }</th></tr>
${rows.join("\n")}</tbody>`;
    });
  const head = heads.map((text) => `<th>${text}</th>`).join("");
  return `<p class="counts">${links.join(" ")}${words}</p>
<table class="claims"><thead><tr>${head}</tr></thead>${groups.join("")}</table>`;
}

/** On a narrow screen, each cell stands under the other, with its heading. */
function claimRow([id, finding]: Placed, isPrinted: boolean): string {
  const { claim, printed = "–", ours = "see there", note } = finding;
  const why = note === undefined ? "" : `<p class="detail">${escapeHtml(note)}</p>`;
  const cells = isPrinted ? [["printed", printed], ["ours", ours]] : [["ours", ours]];
  return `<tr><td><a href="#${escapeHtml(id)}">${escapeHtml(claim)}</a>${why}</td>${
    cells.map(([head, text]) => `<td data-head="${head}">${escapeHtml(text)}</td>`).join("")
  }</tr>`;
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
