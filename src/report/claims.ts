/**
 * The claims of a report as HTML: the rows of what matters most with their small charts, all claims as tiles by
 * topic, those that failed or stay open, and the tables beside what the paper prints.
 *
 * @module
 */

import { colorsOf } from "../figures/figure.ts";
import { escapeHtml, isGood, isJudged, markOf, verdictHtml } from "../figures/html.ts";
import {
  type Bar,
  claimId,
  countVerdicts,
  isDone,
  type JudgedClaim,
  type Meaning,
  type Report,
} from "./report.ts";

/** A claim, and its anchor. */
type Placed = readonly [id: string, finding: JudgedClaim];

/** The paper's claims, and those beyond it. */
export function claimsOf({ sections }: Report): [ours: Placed[], beyond: Placed[]] {
  const all = sections.filter(isDone).flatMap((section) =>
    section.findings.map((finding, n): Placed => [claimId(section.id, n), finding])
  );
  return [all.filter(([, { beyond }]) => !beyond), all.filter(([, { beyond }]) => beyond)];
}

const linkTo = ([id, { claim }]: Placed, text = claim): string =>
  `<a href="#${escapeHtml(id)}">${escapeHtml(text)}</a>`;

// What matters most.

/** Claims by their row, in the order of the table. */
export function headlinesOf(report: Report): readonly (readonly Placed[])[] {
  const rows = Map.groupBy(
    claimsOf(report)[0].filter(([, { headline }]) => headline),
    ([, { headline }]) => headline!.place,
  );
  return [...rows].toSorted(([a], [b]) => a - b).map(([, claims]) => claims);
}

/** The table of what matters most; nothing where no claim has a row in it. */
export function headlinesHtml(report: Report): string {
  const rows = headlinesOf(report).map(headlineRow);
  if (rows.length === 0) return "";
  const head = ["the paper says", "measured", "ours", "verdict"]
    .map((text) => `<th>${text}</th>`).join("");
  return `<section id="headlines"><h2 class="unseen">What matters most</h2>
<table class="claims headlines"><thead><tr>${head}</tr></thead><tbody>${
    rows.join("\n")
  }</tbody></table></section>`;
}

function headlineRow(claims: readonly Placed[]): string {
  const findings = claims.map(([, finding]) => finding), [{ headline }] = findings;
  const ours = findings.flatMap(({ ours }) => ours ?? []).join("; ");
  const charts = findings.map(({ headline }) => barsSvg(headline!.bars ?? [])).join("");
  const verdicts = [...new Set(findings.map(({ verdict }) => verdict))];
  const weakly = findings.some(isWeak) ? ` <span class="detail">weakly</span>` : "";
  return `<tr><td>${linkTo(claims[0], headline!.row)}</td><td>${charts}</td><td data-head="ours">${
    escapeHtml(ours)
  }</td><td>${verdicts.map((verdict) => verdictHtml(verdict)).join(" ")}${weakly}</td></tr>`;
}

/** True if a claim holds, and its note begins by saying that this means little. */
export const isWeak = ({ verdict, note = "" }: JudgedClaim): boolean =>
  isGood(verdict) && note.startsWith("Weak");

/** Sizes of the small chart: labels, bars and their values, in pixels. */
const chart = { labels: 96, bars: 84, values: 106, line: 15 };

/** Bars with their names and values, in the colors of their names. */
function barsSvg(bars: readonly Bar[]): string {
  if (bars.length === 0) return "";
  const { labels, line } = chart, width = labels + chart.bars + chart.values;
  const most = Math.max(...bars.map(({ value }) => value)) || 1;
  const colors = colorsOf(bars.map(({ label }) => label));
  const rows = bars.map(({ label, value, text, color }, i) => {
    const length = Math.max(1, chart.bars * value / most), y = i * line;
    return `<text x="${labels - 6}" y="${y + 11}" text-anchor="end">${escapeHtml(label)}</text>` +
      `<rect x="${labels}" y="${y + 2}" width="${length.toFixed(1)}" height="${line - 4}" fill="${
        escapeHtml(color ?? colors[i])
      }"/><text x="${(labels + length + 5).toFixed(1)}" y="${y + 11}">${escapeHtml(text)}</text>`;
  });
  const says = bars.map(({ label, text }) => `${label}: ${text}`).join("; ");
  const height = bars.length * line;
  return `<svg class="bars" role="img" aria-label="${
    escapeHtml(says)
  }" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">${rows.join("")}</svg>`;
}

// All claims.

/** All claims of the paper: counts, tiles, and the table beside what the paper prints. */
export function claimsHtml(report: Report): string {
  const [all] = claimsOf(report);
  if (all.length === 0) return "";
  const [counts, table] = countedHtml("claims", all, report.verdicts);
  return `<section id="claims"><h2>Claims of the paper</h2>
${tilesHtml(all, report.topics)}
${counts}
<details class="fold" id="printed"><summary>All of them, beside what the paper prints</summary>
${table}</details></section>`;
}

/** One tile for each claim, by topic; claims of no known topic come last. */
function tilesHtml(claims: readonly Placed[], topics: readonly Meaning[] = []): string {
  const known = new Set(topics.map(([topic]) => topic));
  const rows = [
    ...topics.map(([topic, name]) =>
      [name, claims.filter(([, finding]) => finding.topic === topic)] as const
    ),
    ["other", claims.filter(([, { topic = "" }]) => !known.has(topic))] as const,
  ].filter(([, own]) => own.length > 0);
  const list = rows.map(([name, own]) =>
    `<dt>${escapeHtml(name)}</dt><dd>${own.map(tileHtml).join("")}</dd>`
  );
  return `<dl class="tiles">${list.join("\n")}</dl>`;
}

function tileHtml([id, { claim, verdict, power }]: Placed): string {
  const [kind, sign] = markOf(verdict), says = escapeHtml(`${verdict}: ${claim}`);
  return `<a class="tile ${kind}" href="#${escapeHtml(id)}" title="${says}" aria-label="${says}">${
    power === undefined ? sign : "?"
  }</a>`;
}

/** The claims that the paper does not make, folded. */
export function beyondHtml(report: Report): string {
  const [, beyond] = claimsOf(report);
  if (beyond.length === 0) return "";
  return `<details class="fold" id="beyond"><summary>Beyond the paper: ${beyond.length} claims that it does not make</summary>
<p class="note">What the paper leads one to ask; not counted above.</p>
${countedHtml("beyond", beyond, report.verdicts).join("\n")}</details>`;
}

/** The number of claims of each verdict, and the claims by verdict: those that hold first, those not judged last. */
function countedHtml(
  id: string,
  claims: readonly Placed[],
  verdicts?: readonly Meaning[],
): [counts: string, table: string] {
  const counts = countVerdicts(claims.map(([, finding]) => finding), verdicts);
  const places = new Map(counts.map(([verdict], i) => [verdict, `${id}-${i + 1}`]));
  const links = counts.map(([verdict, count]) =>
    `<a href="#${places.get(verdict)}">${markOf(verdict)[1]} ${verdictHtml(verdict, count)}</a>`
  );
  const few = claims.filter(([, { power }]) => power !== undefined).length;
  if (few > 0) {
    links.push(`<span class="note">? ${few} of them would be decided by more seeds</span>`);
  }
  const words = verdicts ? ` <a href="#words">what these words mean</a>` : "";
  const isPrinted = claims.some(([, { printed }]) => printed !== undefined);
  const heads = ["claim", ...(isPrinted ? ["printed"] : []), "ours"];
  const placeOf = (verdict: string) => isGood(verdict) ? 0 : isJudged(verdict) ? 1 : 2;
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
  return [
    `<p class="counts">${links.join(" ")}${words}</p>`,
    `<table class="claims"><thead><tr>${head}</tr></thead>${groups.join("")}</table>`,
  ];
}

/** On a narrow screen, each cell stands under the other, with its heading. */
function claimRow(placed: Placed, isPrinted: boolean): string {
  const { printed = "–", ours = "see there", note } = placed[1];
  const why = note === undefined ? "" : `<p class="detail">${escapeHtml(note)}</p>`;
  const cells = isPrinted ? [["printed", printed], ["ours", ours]] : [["ours", ours]];
  return `<tr><td>${linkTo(placed)}${why}</td>${
    cells.map(([head, text]) => `<td data-head="${head}">${escapeHtml(text)}</td>`).join("")
  }</tr>`;
}

// What failed, and what stays open.

/** The paper's claims that failed, and those that could not be decided, by cause. */
export function openHtml(report: Report): string {
  const claims = claimsOf(report)[0].filter(([, { verdict }]) => !isGood(verdict));
  if (claims.length === 0) return "";
  const { causes = [] } = report, known = new Set(causes.map(([cause]) => cause));
  const ofCause = (is: (cause: string) => boolean) =>
    claims.filter(([, { cause }]) => cause !== undefined && is(cause));
  const groups = [
    ["Fails, or differs", claims.filter(([, { cause }]) => cause === undefined)] as const,
    ...causes.map(([cause, name]) => [name, ofCause((one) => one === cause)] as const),
    ["Undecided", ofCause((one) => !known.has(one))] as const,
  ].filter(([, own]) => own.length > 0);
  return `<section id="open"><h2>What failed, and what could not be decided</h2>
${
    groups.map(([name, own]) =>
      `<h3>${escapeHtml(name)}: ${own.length}</h3><ul>${own.map(openItem).join("\n")}</ul>`
    ).join("\n")
  }</section>`;
}

function openItem(placed: Placed): string {
  const { verdict, cause, power, ours } = placed[1];
  const why = [ours, power].filter((one) => one !== undefined).join("; ");
  const found = cause === undefined ? ` ${verdictHtml(verdict)}` : "";
  return `<li>${linkTo(placed)}${found}${
    why === "" ? "" : ` <span class="note">${escapeHtml(why)}</span>`
  }</li>`;
}
