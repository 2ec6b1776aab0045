import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { formulas, formulaTex } from "../../src/accounting/mod.ts";
import { axis, baseLayout, type DataTable } from "../../src/figures/figure.ts";
import { formatBytes, formatValue } from "../../src/figures/format.ts";
import { loadMathJax } from "../../src/figures/formula.ts";
import { escapeHtml, symbolsHtml, tableHtml } from "../../src/figures/html.ts";
import { figureLoader, loaderScripts } from "../../src/figures/loader.ts";
import { tableCsv } from "../../src/figures/show.ts";
import { PageRenderer, renderPage } from "../../src/report/page.ts";
import type { Report, Section } from "../../src/report/report.ts";
import { hostile, lines } from "../figures/fixtures.ts";

const table: DataTable = {
  id: "t",
  title: hostile,
  columns: [
    { key: "name", label: "name", unit: "text" },
    { key: "bytes", label: "bytes", unit: "bytes" },
  ],
  rows: [{ name: hostile, bytes: 1234 }, { name: "none" }],
};

Deno.test("numbers are printed with separators, units and three digits", () => {
  assertEquals(formatValue(174604259328, "count"), "174,604,259,328");
  assertEquals(formatValue(9250.87, "ratio"), "9,251×");
  assertEquals(formatValue(3.4, "ratio"), "3.40×");
  assertEquals(formatValue(undefined, "nats"), "–");
  assertEquals(formatValue(1540, "percent"), "1,540%");
  assertEquals([12.34, 999.7, 12345].map((value) => formatValue(value, "share")), [
    ...["12.3", "1,000", "12,345"],
  ]);
  assertEquals(
    [1234567890, 9250.8665, 0.020166015625].map((value) => formatValue(value, "number")),
    [
      "1,234,567,890",
      "9,250.87",
      "0.020166",
    ],
  );
  assertEquals([0, 999, 1000, 123456, 2.97e12, 1e16].map(formatBytes), [
    "0 B",
    "999 B",
    "1.00 kB",
    "123 kB",
    "2.97 TB",
    "10,000 TB",
  ]);
});

Deno.test("five characters have a meaning in HTML, and are escaped", () => {
  assertEquals(escapeHtml(`<a b="c">&'`), "&lt;a b=&quot;c&quot;&gt;&amp;&#39;");
});

Deno.test("a table escapes its values and marks missing ones", () => {
  const html = tableHtml(table);
  assertStringIncludes(html, escapeHtml(hostile));
  assertEquals(html.includes(hostile), false);
  assertStringIncludes(html, '<td class="number">–</td>');
});

Deno.test("a column for programs alone is in the file of a table, and is not printed", () => {
  const columns = [
    { key: "task", label: "task", unit: "text" },
    { key: "right", label: "bits", unit: "data" },
  ] as const;
  const made = { id: "b", title: "B", columns, rows: [{ task: "TREC", right: "0fb4" }] };
  assertEquals(/bits|0fb4/.test(tableHtml(made)), false);
  assertStringIncludes(tableCsv(made).text, "TREC,0fb4");
});

Deno.test("columns of short texts do not wrap, of longer ones they do", () => {
  const column = (key: string, more = {}) => ({ key, label: key, unit: "text", ...more }) as const;
  const html = tableHtml({
    id: "s",
    title: "S",
    columns: [column("space"), column("module"), column("short", { detail: "why" })],
    rows: [{ space: "ΔW·S^½", module: "Gaussian, layer 1", short: "q" }, { space: "A" }],
  });
  const cells = Array.from(
    html.matchAll(/<td( class="short")?>/g),
    ([, kind]) => kind !== undefined,
  );
  assertEquals(cells, [true, false, false, true, false, false]);
});

Deno.test("only verdicts have color, small print is below, and formulas are drawn", () => {
  const html = tableHtml({
    id: "v",
    title: "V",
    columns: [
      { key: "verdict", label: "", unit: "verdict", detail: "why" },
      { key: "tex", label: "", unit: "math" },
    ],
    rows: [
      { verdict: "equal when rounded", tex: "a<b", why: hostile },
      { verdict: "equal when truncated" },
      { verdict: "differs" },
      { verdict: "quoted" },
      { verdict: hostile, tex: hostile },
    ],
  });
  const kinds = Array.from(html.matchAll(/class="verdict (\w+)"/g), ([, kind]) => kind);
  assertEquals(kinds, ["good", "near", "open", "none", "open"]);
  assertStringIncludes(html, `<p class="detail">${escapeHtml(hostile)}</p>`);
  assertStringIncludes(html, "<code>a&lt;b</code>");
  assertEquals([html.includes(hostile), html.match(/class="detail"/g)?.length], [false, 1]);
});

Deno.test("quoted tables are folded, and name their source", () => {
  const html = tableHtml({ ...table, quoted: hostile });
  assertMatch(html, /^<details class="quoted"><summary>/);
  assertStringIncludes(html, `(${escapeHtml(hostile)})</summary>`);
  assertEquals([html.includes(hostile), html.includes("<caption>")], [false, false]);
});

Deno.test("MathJax draws a formula in the color of its text, with a label for screen readers", async () => {
  const draw = await loadMathJax();
  const svg = draw("\\frac{a}{b}<c");
  assertMatch(svg, /^<svg aria-label="\\frac\{a\}\{b\}&lt;c" .*currentColor/);
  assertEquals(/merror|data-mjx-error|<script/.test(svg), false);
  for (const name of Object.keys(formulas)) {
    assertEquals(/merror|data-mjx-error/.test(draw(formulaTex(name))), false, name);
  }
});

const part = { question: "Q", source: "P", settings: "W", findings: [], tables: [], figures: [] };
const judged = { claim: "C", rule: "R", found: "F", verdict: "reproduced" };

/** A page of sections that are given as far as they matter. */
const pageOf = (sections: Partial<Section>[], more: Partial<Report> = {}) =>
  renderPage({
    title: "T",
    facts: [["k", "v"]],
    sections: sections.map((one, i) => ({ id: `s${i}`, title: `S${i}`, ...part, ...one })),
    ...more,
  });

/** The texts of the cells of each row of the table in a part of the first screen. */
function rowsIn(page: string, id: string): string[][] {
  const html = new RegExp(`<(section|details)[^>]* id="${id}">.*?</\\1>`, "s").exec(page)?.[0] ??
    "";
  const rows = Array.from(html.matchAll(/<tr>(<td.*?)<\/tr>/gs), ([, row]) => row);
  return rows.map((row) =>
    Array.from(row.matchAll(/<td.*?>(.*?)<\/td>/gs), ([, cell]) => cell.replace(/<.*?>/g, ""))
  );
}

Deno.test("a page contains its library and figures, and nothing in its data can end the script", async () => {
  const data = [{ type: "scatter" as const, name: hostile }];
  const figure = { id: "f", title: hostile, caption: "c", data, layout: {} };
  const citation = { name: hostile, type: "text/x-bibtex", text: hostile };
  const sections = [{ findings: [judged], tables: [table], figures: [figure] }];
  const page = await pageOf(sections, { citation, downloads: [citation] });
  assertEquals(page.match(/<\/script>/g)?.length, 3); // the figure's, the page's, and the library
  assertStringIncludes(page, '<div data-figure="f" class="plot"><img alt="');
  assertStringIncludes(page, await figureLoader());
  assertMatch(page, /class="verdict good">reproduced</);
  const addresses = Array.from(page.matchAll(/<[^>]* (?:src|href)="([^"]*)"/g), ([, to]) => to);
  const own =
    /^(#|data:(image\/svg\+xml|text\/csv;charset=utf-8|text\/x-bibtex;charset=utf-8);base64,)/;
  assertEquals(addresses.filter((to) => !own.test(to)), []);
});

Deno.test("the first screen lists the paper's claims by what it prints, and those beyond it apart", async () => {
  const findings = [
    { ...judged, claim: "long", note: "easy" },
    {
      ...judged,
      ...{ claim: hostile, printed: "10", ours: "9 < 10", verdict: "differs", note: hostile },
    },
    { ...judged, claim: "more", beyond: true, ours: "4", verdict: "does not hold" },
  ];
  const verdicts = [["reproduced", "as printed"], ["differs", "a number"]] as const;
  const page = await pageOf([{ findings }, {}], { verdicts });
  assertEquals(rowsIn(page, "claims"), [
    ["longeasy", "–", "see there"],
    [`${escapeHtml(hostile)}${escapeHtml(hostile)}`, "10", "9 &lt; 10"],
  ]);
  assertEquals(rowsIn(page, "beyond"), [["more", "4"]]);
  const counts = Array.from(
    page.matchAll(/<p class="counts">(.*?)<\/p>/g),
    ([, html]) => html.replace(/<.*?>/g, ""),
  );
  assertEquals(counts, [
    "✓ reproduced: 1 ✗ differs: 1 what these words mean",
    "✗ does not hold: 1 what these words mean",
  ]);
  // What holds is above; each has its note; the counts lead to their claims, and the claims to the places.
  const links = (start: string) =>
    Array.from(page.matchAll(new RegExp(`<${start}<a href="#(.*?)"`, "g")), ([, id]) => id);
  assertEquals(links("td>"), ["s0-claim-1", "s0-claim-2", "s0-claim-3"]);
  assertEquals(links("li>").includes("s0-claim-2"), true); // among what failed
  assertEquals(links('p class="counts">'), ["claims-1", "beyond-1"]);
  const anchors = Array.from(
    page.matchAll(/<(?:tbody|div class="finding") id="(.*?)"/g),
    ([, id]) => id,
  );
  assertEquals(anchors, [
    ...["claims-1", "claims-2"],
    ...["s0-claim-1", "s0-claim-2", "s0-claim-3"],
    "beyond-1", // behind the sections
  ]);
  assertStringIncludes(page, '<dt><span class="verdict open">differs</span></dt><dd>a number</dd>');
});

/** A page's part between a mark and the next one, without its tags. */
const textBetween = (page: string, from: string, to: string) =>
  page.split(from)[1].split(to)[0].replaceAll(/<[^>]*>/g, " ").replaceAll(/\s+/g, " ").trim();

const bars = [
  { label: "full fine-tuning", value: 8, text: "8 GB" },
  { label: "LoRA", value: 2, text: hostile },
];

const told = [
  {
    ...judged,
    ...{ claim: "late", topic: "rank", ours: "3" },
    headline: { place: 2, row: "last" },
  },
  {
    ...judged,
    ...{ claim: "one", topic: "counting", ours: "4 times", note: "Weak: few." },
    headline: { place: 1, row: "first", bars },
  },
  { ...judged, claim: "two", ours: "0 bits", headline: { place: 1, row: "first" } },
  { ...judged, claim: "open", topic: "rank", verdict: "not reproduced at this scale" },
].map((finding, i) => i < 3 ? finding : { ...finding, cause: "power", power: "35 seeds" });

const topics = [["counting", "Counting"], ["rank", "Rank"]] as const;

Deno.test("a page begins with its message and the rows of what matters most, each with its numbers as bars", async () => {
  const more = { message: "It <holds>.", lead: "About.", topics };
  const page = await pageOf([{ findings: told }, {}], more);
  assertStringIncludes(page, '<p class="message">It &lt;holds&gt;.</p></header>');
  for (const id of ["about", "made"]) {
    assertMatch(page, new RegExp(`<li><a href="#${id}">.*<details class="fold" id="${id}">`, "s"));
  }
  const labels = bars.map(({ label, text }) => `${escapeHtml(label)}${escapeHtml(text)}`).join("");
  assertEquals(rowsIn(page, "headlines"), [
    ["first", labels, "4 times; 0 bits", "reproduced weakly"],
    ["last", "", "3", "reproduced"],
  ]);
  const widths = Array.from(page.matchAll(/<rect [^>]*width="([\d.]+)"/g), ([, width]) => +width);
  assertEquals(widths[0], 4 * widths[1]);
  assertEquals([page.includes(hostile), page.indexOf("first") < page.indexOf("<h2>S0")], [
    false,
    true,
  ]);
  const untold = await pageOf([{}, {}], { lead: "About." });
  assertMatch(untold, /<h1>.*<p class="lead">About.*<dl class="facts">.*<\/header>/s);
});

Deno.test("each claim of the paper is a tile of its topic, with a sign beside its color, that leads to the claim", async () => {
  const beyond = { ...judged, claim: "more", beyond: true };
  const page = await pageOf([{ findings: [...told, beyond] }, {}], { topics });
  const tiles = Array.from(
    page.matchAll(/<a class="tile (\w+)" href="#(.*?)" title="(.*?)".*?>(.)<\/a>/g),
    ([, ...found]) => found,
  );
  assertEquals(tiles, [
    ["good", "s0-claim-2", "reproduced: one", "✓"],
    ["good", "s0-claim-1", "reproduced: late", "✓"],
    ["near", "s0-claim-4", "not reproduced at this scale: open", "?"],
    ["good", "s0-claim-3", "reproduced: two", "✓"],
  ]);
  assertEquals(textBetween(page, '<dl class="tiles">', "</dl>"), "Counting ✓ Rank ✓ ? other ✓");
});

Deno.test("what could not be decided stands by its cause, apart from what fails", async () => {
  const findings = [
    { ...judged, claim: "A", verdict: "not reproduced", ours: "5" },
    { ...judged, claim: "B", verdict: "not reproduced at this scale", cause: "base" },
    ...told,
  ];
  const causes = [["power", "No power"], ["base", "Small base"], ["time", "Times"]] as const;
  const page = await pageOf([{ findings }, {}], { causes });
  assertEquals(
    textBetween(page, "could not be decided</h2>", "</section>"),
    "Fails, or differs: 1 A not reproduced 5 No power: 1 open 35 seeds Small base: 1 B",
  );
  assertEquals((await pageOf([{ findings: [judged] }, {}])).includes('id="open"'), false);
});

Deno.test("in a section the first figure stands before every claim, and what is beyond the paper is folded", async () => {
  const findings = [judged, { ...judged, beyond: true }];
  const page = await pageOf([{ findings, figures: [lines, { ...lines, id: "second" }] }, {}]);
  const places = ["<figure", 'id="s0-claim-1"', 'data-figure="second"', 'id="s0-beyond"']
    .map((mark) => page.indexOf(mark));
  assertEquals([places.includes(-1), places], [false, places.toSorted((a, b) => a - b)]);
  const alone = await pageOf([{ findings: [{ ...judged, beyond: true }] }, {}]);
  assertEquals(alone.includes('id="s0-beyond"'), false);
});

Deno.test("symbols have their index below and their power above, outside of code and attributes", () => {
  const written =
    "W_q, ΔW_v·S^½, A_r=8, e^−3, file_name, W_first_x and x.W_q, N_UV, l_p, L_drop, n_embd, UᵀW_qV, W_qVa";
  assertEquals(
    symbolsHtml(`${written}<b title="W_q">r_q</b><code>W_q^2</code>`),
    "<i>W</i><sub>q</sub>, <i>ΔW</i><sub>v</sub>·S<sup>½</sup>, <i>A</i><sub>r=8</sub>, e<sup>−3</sup>, " +
      "file_name, W_first_x and x.W_q, <i>N</i><sub>UV</sub>, <i>l</i><sub>p</sub>, <i>L</i><sub>drop</sub>, n_embd, Uᵀ<i>W</i><sub>q</sub>V, W_qVa" +
      '<b title="W_q"><i>r</i><sub>q</sub></b><code>W_q^2</code>',
  );
});

Deno.test("symbols in a figure have theirs too, in its picture and in its plot", async () => {
  const data = lines.data.map((line, i) => ({ ...line, name: `ΔW_q, 0.7^${i}` }));
  const layout = baseLayout(axis("j (A_r=8)"), axis("ΔW·S^½"));
  const page = await pageOf([{ figures: [{ ...lines, data, layout }] }]);
  const [, picture] = /src="data:image\/svg\+xml;base64,([^"]+)"/.exec(page)!;
  const svg = new TextDecoder().decode(Uint8Array.fromBase64(picture));
  const texts = Array.from(
    svg.matchAll(/<text.*?<\/text>/gs),
    ([text]) => text.replaceAll(/<[^>]*>|[\u200b\s]/g, ""),
  );
  assertEquals(texts.filter((text) => /[_^]/.test(text)), []);
  for (const text of ["j(Ar=8)", "ΔW·S½", "ΔWq,0.70"]) {
    assertEquals(texts.includes(text), true, text);
  }
  const [, drawn] = /lowrankFigures\.draw\(place, (.*?)\);/.exec(page)!;
  const plot = JSON.parse(drawn);
  assertEquals(plot.layout.yaxis.title.text, "ΔW·S<sup>½</sup>");
  assertEquals(plot.data[1].name, "<i>ΔW</i><sub>q</sub>, 0.7<sup>1</sup>");
});

Deno.test("every figure has an address, which its heading leads to", async () => {
  const page = await pageOf([{ figures: [lines, { ...lines, id: hostile }] }, {}]);
  const ids = Array.from(page.matchAll(/<figure id="([^"]*)"/g), ([, id]) => id);
  assertEquals(ids, ["lines", hostile].map((id) => escapeHtml(`figure-${id}`)));
  const links = Array.from(page.matchAll(/<a class="here" href="#([^"]*)"/g), ([, id]) => id);
  assertEquals(links, ids);
});

Deno.test("claims that were not judged stand below those that were", async () => {
  const verdicts = ["reproduced", "not judged: too near the mark", "differs"];
  const findings = verdicts.map((verdict) => ({ ...judged, claim: verdict, ours: "1", verdict }));
  const rows = rowsIn(await pageOf([{ findings }]), "claims");
  assertEquals(rows.map(([claim]) => claim), ["reproduced", "differs", verdicts[1]]);
});

Deno.test("the contents name every part that there is, and what is not finished", async () => {
  assertEquals((await pageOf([{}])).includes('<nav aria-label="Contents">'), false);
  const links = (page: string) =>
    Array.from(/<nav aria-label="Contents">.*?<\/nav>/s.exec(page)![0].matchAll(/<li>(.*?)<\/li>/g))
      .map(([, html]) =>
        html.replace(/<a href="#(.*?)">(.*?)<\/a>/, "$1 $2").replace(/<.*?>/g, "")
      );
  assertEquals(links(await pageOf([{}, {}])), ["s0 S0", "s1 S1"]);
  const pending = { id: "p", title: "P", question: "?", state: "waiting" };
  const findings = [judged, { ...judged, beyond: true }];
  const page = await renderPage({
    title: "T",
    facts: [],
    sections: [{ id: "one", title: "One", ...part, findings }, pending],
    verdicts: [],
    citation: { name: "a.bib", type: "text/x-bibtex", text: "@misc{}" },
  });
  assertEquals(links(page), [
    "claims Claims of the paper",
    "one One ✓2",
    "p P waiting",
    "beyond Beyond the paper",
    "words What the words mean",
    "cite How to cite",
  ]);
  assertMatch(
    page,
    /<section class="pending" id="p"><h2>P<\/h2><span class="state">waiting<\/span>/,
  );
});

Deno.test("sections are folded, a single one is open, and so are tables up to a screen", async () => {
  const long = { ...table, id: "long", rows: Array.from({ length: 21 }, () => ({ name: "a" })) };
  const tables = [table, { ...table, id: "quoted", quoted: "by them" }, long, {
    ...table,
    id: "late",
  }];
  const page = await pageOf([{ tables }, {}]);
  const folds = (html: string) =>
    Array.from(html.matchAll(/<details class="(?:section|fold)[^>]*id="([^"]*)"( open)?>/g))
      .map(([, id, open = ""]) => id + open);
  assertEquals(folds(page), ["s0", "fold-quoted", "fold-long", "fold-late", "s1"]);
  assertMatch(page, /<table id="t"><caption>/);
  assertMatch(page, /<summary>[^<]* \(by them\)<\/summary>/);
  assertEquals(folds(await pageOf([{}])), ["s0 open"]);
});

Deno.test("a finding has the paper's sentence and both numbers, and one beyond the paper is apart", async () => {
  const more = { printed: "3 times", ours: "3.40 times", quote: "“a third”, abstract" };
  const late = { note: "They count <b>", corrected: "2026-11-26" };
  const findings = [{ ...judged, ...more, ...late }, { ...judged, claim: "D", beyond: true }];
  const page = await pageOf([{ findings: findings.toReversed() }]);
  const html = /<details class="section".*<\/details>/s.exec(page)![0];
  assertStringIncludes(
    html,
    "<dl><dt>paper</dt><dd>3 times</dd><dt>ours</dt><dd>3.40 times</dd></dl>",
  );
  assertStringIncludes(html, "<blockquote>“a third”, abstract</blockquote>");
  assertStringIncludes(html, `<p class="why">They count &lt;b&gt;</p>`);
  assertMatch(html, /Rule \(corrected after a run: 2026-11-26\): R<.*Rule: R</s);
  assertMatch(html, /<strong>C<.*id="s0-beyond"><summary>Beyond the paper: 1<.*<strong>D</s);
});

Deno.test("a table can be saved as CSV, with all digits and its small print", () => {
  const { name, text } = tableCsv({
    id: "t",
    title: "T",
    columns: [
      { key: "name", label: 'the "name", quoted', unit: "text", detail: "why" },
      { key: "loss", label: "loss", unit: "nats" },
    ],
    rows: [{ name: "a, b", why: "one\ntwo", loss: 1 / 3 }, { name: "c" }],
  });
  assertEquals(name, "t.csv");
  const heads = '"the ""name"", quoted","the ""name"", quoted: detail",loss\r\n';
  assertEquals(text, `${heads}"a, b","one\ntwo",0.3333333333333333\r\nc,,\r\n`);
});

Deno.test("no name in a CSV is a formula, and numbers stay numbers", () => {
  const starts = ["=", "+", "-", "@", "\t=", "\r="], names = starts.map((start) => `${start}cmd`);
  const cells = [...names, "-1.5", "+2e3", -1.5, -Infinity, "a=b", "-1+1"];
  const columns = cells.map((_, i) => ({ key: `${i}`, label: "=h", unit: "text" as const }));
  const rows = [Object.fromEntries(cells.map((cell, i) => [`${i}`, cell]))];
  const [heads, row] = tableCsv({ id: "t", title: "T", columns, rows }).text.split("\r\n");
  assertEquals(new Set(heads.split(",")), new Set(["'=h"]));
  const numbers = ["-1.5", "+2e3", "-1.5", "-Infinity"], others = ["a=b", "'-1+1"];
  const named = [...names.slice(0, -1).map((name) => `'${name}`), `"'\r=cmd"`];
  assertEquals(row.split(","), [...named, ...numbers, ...others]);
});

Deno.test("a page that is written again draws each section once", async () => {
  const renderer = new PageRenderer(), drawn: string[] = [];
  const [a, b] = ["a", "b"].map((id) => ({
    ...part,
    ...{ id, title: id },
    get question() {
      return drawn.push(id), "Q";
    },
  }));
  const report = (second: Report["sections"][number]) => {
    return { title: "T", facts: [], sections: [a, second] };
  };
  await renderer.render(report({ id: "b", title: "b", question: "?", state: "running" }));
  const page = await renderer.render(report(b));
  assertEquals(drawn, ["a", "b"]);
  assertEquals(page === await renderPage(report(b)), true);
});

Deno.test("a page's policy names its scripts by their hashes, and lets nothing else run or load", async () => {
  const section = { id: "s", title: "", question: "", source: "", settings: "" };
  const figures = [lines, { ...lines, id: hostile, title: hostile }];
  const page = await renderPage({
    title: hostile,
    facts: [],
    sections: [{ ...section, findings: [], tables: [], figures }],
  });
  const [, policy] = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)!;
  const scripts = Array.from(page.matchAll(/<script>(.*?)<\/script>/gs), ([, text]) => text);
  const [, library] = await loaderScripts();
  const hashes = await Promise.all([...scripts, library].map(async (text) => {
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
    return `'sha256-${new Uint8Array(digest).toBase64()}'`;
  }));
  const [, allowed] = /script-src ([^;]*);/.exec(policy)!;
  assertEquals([scripts.length, allowed.split(" ").sort()], [4, hashes.sort()]);
  assertEquals(
    policy.replace(/script-src [^;]*;/, "…;"),
    "default-src 'none'; …; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'",
  );
});
