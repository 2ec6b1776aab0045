/** Figures in a narrow place of a real browser: nothing of them is cut, overlapped or squeezed. */

import { assert, assertEquals } from "@std/assert";
import { grouped } from "../../src/core/numbers.ts";
import { axis, baseLayout, type Figure, ticksAt } from "../../src/figures/figure.ts";
import { heatmaps } from "../../src/figures/heatmaps.ts";
import { figureLoader } from "../../src/figures/loader.ts";
import { plotHtml } from "../../src/figures/show.ts";
import type { Page } from "../../scripts/support/browser.ts";
import { browserPath } from "../../scripts/support/parts.ts";
import { inPage, untilLive } from "./in_page.ts";

const ignore = browserPath() === undefined;

const words = { id: "narrow", title: "", caption: "" };

const panels: Figure = {
  ...words,
  ...heatmaps({
    columns: ["<i>ΔW</i><sub>q</sub>, r = 4", "<i>ΔW</i><sub>q</sub>, r = 64", "random, r = 64"],
    rows: [{ label: "layer 1: i", panels: [[[0, 1]], [[0, 1]], [[0, 1]]] }],
    xTitle: "j",
    panelHeight: 120,
  }),
};

const curves: Figure = {
  ...words,
  data: Array.from({ length: 7 }, (_, i) => ({
    ...{ type: "scatter", name: `a curve with a long name, ${i}` } as const,
    ...{ x: [0, 1], y: [0, i] },
  })),
  layout: baseLayout(
    axis("held-out loss on all of the pairs (nats per token)"),
    axis("share"),
    { height: 260 },
  ),
};

const manyPanels: Figure = {
  ...words,
  ...heatmaps({
    columns: ["q", "v", "Gaussian"].flatMap((name) => [`${name}, layer 1`, `${name}, layer 2`]),
    rows: [{ label: "i", panels: Array.from({ length: 6 }, () => [new Array(64).fill(0.5)]) }],
    xTitle: "j (r = 64)",
    panelHeight: 120,
  }),
};

const besides: Figure = {
  ...words,
  data: ["", "2", "3"].map((at) => ({
    ...{ type: "scatter", x: [0, 100], y: [0, 1] } as const,
    xaxis: `x${at}`,
  })),
  layout: baseLayout(axis("a", { domain: [0, 0.32], range: [0, 100] }), axis("y"), {
    xaxis2: axis("b", { domain: [0.34, 0.66], range: [0, 100] }),
    xaxis3: axis("c", { domain: [0.68, 1], range: [0, 100] }),
    showlegend: false,
  }),
};

const unevenTicks: Figure = {
  ...words,
  data: [{ type: "scatter", x: [16, 6376], y: [0, 1] }],
  layout: baseLayout(
    axis("values", { type: "log", ...ticksAt([16, 64, 256, 750, 1594, 3188, 6376], grouped) }),
    axis("y"),
  ),
};

/** Draws a figure in a place so many pixels wide. */
const drawn = (figure: Figure, width: number, ask: (page: Page) => Promise<void>) => {
  const place = `<div style="width:${width}px">${plotHtml(figure, "<svg></svg>")}</div>`;
  return async () =>
    await inPage([place, await figureLoader()], async (page) => {
      await untilLive(page, 1);
      await page.evaluate("new Promise((done) => setTimeout(done, 200))");
      await ask(page);
    });
};

type Box = { left: number; right: number; height: number };

const boxes = (page: Page, selector: string) =>
  page.evaluate<Box[]>(
    `[...document.querySelectorAll(${
      JSON.stringify(selector)
    })].map((part) => part.getBoundingClientRect())
    .map(({ left, right, height }) => ({ left, right, height }))`,
  );

Deno.test({
  name: "headings of panels break into lines and do not overlap",
  ignore,
  fn: drawn(panels, 310, async (page) => {
    const headings = await boxes(page, ".annotation");
    assertEquals(headings.length, 3);
    for (const [i, { left }] of headings.slice(1).entries()) assert(headings[i].right <= left);
    const lines = await page.evaluate<string[]>(
      `[...document.querySelectorAll(".annotation .line")].map((line) => line.textContent)`,
    );
    assertEquals(lines.map((line) => line.replaceAll("\u00a0", " ").replaceAll("\u200b", "")), [
      ...["ΔWq,", "r = 4", "ΔWq,", "r = 64", "random,", "r = 64"],
    ]);
  }),
});

Deno.test({
  name: "a legend of many rows adds its height, and a long axis title is whole",
  ignore,
  fn: drawn(curves, 310, async (page) => {
    const [{ height }] = await boxes(page, ".nsewdrag"), [plot] = await boxes(page, ".plot");
    assert(height > 80, `the plot is ${height} pixels high`);
    const [title] = await boxes(page, ".xtitle");
    assert(title.left >= plot.left && title.right <= plot.right);
  }),
});

const xLabels = ":is(.xtick, .x2tick, .x3tick, .x4tick, .x5tick, .x6tick) > text";

/** Asserts that parts are beside each other, and returns their texts. */
async function areApart(page: Page, selector: string): Promise<string[]> {
  const parts = (await boxes(page, selector)).sort((a, b) => a.left - b.left);
  for (const [i, { left }] of parts.slice(1).entries()) assert(parts[i].right <= left);
  const list = `document.querySelectorAll(${JSON.stringify(selector)})`;
  return await page.evaluate<string[]>(`[...${list}].map((part) => part.textContent)`);
}

Deno.test({
  name: "headings with a word longer than a panel stand upright, and nothing below overlaps",
  ignore,
  fn: drawn(manyPanels, 370, async (page) => {
    assertEquals((await areApart(page, ".annotation")).length, 6);
    for (const { height } of await boxes(page, ".annotation")) assert(height > 40, `${height}`);
    const [{ left, right }] = await boxes(page, ".plot");
    assert(
      (await boxes(page, ".annotation")).every((box) => left <= box.left && box.right <= right),
    );
    const titles = await boxes(page, "[class$=title]:is([class^=x])");
    assertEquals(titles.length, 6);
    for (const [i, { left }] of titles.slice(1).entries()) assert(titles[i].right <= left);
    assertEquals((await areApart(page, xLabels)).slice(0, 2), ["1", "33"]); // of 1, 17, 33, 49
  }),
});

Deno.test({
  name: "the last number below a panel gives way to the next panel's first",
  ignore,
  fn: drawn(besides, 310, async (page) => {
    assertEquals(await areApart(page, xLabels), ["0", "50", "0", "50", "0", "50", "100"]);
  }),
});

Deno.test({
  name: "numbers that would touch are fewer and level; where there is room, all are there",
  ignore,
  async fn() {
    await drawn(unevenTicks, 330, async (page) => {
      assertEquals(await areApart(page, xLabels), ["16", "256", "1,594", "6,376"]);
    })();
    await drawn(unevenTicks, 900, async (page) => {
      assertEquals((await areApart(page, xLabels)).length, 7);
    })();
  },
});

Deno.test({
  name: "marks at the ends of an axis are whole, and lines end there",
  ignore,
  async fn() {
    const at = { x: [0, 100], y: [0, 1] };
    const layout = baseLayout(axis("x", { range: [0, 100] }), axis("y", { range: [0, 1] }));
    const data = (["markers", "lines"] as const).map((mode) => ({
      ...{ type: "scatter", mode, ...at } as const,
    }));
    await drawn({ ...words, data, layout }, 310, async (page) => {
      const cut = (part: string) =>
        page.evaluate(`document.querySelector("${part}").closest("[clip-path^=url]") !== null`);
      assertEquals([await cut("path.point"), await cut("path.js-line")], [false, true]);
    })();
  },
});

Deno.test({
  name: "a figure that fits keeps its height",
  ignore,
  fn: drawn(curves, 1200, async (page) => {
    const [{ height }] = await boxes(page, ".plot");
    assertEquals(height, 260);
  }),
});
