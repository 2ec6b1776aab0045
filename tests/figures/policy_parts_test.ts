/** The Content-Security-Policy of a page, in a real browser: it stops what is not ours and nothing else. */

import { assertEquals } from "@std/assert";
import { comparisonReport } from "../../src/cli/commands/compare.ts";
import { loadMathJax } from "../../src/figures/formula.ts";
import { renderPage } from "../../src/report/page.ts";
import type { Report } from "../../src/report/report.ts";
import { browserOfFile, type Page } from "../../scripts/support/browser.ts";
import { assertIntrudersDoNothing, intrudersFrom, listen, violations } from "../support/policy.ts";
import { moveSliders, pageSlider, untilFiguresLive } from "../support/figures_on_page.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { browserPath } from "../../scripts/support/parts.ts";
import { textFile, withServer } from "../support/range_server.ts";
import { cells, hostile, lines, moving } from "./fixtures.ts";

const ignore = browserPath() === undefined;

const open = browserOfFile();

/** Opens a page as a file and asks it something. */
async function inPage(html: string, ask: (page: Page) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/page.html`, html);
    await using page = await open("about:blank");
    await page.send("Page.addScriptToEvaluateOnNewDocument", { source: listen });
    await page.goTo(`file://${folder}/page.html`);
    await ask(page);
    assertEquals(page.errors, []);
  });
}

const text = { title: hostile, question: hostile, source: hostile, settings: hostile };

/** A report of every kind of content, all of it with text that would be a script, were it not escaped. */
const report: Report = {
  title: hostile,
  facts: [[hostile, hostile]],
  sections: [{
    ...text,
    id: "s",
    findings: [{ claim: hostile, rule: hostile, found: hostile, verdict: hostile }],
    tables: [{
      id: "t",
      title: hostile,
      columns: [{ key: "tex", label: hostile, unit: "math" }, {
        key: "is",
        label: hostile,
        unit: "verdict",
      }],
      rows: [{ tex: "\\frac{a}{b}<c", is: hostile }, { tex: hostile, is: "held" }],
    }],
    figures: [lines, cells, moving, { ...lines, id: hostile, title: hostile, caption: hostile }],
  }],
};

Deno.test({
  name: "a report draws, its slider moves, hostile names stay text, and its policy is not broken",
  ignore,
  fn: async () => {
    await inPage(await renderPage(report, await loadMathJax()), async (page) => {
      await untilFiguresLive(page, 4);
      assertEquals(await moveSliders(page, pageSlider), 1);
      assertEquals(await page.evaluate("document.title"), hostile);
      assertEquals(await page.evaluate("document.images.length"), 0); // the pictures are live plots
      assertEquals(await violations(page), []);
    });
  },
});

Deno.test({
  name: "the page of compare --html draws its heat maps, whatever the modules are called",
  ignore,
  fn: async () => {
    const phi = [[1, 0.5], [0.5, 0.25]];
    const module = { phi, dimensions: 8, principalAngles: [0, 1], randomBaseline: 0.25 };
    const modules = [{ ...module, name: hostile }, { ...module, name: "h.0.attn" }];
    const page = await renderPage(comparisonReport(modules, [hostile, "other"], "A"));
    await inPage(page, async (page) => {
      await untilFiguresLive(page, 2);
      const titles = `[...document.querySelectorAll("h3")].map(({ textContent }) =>
        textContent.replace(/ #$/, ""))`; // A figure's title has its address beside it.
      const tables = ["Means by kind of layer", "What two adapters have in common"];
      assertEquals(await page.evaluate(titles), [hostile, "h.0.attn", ...tables]);
      assertEquals(await violations(page), []);
    });
  },
});

Deno.test({
  name:
    "a script, a handler, a request and a form that got into a page despite the escaping do nothing",
  ignore,
  fn: async () => {
    const files = { "/a.js": textFile("injected.push('file')"), "/a.png": textFile("") };
    await withServer(files, async (address, { requests }) => {
      const html = (await renderPage(report))
        .replace("<main>", () => `<main>${intrudersFrom(address)}`);
      await inPage(html, async (page) => {
        await assertIntrudersDoNothing(page, address);
        await untilFiguresLive(page, 4);
        assertEquals(requests, []);
      });
    });
  },
});
