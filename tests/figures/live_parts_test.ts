/** Figures in a page of a real browser: still at first, live with the loader, wherever that stands. */

import { assertEquals } from "@std/assert";
import { figureLoader } from "../../src/figures/loader.ts";
import { figureBundle } from "../../src/figures/show.ts";
import type { Page } from "../../scripts/support/browser.ts";
import { browserPath } from "../../scripts/support/parts.ts";
import { lines, moving } from "./fixtures.ts";
import { inPage } from "./in_page.ts";

const ignore = browserPath() === undefined;

const html = async (figure: typeof lines) => String((await figureBundle(figure))["text/html"]);

const untilLines = (page: Page, count: number) =>
  page.until(
    `document.querySelectorAll(".js-plotly-plot .js-line").length >= ${count}`,
    60_000,
    "live lines",
  );

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
      await untilLines(page, 9); // two lines in plot and legend, twice; the one that moves
      assertEquals(await page.evaluate(`document.querySelectorAll("[data-figure] img").length`), 0);
      assertEquals(await page.evaluate(`document.querySelectorAll(".js-plotly-plot").length`), 3);
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
      await untilLines(page, 4);
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
      await untilLines(page, 5);
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
      await untilLines(page, 4);
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
