/** The page of findings, from what the main job writes. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { latencyClaims } from "../../experiments/latency/claims.ts";
import { mediumShape, smallShape } from "../../experiments/latency/passes.ts";
import { messageOf } from "../../experiments/frame/message.ts";
import { experiments, paperClaims } from "../../experiments/registry.ts";
import { findingsPage, paperCounts, withCounts } from "../../scripts/site/findings.ts";
import type { Verdict } from "../../src/paper/claim.ts";
import { sourceText } from "../../scripts/support/source_files.ts";

const shared = { rule: "reproduced when …", found: "a long sentence" };
const results = [{
  ...{ title: "An experiment", settings: "2 steps of r*. Quoted." },
  findings: [
    {
      ...shared,
      ...{ claim: "A", printed: "10 | 20", ours: "9" },
      verdict: "differs",
      ...{ note: "A guess: rounding.", corrected: "2026-01-01, decision 1" },
    },
    { ...shared, claim: "B", ours: "4", verdict: "reproduced" },
    { ...shared, claim: "C of W_q in S^½, a_b", verdict: "holds", beyond: true, ours: "3" },
  ],
}] as const;

Deno.test("the paper's claims stand beside what it prints, those beyond it in a table of their own", () => {
  const facts = { device: "cpu", seeds: "1, 2", made: "2026-01-01 in 9 s" };
  const page = findingsPage({ facts, results }), [paper, beyond] = page.split("## Beyond");
  assertStringIncludes(paper, "\n2 claims, 2 judged; differs: 1, reproduced: 1.\n");
  assertStringIncludes(paper, "\n### An experiment\n\n2 steps of r\\*. Quoted.\n");
  assertStringIncludes(
    paper,
    "\n| A | 10 \\| 20 | 9 | differs |\n| B | – | 4 | reproduced |\n",
  );
  assertStringIncludes(
    paper,
    "\n- **A**: a long sentence A guess: rounding. Rule (corrected after a run: 2026-01-01, decision 1): " +
      "reproduced when ….\n",
  );
  const said = "C of <i>W</i><sub>q</sub> in S<sup>½</sup>, a\\_b";
  assertStringIncludes(beyond, `\n| ${said} | 3 | holds |\n`);
  assertStringIncludes(page, "Made 2026-01-01 in 9 s, on cpu; seeds: 1, 2.");
});

Deno.test("the committed page has the words for verdicts that it explains, and no others", () => {
  const page = sourceText("docs/findings.md"), [intro] = page.split("\n## ");
  const explained = new Set(Array.from(intro.matchAll(/\*\*(.+?)\*\*/g), ([, word]) => word));
  const rows = page.split("\n").filter((line) =>
    line.startsWith("| ") && !/^\| (claim|-)/.test(line)
  );
  assert(rows.length > 10);
  const verdicts = rows.map((row) => row.split("|").at(-2)!.trim());
  assertEquals(verdicts.filter((verdict) => !explained.has(verdict)), []);
});

Deno.test("the README has the page's counts", () => {
  const verdicts = rowsOf(sourceText("docs/findings.md").split("## Beyond the paper")[0])
    .map((row) => row.at(-1) as Verdict);
  const findings = verdicts.map((verdict) => ({ ...shared, claim: "A", ours: "1", verdict }));
  const counts = paperCounts({ results: [{ title: "", settings: "", findings }] });
  const readme = sourceText("README.md").replaceAll(/\s+/g, " ");
  assertStringIncludes(readme, counts);
  assertStringIncludes(sourceText("docs/findings.md"), `\n${verdicts.length} claims, `);
  const old =
    "It is. Of 3 claims of the paper,\n2 were judged: 2 were\nreproduced, and 0 differ, so.";
  assertEquals(withCounts(old, counts), `It is. ${counts} so.`);
});

Deno.test("the README counts each claim of the paper that was judged", () => {
  const counted = (...verdicts: Verdict[]) =>
    paperCounts({
      results: [{
        ...{ title: "", settings: "" },
        findings: verdicts.map((verdict) => ({ ...shared, claim: "A", ours: "1", verdict })),
      }],
    });
  assertEquals(
    counted(
      ...["reproduced", "not reproduced", "not reproduced at this scale", "differs"] as const,
      ...["not judged: too near the mark", "not judged (quick run)"] as const,
    ),
    "Of 6 claims of the paper, 4 were judged: 1 were reproduced, 1 was not reproduced, " +
      "1 were not reproduced at this scale, and 1 differ,",
  );
});

/** The cells of a page's tables whose first cell is no heading, as plain text. */
const rowsOf = (markdown: string): string[][] =>
  markdown.split("\n").filter((line) => line.startsWith("| ") && !/^\| (claim|-)/.test(line))
    .map((line) =>
      line.slice(1, -1).split(/(?<!\\)\|/).map((cell) =>
        cell.replaceAll(/\[(.*?)\]\[.*?\]/g, "$1").trim()
      )
    );

/** A text of the page as its claim has it: without marks of Markdown, and `W_q` for an index. */
const asWritten = (text: string): string =>
  text.replaceAll("\\", "").replaceAll("<sub>", "_").replaceAll("<sup>", "^")
    .replaceAll(/<\/?\w+>/g, "");

/** The claims behind each row of the README's table, by the place and the text of the row. */
const behindReadme = [...Map.groupBy(
  paperClaims.filter(({ headline }) => headline),
  ({ headline }) => headline!.place,
)].toSorted(([a], [b]) => a - b).map(([, claims]) => claims);

/** A claim's text on the page, where it has no place in brackets. */
const textOf = ({ text }: (typeof paperClaims)[number]) => text as string;

/** The paragraph on a claim below the tables of the page. */
const saidOf = (page: string, claim: string): string =>
  page.split(`\n- **${claim}**: `)[1].split(/\n(?:- \*\*|\n)/)[0];

/** Markdown whose items are one line each. */
const oneLine = (markdown: string) => markdown.replaceAll(/\n {2}(?=\S)/g, " ");

const numbersIn = (text: string): string[] => text.match(/−?\d[\d,]*(?:\.\d+)?/g) ?? [];

Deno.test("each row of the README's table has the verdict of the page, and its numbers", () => {
  const page = sourceText("docs/findings.md"), found = rowsOf(page);
  const [, table] = sourceText("README.md").split("| claim of the paper");
  const rows = rowsOf(table.split("\n\n")[0]).filter(([claim]) => claim !== "ours");
  assertEquals(rows.map(([claim]) => claim), behindReadme.map(([{ headline }]) => headline!.row));
  for (const [i, [claim, ours, verdict]] of rows.entries()) {
    const texts = behindReadme[i].map(textOf);
    const own = texts.map((text) => found.find(([one]) => one === text)!);
    const isWeak = texts.some((text) => saidOf(oneLine(page), text).includes("Weak"));
    for (const cells of own) {
      assertEquals(verdict, `${cells.at(-1)}${isWeak ? ", weakly" : ""}`, claim);
    }
    const known = numbersIn(own.flat().join(" "));
    for (const number of numbersIn(ours.split("; before")[0])) {
      const decimals = number.split(".")[1]?.length ?? 0;
      const isKnown = known.some((one) =>
        one === number ||
        Number(one.replace("−", "-")).toFixed(decimals).replace("-", "−") === number
      );
      assert(isKnown, `${claim}: ${number} is not among ${known}`);
    }
  }
});

Deno.test("the page begins with what its verdicts say together", () => {
  const [paper] = sourceText("docs/findings.md").split("## Beyond the paper");
  const topicOf = new Map(paperClaims.map((claim) =>
    [
      typeof claim.text === "string" ? claim.text : claim.text({ width: 12_288 }),
      claim.topic,
    ] as const
  ));
  const claims = rowsOf(paper).map((row) => {
    const text = asWritten(row[0]);
    const topic = topicOf.get(text) ?? topicOf.get(text.replace(/ \(in [^)]*\)$/, ""));
    return { verdict: row.at(-1)!, topic };
  });
  assertEquals(claims.filter(({ topic }) => topic === undefined), []);
  const [, message] = paper.split("\n\n");
  assertEquals(message.replaceAll("\n", " "), messageOf(claims));
});

Deno.test("no two claims of the page have one text, and every claim has a number", () => {
  const rows = rowsOf(sourceText("docs/findings.md")), texts = rows.map(([claim]) => claim);
  assertEquals(texts.filter((text, i) => texts.indexOf(text) !== i), []);
  assertEquals(rows.filter((row) => !/\d/.test(row.at(-2)!)), []);
});

Deno.test("the page's sections and claims about latency are those of the experiments", () => {
  const page = sourceText("docs/findings.md"), titles = experiments.map(({ title }) => title);
  const sections = Array.from(page.matchAll(/^### (.*)$/gm), ([, title]) => title);
  assertEquals(sections.filter((title) => !titles.includes(title)), []);
  const texts = rowsOf(page).map(([claim]) => claim);
  for (const { name } of [smallShape, mediumShape]) {
    for (const { text } of latencyClaims(name)) assert(texts.includes(text as string), `${text}`);
  }
});
