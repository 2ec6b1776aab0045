import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { DataTable } from "../../src/figures/figure.ts";
import { formulas, formulaTex } from "../../src/accounting/mod.ts";
import { formatBytes, formatValue } from "../../src/figures/format.ts";
import { figureLoader, loaderScripts } from "../../src/figures/figure_card.ts";
import { loadMathJax } from "../../src/figures/formula.ts";
import { escapeHtml, tableHtml } from "../../src/figures/html.ts";
import { renderPage } from "../../src/figures/page.ts";
import { hostile, lines } from "./fixtures.ts";

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

Deno.test("a table escapes its values and marks missing ones", () => {
  const html = tableHtml(table);
  assertStringIncludes(html, escapeHtml(hostile));
  assertEquals(html.includes(hostile), false);
  assertStringIncludes(html, '<td class="number">–</td>');
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
  assertEquals(kinds, ["held", "near", "open", "none", "open"]);
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

Deno.test("a page contains its library and figures, and nothing in its data can end the script", async () => {
  const figure = {
    id: "f",
    title: hostile,
    caption: "c",
    data: [{ type: "scatter" as const, name: hostile }],
    layout: {},
  };
  const section = {
    id: "s",
    title: "S",
    question: "Q",
    source: "P",
    settings: "W",
    findings: [{ claim: "C", rule: "R", found: "F", verdict: "held" }],
    tables: [table],
    figures: [figure],
  };
  const page = await renderPage({ title: "T", facts: [["k", "v"]], sections: [section] });
  assertEquals(page.match(/<\/script>/g)?.length, 2); // the figure's own, and the library
  assertStringIncludes(page, '<div data-figure="f" class="plot"><img alt="');
  assertStringIncludes(page, await figureLoader());
  assertMatch(page, /class="verdict held">held</);
  const addresses = Array.from(page.matchAll(/<[^>]* (?:src|href)="([^"]*)"/g), ([, to]) => to);
  assertEquals(addresses.filter((to) => !/^(#|data:image\/svg\+xml;base64,)/.test(to)), []);
});

Deno.test("the contents name each section above its claims, and no section without a claim", async () => {
  const part = { question: "", source: "", settings: "", tables: [], figures: [] };
  const finding = { claim: hostile, rule: "R", found: "F", verdict: "held" };
  const sections = [
    { ...part, id: "one", title: "One", findings: [finding, finding] },
    { ...part, id: "bare", title: "Bare", findings: [] },
  ];
  const page = await renderPage({ title: "T", facts: [], sections });
  const contents = /<nav class="summary">.*?<\/nav>/s.exec(page)![0];
  const links = Array.from(contents.matchAll(/<a href="(.*?)">(.*?)<\/a>/g), ([, ...all]) => all);
  assertEquals(links, [["#one", "One"]]);
  assertEquals(contents.split(escapeHtml(hostile)).length, 3);
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
  assertEquals([scripts.length, allowed.split(" ").sort()], [3, hashes.sort()]);
  assertEquals(
    policy.replace(/script-src [^;]*;/, "…;"),
    "default-src 'none'; …; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'",
  );
});
