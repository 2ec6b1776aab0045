/** Sliders of figures in a browser: at each position the axes that are drawn fit what is drawn. */

import { assert, assertEquals } from "@std/assert";
import { figureLoader } from "../../src/figures/loader.ts";
import { figureBundle } from "../../src/figures/show.ts";
import type { Figure } from "../../src/figures/figure.ts";
import { axis, baseLayout, linesSlider, roleBars, sliderFigure } from "../../src/figures/mod.ts";
import { prefixLayout, prefixTraces } from "../../src/inspect/mod.ts";
import { assertStepsAreWhole, drawnSteps } from "../support/slider_steps.ts";
import { browserPath } from "../../scripts/support/parts.ts";
import { inPage, loadedPlotly, untilLive } from "./in_page.ts";
import { moving } from "./fixtures.ts";

const ignore = browserPath() === undefined;

/** Activations grow with the batch, all else stays: the picture of notebook 03. */
const batches = [1, 2, 8, 64];
const bytes = (optimizer: number, batch: number) => {
  return { weight: 7e11, optimizer, activation: 1.75e11 * batch };
};
const memory: Figure = (() => {
  const steps = batches.map((batch) => {
    const bars = [{ label: "full", byRole: bytes(21e11, batch) }, {
      label: "LoRA",
      byRole: bytes(3e8, batch),
    }];
    return { label: `${batch}`, caption: `${batch} at once`, ...roleBars(bars, 260) };
  });
  const words = { id: "batch", title: "Bytes of a step", caption: "Computed.", name: "sequences" };
  return sliderFigure({ ...words, steps, layout: steps[0].layout });
})();

const lines = linesSlider(
  {
    ...{ id: "models", title: "Lines", caption: "Computed.", name: "model" },
    ...{ x: { title: "rank", log: true }, y: { title: "times", log: true } },
  },
  ["small", "large"].map((label, i) => {
    return { label, lines: [{ name: "q", x: [1, 8, 64], y: [64, 8, 1].map((y) => y * 10 ** i) }] };
  }),
);

const values = [8, 4, 2, 0.5, 0.01];
const prefix = sliderFigure({
  ...{ id: "prefix", title: "What a cut keeps", caption: "Computed.", name: "rank" },
  steps: [1, 3, 5].map((rank) => ({ label: `${rank}`, data: prefixTraces(values, rank) })),
  layout: prefixLayout(values),
});

const panels = sliderFigure({
  ...{ id: "panels", title: "Two panels", caption: "Computed.", name: "i" },
  steps: [1, 9].map((i) => ({
    label: `${i}`,
    data: ["x", "x2"].map((xaxis) => ({ type: "scatter", xaxis, x: [1, 2], y: [i, 2 * i] })),
  })),
  layout: baseLayout(axis("j", { domain: [0, 0.45] }), axis("φ"), {
    xaxis2: axis("j", { domain: [0.55, 1], anchor: "y" }),
  }),
});

const figures = [memory, lines, prefix, panels, moving];

Deno.test({
  name: "at every position nothing is cut off, bars have their lengths, and free axes follow",
  ignore,
  fn: async () => {
    const html = await Promise.all(figures.map(async (f) => (await figureBundle(f))["text/html"]));
    await inPage([...html.map(String), await figureLoader()], async (page) => {
      await untilLive(page, figures.length);
      const steps = await drawnSteps(page);
      assertEquals(steps.length, figures.flatMap(({ slider }) => slider!.steps).length);
      assertStepsAreWhole(steps);
      const byBatch = steps.filter(({ figure }) => figure === "batch");
      const sums = batches.map((batch) =>
        [21e11, 3e8].map((state) => 7e11 + state + 1.75e11 * batch)
      );
      assertEquals(
        byBatch.map(({ sums }) => sums.map(Math.round)),
        sums.map((row) => row.map(Math.round)),
      );
      for (const { figure, label, share } of steps) {
        if (figure === "batch" || figure === "panels") {
          assert(share > 0.85, `${figure} at ${label}: ${share}`);
        }
      }
    });
  },
});

Deno.test({
  name: "a front end with nothing but plotly draws the same axes at every position",
  ignore,
  fn: async () => {
    const form = (await figureBundle(memory))["application/vnd.plotly.v1+json"];
    const place = `<div id="plot" style="width:800px"></div>`;
    await inPage([place, await loadedPlotly()], async (page) => {
      const axes = await page.evaluate<[number, number, string][]>(`(async () => {
        const plot = await Plotly.newPlot("plot", ${JSON.stringify(form)}), ends = [];
        for (const { method, args } of plot.layout.sliders[0].steps) {
          await Plotly[method](plot, ...args);
          const sums = plot.calcdata.map((bars) => bars[0]).reduce((sum, { s0, s1 }) => sum + s1 - s0, 0);
          ends.push([sums, plot._fullLayout.xaxis.range[1], plot.layout.title.text]);
        }
        return ends;
      })()`);
      for (const [i, [sum, end]] of axes.entries()) {
        assert(Math.abs(sum - 28e11 - 1.75e11 * batches[i]) < 1e9, `${sum}`);
        assert(end > sum && end < 1.2 * sum, `a bar of ${sum} on an axis to ${end}`);
      }
      assertEquals(axes.at(-1)![2], "Bytes of a step<br><sub>64 at once</sub>");
    });
  },
});

Deno.test({
  name: "a choice among names is a list, numbers are a slider, and both move with the keyboard",
  ignore,
  fn: async () => {
    const html = await Promise.all(
      [lines, memory].map(async (f) => (await figureBundle(f))["text/html"]),
    );
    await inPage([...html.map(String), await figureLoader()], async (page) => {
      await untilLive(page, 2);
      const kinds = `[...document.querySelectorAll("[data-control]")].map(({ type, labels }) =>
        [type, labels[0].querySelector("span").textContent])`;
      assertEquals(await page.evaluate(kinds), [["select-one", "model"], ["range", "sequences"]]);
      await page.evaluate(`document.querySelector("input[data-control]").focus()`);
      const key = { key: "ArrowRight", code: "ArrowRight", windowsVirtualKeyCode: 39 };
      await page.send("Input.dispatchKeyEvent", { type: "keyDown", ...key });
      await page.send("Input.dispatchKeyEvent", { type: "keyUp", ...key });
      const saying = `[...document.querySelectorAll("[data-saying]")].at(-1).textContent`;
      await page.until(`${saying} === "2 at once"`, 10_000, "the second step");
      assertEquals(await page.evaluate(`document.querySelector("[data-hint]") === null`), true);
    });
  },
});

Deno.test({
  name: "where no script runs, a figure with steps shows a disabled control and says what to do",
  ignore,
  fn: async () => {
    const html = String((await figureBundle(memory))["text/html"]);
    await inPage([html.replace(/<script>[\s\S]*<\/script>/, "")], async (page) => {
      const look = `[document.querySelector("[data-control]").disabled, document.body.innerText]`;
      const [disabled, text] = await page.evaluate<[boolean, string]>(look);
      assertEquals(disabled, true);
      assert(text.includes("A picture: run the cells (Run All) to move it."), text);
    });
  },
});
