/** The site in Chromium, from a file and under a path of a server: search, sliders, copying, 400 pixels. */

import { assert, assertEquals } from "@std/assert";
import { writePages } from "../../scripts/site.ts";
import { browserOfFile, type Page } from "../../scripts/support/browser.ts";
import { browserPath } from "../../scripts/support/parts.ts";
import { serveFolder } from "../../scripts/support/serve.ts";

const ignore = browserPath() === undefined;

const open = browserOfFile();
let folder: string;

Deno.test.beforeAll(async () => {
  folder = await Deno.makeTempDir();
  const merge = {
    name: "merge",
    file: ".",
    doc: "A new model that contains the adapter.",
    url: "././~/merge.html",
  };
  const nodes = [{ ...merge, kind: [{ title: "Function" }] }];
  if (!ignore) await writePages(`${folder}/some/path`, { sources: new Set(), nodes });
});

Deno.test.afterAll(() => Deno.remove(folder, { recursive: true }));

/** One page of each kind. */
const kinds = [
  "index.html",
  "readme.html",
  "docs/first_adapter.html",
  "docs/findings.html",
  "docs/teaching/quiz.html",
  "docs/decisions/0007_the_cpu_device.html",
  "notebooks/04_train.html",
  "notebooks/12_since_2021.html",
  "code/src/methods/lora.ts.html",
];

/** A place of the site, opened from its file or over HTTP, below a path. */
async function onBoth(place: string, check: (page: Page) => Promise<void>): Promise<void> {
  await using server = serveFolder(folder);
  for (const base of [`file://${folder}/`, server.url]) {
    await using page = await open(`${base}some/path/${place}`);
    await check(page);
    assertEquals(page.errors, []);
  }
}

const press = (key: string) =>
  `document.querySelector("main").dispatchEvent(
  new KeyboardEvent("keydown", { key: "${key}", bubbles: true, cancelable: true }))`;

Deno.test({
  name: "the search is reached by a key, and finds in the guides, the notebooks and the reference",
  ignore,
  fn: () =>
    onBoth("docs/devices.html", async (page) => {
      await page.evaluate(press("/"));
      await page.evaluate(`{ const input = document.activeElement;
        input.value = "merge an adapter"; input.dispatchEvent(new Event("input", { bubbles: true })) }`);
      const links = `[...document.querySelectorAll(".found a")].map(({ href }) => href)`;
      await page.until(`${links}.length > 3`, 30_000, "results");
      const found = await page.evaluate<string[]>(links);
      assert(found.some((link) => link.endsWith("/some/path/api/~/merge.html")), found.join());
      assert(found.some((link) => link.includes("/some/path/docs/first_adapter.html")));
    }),
});

Deno.test({
  name: "a slider that holds its steps moves its figure",
  ignore,
  fn: () =>
    onBoth("notebooks/12_since_2021.html", async (page) => {
      await page.evaluate(
        `document.querySelectorAll("details").forEach((fold) => fold.open = true)`,
      );
      const slider = `document.querySelector("[data-steps] [data-control]")`;
      await page.until(`${slider}.disabled === false`, 60_000, "the slider");
      const said =
        `document.querySelector("[data-steps] [data-saying]").textContent + ${slider}.getAttribute("aria-valuetext")`;
      const before = await page.evaluate(said);
      await page.evaluate(
        `{ const one = ${slider}; one["selectedIndex" in one ? "selectedIndex" : "value"] = 1;
        one.dispatchEvent(new Event("input", { bubbles: true })) }`,
      );
      assert(before !== await page.evaluate(said));
      const hints = `document.querySelectorAll("[data-hint]").length`;
      await page.until(`${hints} === 0`, 60_000, "every slider to be live");
    }),
});

Deno.test({
  name: "code is copied as it is, without what colors it",
  ignore,
  fn: () =>
    onBoth("docs/first_adapter.html", async (page) => {
      const copied = await page.evaluate<string>(`(async () => {
        let text;
        Object.defineProperty(navigator, "clipboard", { value: { writeText: (all) => text = all } });
        const button = document.querySelector(".copied > button");
        button.click();
        await new Promise((resolve) => setTimeout(resolve, 100));
        return button.textContent + ": " + text;
      })()`);
      assert(copied.startsWith("Copied: npx -y deno task lowrank generate"), copied);
    }),
});

Deno.test({
  name: "no page scrolls sideways, wide or narrow, and none has an error",
  ignore,
  fn: async () => {
    for (const place of kinds) {
      await using page = await open(`file://${folder}/some/path/${place}`);
      for (const width of [1366, 400]) {
        await page.resize(width, 768);
        const root = "document.documentElement";
        const [seen, room] = await page.evaluate<number[]>(
          `[${root}.scrollWidth, ${root}.clientWidth]`,
        );
        assert(seen <= room, `${place} at ${width}: ${seen}`);
      }
      assertEquals(page.errors, [], place);
    }
  },
});

Deno.test({
  name: "on a phone each claim is a card as wide as the page, which says what its cells are",
  ignore,
  fn: async () => {
    await using page = await open(`file://${folder}/some/path/docs/findings.html`);
    const cells = `[...document.querySelectorAll(".claims tr:nth-child(1) td")]`;
    const widths = `${cells}.map((one) => one.getBoundingClientRect().width)`;
    await page.resize(400, 800);
    const narrow = await page.evaluate<number[]>(widths);
    assert(narrow.length > 100);
    assertEquals(narrow.filter((width) => width < 330), []);
    const said = `getComputedStyle(${cells}[1], "::before").content`;
    assertEquals(await page.evaluate(said), `"printed: "`);
    await page.resize(1366, 768);
    assertEquals(await page.evaluate(said), "none");
  },
});

Deno.test({
  name: "the picture of the first page stops, and moves again",
  ignore,
  fn: () =>
    onBoth("index.html", async (page) => {
      const click =
        `(document.querySelector("[data-stop]").click(), document.querySelector("figure img").src)`;
      assert((await page.evaluate<string>(click)).endsWith("playground_wide.svg#still"));
      assert((await page.evaluate<string>(click)).endsWith("playground_wide.svg"));
    }),
});
