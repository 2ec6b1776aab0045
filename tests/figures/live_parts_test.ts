/** Figures in a page of a real browser: still at first, live with the loader, wherever that stands. */

import { assertEquals } from "@std/assert";
import { figureBundle } from "../../src/figures/bundle.ts";
import { figureLoader } from "../../src/figures/figure_card.ts";
import { Browser, type Page } from "../support/browser.ts";
import { withFolder } from "../support/folders.ts";
import { browserPath } from "../support/parts.ts";
import { lines, moving } from "./fixtures.ts";

const ignore = browserPath() === undefined;

/** Opens parts of a page as a file, and asks it something. */
async function inPage(
  parts: readonly string[],
  ask: (page: Page) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const path = `${folder}/page.html`;
    await Deno.writeTextFile(path, `<!doctype html><meta charset="utf-8">${parts.join("\n")}`);
    await using browser = await Browser.start();
    await using page = await browser.open(`file://${path}`);
    await ask(page);
    assertEquals(page.errors, []);
  });
}

const html = async (figure: typeof lines) => String((await figureBundle(figure))["text/html"]);

const untilLive = (page: Page, count: number) =>
  page.until(
    `document.querySelectorAll(".js-plotly-plot .js-line").length >= ${count}`,
    60_000,
    "live lines",
  );

/** What the plot draws, and where its place ends. */
const drawn = (page: Page, id: string) =>
  page.evaluate<string>(`document.querySelector("[data-figure=${id}] .js-line").getAttribute("d")`);

Deno.test({
  name: "without the loader the still picture stays, as wide as its card",
  ignore,
  fn: async () => {
    await inPage([await html(lines)], async (page) => {
      const size = `(({ naturalWidth, width }) => [naturalWidth, width > 700])`;
      assertEquals(await page.evaluate(`${size}(document.querySelector("[data-figure] img"))`), [
        800,
        true,
      ]);
    });
  },
});

Deno.test({
  name: "figures before and after the loader become live, and a second loader is harmless",
  ignore,
  fn: async () => {
    const loader = await figureLoader(), figure = await html(lines);
    await inPage([figure, loader, figure, loader, await html(moving)], async (page) => {
      await untilLive(page, 9); // two lines in plot and legend, twice; the one that moves
      assertEquals(await page.evaluate(`document.querySelectorAll("[data-figure] img").length`), 0);
      assertEquals(await page.evaluate(`document.querySelectorAll(".js-plotly-plot").length`), 3);
    });
  },
});

Deno.test({
  name: "a step of the slider changes the picture and the line above it",
  ignore,
  fn: async () => {
    await inPage([await figureLoader(), await html(moving)], async (page) => {
      await untilLive(page, 1);
      const before = await drawn(page, "moving");
      const { x, y } = await page.evaluate<{ x: number; y: number }>(`(() => {
        const { right, y, height } = document.querySelector(".slider-rail-touch-rect").getBoundingClientRect();
        return { x: right - 4, y: y + height / 2 };
      })()`);
      const press = { x, y, button: "left", clickCount: 1 };
      await page.send("Input.dispatchMouseEvent", { type: "mousePressed", ...press });
      await page.send("Input.dispatchMouseEvent", { type: "mouseReleased", ...press });
      await page.until(
        `document.querySelector(".gtitle")?.textContent === "three times 3 is 9"`,
        10_000,
        "the last step",
      );
      assertEquals(before === await drawn(page, "moving"), false);
    });
  },
});

Deno.test({
  name: "a page with require.js and another plotly keeps both",
  ignore,
  fn: async () => {
    const others = `<script>
      globalThis.registered = 0;
      globalThis.define = () => { registered++; };
      define.amd = {};
      globalThis.Plotly = "another";
    </script>`;
    await inPage([others, await figureLoader(), await html(lines)], async (page) => {
      await untilLive(page, 4);
      assertEquals(await page.evaluate(`[registered, Plotly]`), [0, "another"]);
    });
  },
});

Deno.test({
  name: "scripts that a front end moves behind the whole output find their own figures",
  ignore,
  fn: async () => {
    const both = (await html(lines)) + (await html(moving));
    const scripts = both.match(/<script>[\s\S]*?<\/script>/g)!;
    const moved = `<div>${both.replaceAll(/<script>[\s\S]*?<\/script>/g, "")}${
      scripts.join("")
    }</div>`;
    await inPage([moved, await figureLoader()], async (page) => {
      await untilLive(page, 5);
      assertEquals(await page.evaluate(`document.querySelectorAll(".js-plotly-plot").length`), 2);
    });
  },
});

Deno.test({
  name: "a figure that is hidden at first is drawn when it is seen, and follows the window's width",
  ignore,
  fn: async () => {
    const hidden = `<div id="tab" style="display:none">${await html(lines)}</div>`;
    await inPage([await figureLoader(), hidden], async (page) => {
      await page.until("globalThis.lowrankFigures", 10_000, "the loader");
      await page.evaluate(`void (document.querySelector("#tab").style.display = "block")`);
      await untilLive(page, 4);
      const size = async () =>
        await page.evaluate<[number, number]>(`(({ width, height }) => [width, height])(
          document.querySelector(".main-svg").getBoundingClientRect())`);
      const [wide, high] = await size();
      await page.resize(500, 800);
      await page.until(
        `document.querySelector(".main-svg").clientWidth < 500`,
        10_000,
        "a narrower plot",
      );
      assertEquals([(await size())[1], wide > 700], [high, true]);
    });
  },
});
