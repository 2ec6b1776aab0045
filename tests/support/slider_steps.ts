/** Drawings of the sliders of a page's figures at each of their positions. @module */

import { assert, assertAlmostEquals } from "@std/assert";
import type { Page } from "../../scripts/support/browser.ts";

/** A figure as it is drawn at one position. */
export interface DrawnStep {
  figure: string;
  label: string;
  /** From and to of each axis, in its units. */
  axes: Record<string, [number, number]>;
  /** Pixels by which the marks reach beyond their axes, at the right or above. */
  beyond: number;
  /** The share of their axes that the marks need, the larger of across and up. */
  share: number;
  /** The drawn length of each row of horizontal bars, in the axis' unit. */
  lengths: number[];
  /** The sum of the values behind each of these rows. */
  sums: number[];
  /** A pixel for each bar of a row, in the axis' unit: plotly draws the ends of bars at whole pixels. */
  rounding: number;
}

/** Runs in the page. */
const read = `async () => {
  const once = (plot, event) => new Promise((done) => plot.once(event, done));
  const rectOf = (element) => element.getBoundingClientRect();
  const marks = ".barlayer .point path, .scatterlayer .js-line, .scatterlayer .points path";
  const steps = [];
  for (const box of document.querySelectorAll("[data-steps]")) {
    const control = box.querySelector("[data-control]"), plot = box.nextElementSibling;
    const count = control.options?.length ?? Number(control.max) + 1;
    for (let at = 0; at < count; at++) {
      const drawn = once(plot, "plotly_afterplot");
      control["options" in control ? "selectedIndex" : "value"] = at;
      control.dispatchEvent(new Event("input"));
      await drawn;
      const step = { beyond: 0, share: 0, axes: {}, lengths: [], sums: [], rounding: 0 };
      for (const [name, axis] of Object.entries(plot._fullLayout)) {
        if (/^[xy]axis\\d*$/.test(name) && axis) step.axes[name] = axis.range;
      }
      for (const [i, area] of [...plot.querySelectorAll(".nsewdrag")].entries()) {
        const { right, top, width, height } = rectOf(area);
        const rects = [...plot.querySelectorAll(".cartesianlayer > .subplot")[i].querySelectorAll(marks)]
          .map(rectOf).filter((rect) => rect.width + rect.height > 0);
        const ends = rects.map((rect) => rect.right), tops = rects.map((rect) => rect.top);
        step.beyond = Math.max(step.beyond, Math.max(...ends) - right, top - Math.min(...tops));
        step.share = Math.max(step.share, (Math.max(...ends) - (right - width)) / width,
          (top + height - Math.min(...tops)) / height);
      }
      const across = plot.data.filter(({ orientation }) => orientation === "h");
      if (across.length > 0) {
        const { range: [from, to] } = plot._fullLayout.xaxis;
        const unit = (to - from) / rectOf(plot.querySelector(".nsewdrag")).width;
        step.rounding = across.length * unit;
        step.sums = across[0].x.map((_, row) => across.reduce((sum, { x }) => sum + (x[row] ?? 0), 0));
        step.lengths = step.sums.map((_, row) => {
          const bars = [...plot.querySelectorAll(".barlayer .trace.bars")].map((trace) =>
            trace.querySelectorAll(".point")[row].querySelector("path"));
          return bars.reduce((sum, bar) => sum + rectOf(bar).width, 0) * unit;
        });
      }
      const { label } = control.options?.[at] ?? { label: JSON.parse(control.dataset.texts)[at] };
      steps.push({ figure: plot.dataset.figure, label, ...step });
    }
  }
  return steps;
}`;

/** Moves every slider of a page's live figures to each of its positions. */
export async function drawnSteps(page: Page): Promise<DrawnStep[]> {
  return await page.evaluate(`(${read})()`);
}

/** Nothing that is drawn at any position may be cut off, and bars are as long as their values. */
export function assertStepsAreWhole(steps: readonly DrawnStep[]): void {
  for (const { figure, label, beyond, lengths, sums, rounding } of steps) {
    assert(
      beyond <= 4,
      `${figure} at ${label}: marks end ${beyond.toFixed(0)} pixels beyond their axes`,
    );
    lengths.forEach((length, row) => assertAlmostEquals(length, sums[row], rounding));
  }
}
