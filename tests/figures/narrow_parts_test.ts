/** Figures in a narrow place of a real browser: nothing of them is cut, overlapped or squeezed. */

import { assert, assertEquals } from "@std/assert";
import { axis, baseLayout, type Figure } from "../../src/figures/figure.ts";
import { heatmaps } from "../../src/figures/heatmaps.ts";
import { figureLoader } from "../../src/figures/loader.ts";
import { plotHtml } from "../../src/figures/show.ts";
import type { Page } from "../support/browser.ts";
import { browserPath } from "../support/parts.ts";
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

Deno.test({
  name: "a figure that fits keeps its height",
  ignore,
  fn: drawn(curves, 1200, async (page) => {
    const [{ height }] = await boxes(page, ".plot");
    assertEquals(height, 260);
  }),
});
