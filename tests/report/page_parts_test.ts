import { assertEquals } from "@std/assert";
import { tableOf } from "../../src/figures/table.ts";
import { tableBundle } from "../../src/figures/table_bundle.ts";
import { ReportFolder } from "../../experiments/frame/report_folder.ts";
import { PageRenderer, renderPage } from "../../src/report/page.ts";
import type { Report } from "../../src/report/report.ts";
import { lines } from "../figures/fixtures.ts";
import { browserOfFile, type Page } from "../../scripts/support/browser.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { browserPath } from "../../scripts/support/parts.ts";

/** A report in a real browser: it unfolds, prints, fits, saves, and reloads while it grows. */

const ignore = browserPath() === undefined;

const open = browserOfFile({ width: 1366, height: 768 });

const text = { question: "Which?", source: "section 5", settings: "Small. ".repeat(60) };
const finding = { claim: "It is small", rule: "when below 3", found: "2.", verdict: "reproduced" };

/** A table of many columns with many rows, which is folded. */
const wide = {
  id: "wide",
  title: "Many columns",
  columns: Array.from({ length: 12 }, (_, i) => {
    return { key: `${i}`, label: `column number ${i}`, unit: "number" } as const;
  }),
  rows: Array.from({ length: 30 }, () => ({ 0: 1 / 3, 11: 123456789 })),
};

const sections = ["one", "two", "three"].map((id) => ({
  ...text,
  id,
  title: `Section ${id}`,
  findings: [{ ...finding, printed: "below 3", ours: "2" }],
  tables: [{ ...wide, id: `wide-${id}` }],
  figures: [{ ...lines, id: `lines-${id}` }],
}));

const report: Report = {
  title: "A report",
  facts: [["device", "cpu"]],
  sections,
  citation: { name: "a.bib", type: "text/x-bibtex", text: "@misc{a}\n" },
};

/** Lets a page's clock jump ahead, so that nobody waits until a reader counts as idle. */
const clock = `{
  let ahead = 0;
  const now = performance.now.bind(performance);
  performance.now = () => now() + ahead;
  globalThis.letPass = (ms) => new Promise((done) =>
    requestAnimationFrame(() => setTimeout(() => done(ahead += ms), 100)));
}`;

/** Opens a page whose clock can jump ahead. */
async function openWithClock(url: string): Promise<Page> {
  const page = await open("about:blank");
  await page.send("Page.addScriptToEvaluateOnNewDocument", { source: clock });
  await page.goTo(url);
  return page;
}

/** Opens a report as a file; more of it can be written there. */
async function inPage(
  html: string,
  use: (page: Page, folder: string) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/page.html`, html);
    await using page = await openWithClock(`file://${folder}/page.html`);
    await page.resize(1366, 768);
    await use(page, folder);
    assertEquals(page.errors, []);
  });
}

const openIds = (page: Page) =>
  page.evaluate<string[]>(
    `[...document.querySelectorAll("main details[open]")].map(({ id }) => id)`,
  );

/** Waits until a page that loads itself again gives something true, and gives that. */
async function afterReload<T>(page: Page, expression: string): Promise<T> {
  const loaded = `document.readyState === "complete" && (${expression})`;
  for (const end = performance.now() + 60_000; performance.now() < end;) {
    // A question that meets the page while it loads is refused.
    const value = await page.evaluate<T>(loaded).catch(() => undefined);
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`waited 60 s for ${expression}`);
}

/** Distance from the top of the screen to an element, in whole pixels. */
const topOf = (page: Page, id: string) =>
  page.evaluate<number>(`Math.round(document.getElementById("${id}").getBoundingClientRect().top)`);

const click = (page: Page, link: string) =>
  page.evaluate(`document.querySelector("a[href='#${link}']").click()`);

Deno.test({
  name: "a claim's link unfolds its section, again after it was folded, and so does an address",
  ignore,
  fn: async () => {
    await inPage(await renderPage(report), async (page, folder) => {
      assertEquals(await openIds(page), []);
      for (const _ of "ab") {
        await click(page, "two");
        await page.until("scrollY > 0", 5000, "the page to scroll");
        assertEquals(await openIds(page), ["two"]);
        assertEquals(await topOf(page, "two") < 100, true);
        await page.evaluate(`document.getElementById("two").open = false; scrollTo(0, 0)`);
      }
      await page.goTo("about:blank");
      await page.goTo(`file://${folder}/page.html#fold-wide-three`);
      assertEquals(await openIds(page), ["three", "fold-wide-three"]);
      const marked =
        `[...document.querySelectorAll("[aria-current=true]")].map(({ hash }) => hash)`;
      assertEquals(await page.evaluate(marked), ["#three"]);
      await click(page, "one-claim-1");
      await page.until(
        `${marked}[0] === "#one"`,
        5000,
        "the contents to mark the part that is read",
      );
      assertEquals(await openIds(page), ["one", "three", "fold-wide-three"]);
      assertEquals(Math.abs(await topOf(page, "one-claim-1")) < 20, true);
    });
  },
});

Deno.test({
  name: "the contents stay at the side of a wide screen and are folded on a phone",
  ignore,
  fn: async () => {
    await inPage(await renderPage(report), async (page) => {
      const isOpen = () => page.evaluate(`document.querySelector(".contents").open`);
      assertEquals(await isOpen(), true);
      await click(page, "three");
      await page.until("scrollY > 0", 5000, "the page to scroll");
      const top = `document.querySelector(".contents").getBoundingClientRect().top`;
      assertEquals(await page.evaluate(top), 0);
      await page.resize(400, 800);
      await page.until(`!document.querySelector(".contents").open`, 5000, "the contents to fold");
      await page.resize(1366, 768);
      await page.until(`document.querySelector(".contents").open`, 5000, "the contents to unfold");
    });
  },
});

Deno.test({
  name:
    "nothing reaches beyond the page at 1366 and 400 pixels, and a wide table scrolls in its frame",
  ignore,
  fn: async () => {
    await inPage(await renderPage(report), async (page) => {
      const unfold =
        `document.querySelectorAll("main details").forEach((fold) => fold.open = true)`;
      await page.evaluate(unfold);
      const over = `document.documentElement.scrollWidth - document.documentElement.clientWidth`;
      for (const width of [1366, 400]) {
        await page.resize(width, 800);
        assertEquals(await page.evaluate(over), 0, `${width}`);
      }
      const frame = `document.querySelector(".scroll")`;
      assertEquals(await page.evaluate(`${frame}.scrollWidth > ${frame}.clientWidth`), true);
      assertEquals(await page.evaluate(`getComputedStyle(${frame}).overflowX`), "auto");
    });
  },
});

Deno.test({
  name:
    "the message, six rows with bars and the tiles are on the first screen, and a tile opens its claim",
  ignore,
  fn: async () => {
    const topics = ["counting", "memory", "quality", "rank", "directions", "latency"];
    const bars = [{ label: "full fine-tuning", value: 9, text: "9 TB" }, {
      ...{ label: "LoRA", value: 2, text: "2 TB" },
    }];
    const findings = topics.map((topic, i) => ({
      ...{ ...finding, topic, claim: `Claim of ${topic}`, ours: "4.5 times" },
      headline: { place: i + 1, row: `as good as ${topic} of full fine-tuning`, bars },
    }));
    const told: Report = {
      ...report,
      sections: [{ ...sections[0], findings }, sections[1]],
      message: "What can be counted holds. ".repeat(8),
      topics: topics.map((topic) => [topic, topic] as const),
    };
    await inPage(await renderPage(told), async (page) => {
      const bottom = (which: string) =>
        page.evaluate<number>(
          `Math.max(...[...document.querySelectorAll("${which}")].map((one) => one.getBoundingClientRect().bottom))`,
        );
      assertEquals([await bottom(".bars") < 768, await bottom(".tile") < 768], [true, true]);
      await page.resize(400, 768);
      assertEquals(
        await page.evaluate(
          "document.documentElement.scrollWidth <= document.documentElement.clientWidth",
        ),
        true,
      );
      assertEquals(
        await page.evaluate(`document.querySelector(".bars").getBoundingClientRect().bottom < 768`),
        true,
      );
      await page.evaluate(`document.querySelectorAll(".tile")[2].click()`);
      assertEquals(await openIds(page), ["one"]);
      await page.until(`location.hash === "#one-claim-3"`, 5000, "the claim's address");
    });
  },
});

Deno.test({
  name: "on a narrow screen panels side by side scroll, and the caption says so",
  ignore,
  fn: async () => {
    const panels = { ...lines.layout, xaxis2: { ...lines.layout.xaxis } };
    const figures = [{ ...lines, id: "panels", layout: panels }];
    await inPage(
      await renderPage({ ...report, sections: [{ ...sections[0], figures }] }),
      async (page) => {
        const hint = `getComputedStyle(document.querySelector("figcaption"), "::before").content`;
        const hidden = `(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)(
        document.querySelector("figure > div"))`;
        const found = [];
        for (const width of [1366, 400]) {
          await page.resize(width, 800);
          found.push(await page.evaluate(hidden), await page.evaluate(hint));
        }
        assertEquals(found, [false, "none", true, '"Scroll sideways for the rest. "']);
      },
    );
  },
});

Deno.test({
  name: "a notebook's table beside a slider wraps its title, and none of its columns is cut off",
  ignore,
  fn: async () => {
    const title = "the answer of a model that is much longer than the place for it ".repeat(2);
    const rows = [{ loss: 3.514, values: 131072, bytes: 524288 }];
    const html = (await tableBundle(tableOf(title, rows, { bytes: "bytes" })))["text/html"];
    await inPage(`<div style="width:400px">${html}</div>`, async (page) => {
      const widths = `[".", "caption", "table"].map((one) => one === "."
        ? document.body.firstElementChild.firstElementChild.scrollWidth
        : document.querySelector(one).offsetWidth)`;
      const [frame, caption, table] = await page.evaluate<number[]>(widths);
      assertEquals([frame, caption <= 400, table <= 400], [400, true, true]);
    });
  },
});

Deno.test({
  name: "printing unfolds all, and folds again what was folded",
  ignore,
  fn: async () => {
    await inPage(await renderPage(report), async (page) => {
      await page.evaluate(`void (document.getElementById("one").open = true)`);
      await page.evaluate(`addEventListener("beforeprint", () =>
        globalThis.printed = document.querySelectorAll("main details:not([open])").length)`);
      const { data } = await page.send("Page.printToPDF", { paperWidth: 8.27, paperHeight: 11.69 });
      assertEquals(Uint8Array.fromBase64(data).length > 10_000, true);
      assertEquals(await page.evaluate("printed"), 0);
      assertEquals(await openIds(page), ["one"]);
    });
  },
});

Deno.test({
  name:
    "a growing page reloads itself at the same place with the same sections open, until it is done",
  ignore,
  fn: async () => {
    const [one, two] = sections, three = { ...text, id: "three", title: "Section three" };
    const growing = (notice: string, isGrowing: boolean) =>
      renderPage({
        ...report,
        notice,
        isGrowing,
        sections: isGrowing ? [one, { ...three, id: "two", state: "running" }] : [one, two],
      });
    await inPage(await growing("1 of 2", true), async (page, folder) => {
      const notice = `document.querySelector(".notice")?.textContent`; // none while it loads
      await Deno.writeTextFile(`${folder}/page.html`, await growing("still 1 of 2", true));
      await page.evaluate("letPass(4000)");
      await afterReload(page, `${notice} === "still 1 of 2"`);
      await click(page, "one");
      await page.evaluate("scrollTo(0, 450)");
      const top = await topOf(page, "one");
      await Deno.writeTextFile(`${folder}/page.html`, await growing("2 of 2", false));
      await page.evaluate("letPass(20000)");
      await afterReload(page, `${notice} === "2 of 2"`);
      assertEquals(await openIds(page), ["one"]);
      const moved = await topOf(page, "one") - top; // the claims above it have grown
      assertEquals([top < 0, Math.abs(moved) <= 1], [true, true], `${moved} pixels`); // by rounding
      assertEquals(await page.evaluate(`document.querySelector("[data-growing]")`), null);
    });
  },
});

Deno.test({
  name: "tables and the citation are saved from a file without a network",
  ignore,
  fn: async () => {
    await inPage(await renderPage(report), async (page, folder) => {
      const downloads = { behavior: "allow", downloadPath: folder };
      await page.send("Page.setDownloadBehavior", downloads);
      for (const name of ["wide-one.csv", "a.bib"]) {
        await page.evaluate(`document.querySelector("a[download='${name}']").click()`);
        // The file is there before its text is.
        while (!(await Deno.stat(`${folder}/${name}`).catch(() => undefined))?.size) {
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
      assertEquals(await Deno.readTextFile(`${folder}/a.bib`), "@misc{a}\n");
      const [heads, row] = (await Deno.readTextFile(`${folder}/wide-one.csv`)).split("\r\n");
      assertEquals(heads.split(",").length, 12);
      assertEquals(row, "0.3333333333333333,,,,,,,,,,,123456789");
    });
  },
});

Deno.test({
  name: "who watches a report grow beside an older one is led to the whole one",
  ignore,
  fn: () =>
    withFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/results.json`, "{}");
      const grows = await ReportFolder.open(folder, new PageRenderer());
      await grows.write({ ...report, title: "Growing", isGrowing: true }, {});
      await using page = await openWithClock(grows.address);
      assertEquals(await page.evaluate("document.title"), "Growing");
      assertEquals(await grows.finish(report, {}), `file://${folder}/index.html`);
      // On a busy machine it reloads before it is told that the time has passed.
      await page.evaluate("letPass(4000)").catch(() => {});
      const href = await afterReload(page, `document.title === "A report" && location.href`);
      assertEquals(href, `file://${folder}/index.html`);
    }),
});
