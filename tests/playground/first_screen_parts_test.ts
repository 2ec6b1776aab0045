/** The first screen of the playground: question, handles, matrices and charts, and what a step changes there. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { stops } from "../../playground/path.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { openLesson } from "../../src/lesson/mod.ts";
import { browserPath } from "../../scripts/support/parts.ts";
import type { Page } from "../../scripts/support/browser.ts";
import { exactAfter } from "./lesson_checks.ts";
import { playgroundOfFile } from "./in_browser.ts";

const playground = playgroundOfFile();
const ignore = browserPath() === undefined;

/** The page on a laptop of 1366 x 768, below the bars of its browser. */
const screen = { width: 1366, height: 640 };

/** All that a stop needs. */
const needed = ["stop-text", "next", "run", "merge", "numbers", "rank", "alpha", "learningRate"]
  .concat("start", "plane", "matrix", "spectrum", "loss");

/** The lowest edge of those that are shown, and how far the page goes beyond the window's side. */
const edges = `[
  Math.max(...${JSON.stringify(needed)}.map((id) => document.getElementById(id))
    .filter((one) => one.checkVisibility()).map((one) => one.getBoundingClientRect().bottom)),
  document.documentElement.scrollWidth - document.documentElement.clientWidth,
]`;

async function open(page: Page, hash: string): Promise<void> {
  await page.goTo("about:blank"); // From one address to another of the same page, nothing is loaded.
  await page.goTo(playground.address + hash);
  await exactAfter(page, 0);
}

const click = (page: Page, id: string) => page.evaluate(`document.getElementById("${id}").click()`);

async function assertFits(page: Page, what: string): Promise<void> {
  const [bottom, beyond] = await page.evaluate<number[]>(edges);
  assert(bottom > 300 && bottom <= screen.height, `${what} ends at ${bottom}`);
  assertEquals(beyond, 0, what);
}

Deno.test({
  name:
    "at every stop question, handles, matrices and charts are on one screen, with the answer too",
  ignore,
  fn: async () => {
    await using page = await playground.open("about:blank");
    await page.resize(screen.width, screen.height);
    for (let stop = 0; stop <= stops.length; stop++) {
      await open(page, stop === 0 ? "" : `#stop=${stop}`);
      await page.evaluate(`document.querySelector("h1").prepend("Lowrank › ")`); // as in the site
      await assertFits(page, `stop ${stop}`);
      if (stop === 0) continue;
      await click(page, "stop-why");
      const answer = `document.getElementById("stop-answer")`;
      assertEquals(await page.evaluate(`${answer}.textContent`), stops[stop - 1].answer);
      const sizes = `["stop-answer", "stop-text"].map((id) =>
        getComputedStyle(document.getElementById(id)).fontSize + getComputedStyle(document.getElementById(id)).color)`;
      const [ofAnswer, ofQuestion] = await page.evaluate<string[]>(sizes);
      assertEquals(ofAnswer, ofQuestion);
      await assertFits(page, `stop ${stop} with its answer`);
    }
    assertEquals(page.errors, []);
  },
});

Deno.test({
  name: "predictions are made before the answers, and counted at the end",
  ignore,
  fn: async () => {
    await using page = await playground.open("about:blank");
    await open(page, "#stop=1");
    const said = (id: string) =>
      page.evaluate<string>(`document.getElementById("${id}").textContent`);
    for (const [i, { options, right }] of stops.entries()) {
      assertEquals([await said("predict-0-label"), await said("predict-1-label")], options);
      const ticked =
        `[...document.querySelectorAll("#predict input")].map(({ checked }) => checked)`;
      assertEquals(await page.evaluate(ticked), [false, false]);
      await click(page, "predict-0");
      await click(page, "stop-why");
      const score = `You predicted ${stops.filter(({ right }) => right === 0).length} of 8 right. `;
      const verdict = right === 0 ? "Right. " : "Not so. ";
      assertEquals(await said("stop-verdict"), i < 7 ? verdict : verdict + score);
      await click(page, "predict-1"); // Too late.
      assertEquals(await page.evaluate(ticked), [true, false]);
      await click(page, "next");
    }
    assertEquals(await said("stop-verdict"), "Right. ", "again at the first stop");
    assertEquals(await page.evaluate(`document.getElementById("stop-told").hidden`), true);
    await click(page, "leave");
    assertEquals(await page.evaluate(`document.getElementById("predict").hidden`), true);
    assertEquals(page.errors, []);
  },
});

/** Widths of the lines of the ellipses, by role. */
const widths = (id: string) =>
  `Object.fromEntries([...document.querySelectorAll("#${id} .ellipse")].map((one) =>
  [one.classList[1], parseFloat(getComputedStyle(one).strokeWidth)]))`;

Deno.test({
  name: "the ellipse of W₀ is seen under the others, and the unit circle is a line",
  ignore,
  fn: async () => {
    await using page = await playground.open("about:blank");
    await open(page, "#stop=1");
    assertEquals(await page.evaluate(`document.getElementById("matrix").hidden`), true);
    const { base, ...others } = await page.evaluate<Record<string, number>>(widths("after"));
    assertEquals(Object.keys(others), ["full", "lora", "target"]);
    // The same ellipse, at first: what is beside the others' lines is seen.
    assert(base >= 3 * Math.max(...Object.values(others)), `${base}`);
    assertEquals(await page.evaluate(widths("before")), { base: 2 });
  },
});

/** Moves a range to a value, as a reader does. */
const move = (page: Page, id: string, value: string) =>
  page.evaluate(`(({ dataset: { values } } = ${id}) => {
    ${id}.value = String(JSON.parse(values).indexOf(${value}));
    ${id}.dispatchEvent(new Event("input", { bubbles: true }));
  })(document.getElementById("${id}"))`);

Deno.test({
  name: "a run is kept under the next, of another rank beside it, and not under another task",
  ignore,
  fn: async () => {
    await using page = await playground.open("about:blank");
    await open(page, "#rank=1&steps=30");
    const line = (chart: string, role: string) =>
      page.evaluate<string>(`document.querySelector("#${chart} .line.${role}")?.getAttribute("d")`);
    const key =
      `(({ hidden, textContent }) => hidden ? "" : textContent)(document.getElementById("kept-loss"))`;
    assertEquals(await page.evaluate(key), "");
    await click(page, "keep");
    await page.until(`${key} === "kept: the same settings"`, 20_000, "the kept run");
    for (const chart of ["loss", "spectrum"]) {
      assertEquals(await line(chart, "kept"), await line(chart, "lora"), chart);
    }
    const kept = await line("spectrum", "kept");
    await move(page, "rank", "8");
    await page.until(`${key} === "kept: r = 1"`, 20_000, "its name");
    assertEquals(await line("spectrum", "kept"), kept, "as it was");
    await move(page, "seed", "3");
    await page.until(`${key} === ""`, 20_000, "another task");
    assertEquals(await line("spectrum", "kept"), undefined);
    await move(page, "seed", "8");
    await page.until(`${key} === "kept: r = 1"`, 20_000, "the same task");
    await click(page, "keep");
    await page.until(`${key} === ""`, 20_000, "nothing kept");
    assertEquals(page.errors, []);
  },
});

/** Collects elements that move by themselves, with their heights before and after. */
const watchMoves = `globalThis.moves = [];
  new PerformanceObserver((list) => moves.push(...list.getEntries().flatMap(({ sources }) =>
    sources.map(({ node, previousRect, currentRect }) =>
      [node?.id || node?.nodeName, previousRect.y, currentRect.y].join(" "))))
  ).observe({ type: "layout-shift", buffered: true });`;

/** Two frames later all that moved has been told. */
const movesSoFar =
  `new Promise((tell) => requestAnimationFrame(() => requestAnimationFrame(() => tell(moves))))`;

Deno.test({
  name: "nothing moves while the page is built, nor when steps begin and end",
  ignore,
  fn: async () => {
    await using page = await playground.open("about:blank");
    await page.send("Page.addScriptToEvaluateOnNewDocument", { source: watchMoves });
    for (const [width, height] of [[screen.width, screen.height], [400, 800]]) {
      await page.resize(width, height);
      for (const hash of ["", "#stop=1", "#stop=8"]) {
        await open(page, hash);
        assertEquals(await page.evaluate(movesSoFar), [], `${width} pixels, ${hash}`);
        await click(page, "step");
        await page.until(
          `document.getElementById("said").textContent.startsWith("After ")`,
          20_000,
          "a step",
        );
        assertEquals(await page.evaluate(movesSoFar), [], `${width} pixels, ${hash}, a step`);
      }
    }
  },
});

/** The place of what is said on a phone, and whether it is what is seen there. */
const saidInSight = `(({ left, top, bottom } = said.getBoundingClientRect()) =>
  top > 0 && bottom <= innerHeight && document.elementFromPoint(left + 9, top + 9) === said)()`
  .replaceAll("said", `document.getElementById("said")`);

Deno.test({
  name: "on a phone, what merging did is said in sight of its button",
  ignore,
  fn: async () => {
    await using page = await playground.open("about:blank");
    await page.resize(400, 800);
    await open(page, "#stop=8");
    await click(page, "merge");
    const said = `document.getElementById("said").textContent.startsWith("Merged: ")`;
    await page.until(said, 20_000, "a merge");
    assertEquals(await page.evaluate(saidInSight), true);
  },
});

Deno.test({
  name: "r = 1 and r = 8 are trained side by side, with the numbers of the library",
  ignore,
  fn: async () => {
    await using page = await playground.open("about:blank");
    await page.resize(screen.width, screen.height);
    await open(page, "");
    const textOf = (id: string) =>
      page.evaluate<string>(`document.getElementById("${id}").textContent`);
    const named = await textOf("two");
    assertEquals(named, "r = 1 beside r = 8");
    await click(page, "two");
    await page.until(`parseInt(document.querySelector("#numbers dd").textContent) > 9`, 60_000, "");
    await click(page, "run");
    await exactAfter(page, 10);
    assertMatch(await page.evaluate("location.hash"), /^#rank=1&steps=\d+&beside=8$/);
    await assertFits(page, named);
    assertEquals(await textOf("kept-loss"), "beside: r = 8");
    await assertBesideIsThatOfDeno(page);
    const [first, second] = [await colorsOf(page, "left"), await colorsOf(page, "left-beside")];
    assert(first.filter((color, i) => differ(color, second[i])).length >= 64, "r = 8 leaves less");
    await click(page, "two");
    await page.until(`document.getElementById("cell-beside").hidden`, 20_000, "one run");
    await page.until(`document.getElementById("keep").checkVisibility()`, 20_000, "its button");
    assertEquals(page.errors, []);
  },
});

/** The run beside has another rank, and all other settings in common. */
async function assertBesideIsThatOfDeno(page: Page): Promise<void> {
  const { steps, settings, losses, beside } = await exactAfter(page, 10);
  assertEquals([settings.rank, beside?.rank], [1, 8]);
  using device = await openCpuDevice({ threads: 1, blas: false });
  for (const [rank, found] of [[1, losses.lora], [8, beside?.losses]] as const) {
    using lesson = await openLesson(device, { ...settings, rank });
    await lesson.train(steps);
    assertEquals(found, (await lesson.read()).losses.lora, `r = ${rank}`);
  }
}

type Color = readonly number[];

/** The colors of a map's squares. */
async function colorsOf(page: Page, id: string): Promise<Color[]> {
  const { width, data } = await page.evaluate<{ width: number; data: number[] }>(`(() => {
    const canvas = document.getElementById("map-${id}"), { width, height } = canvas;
    return { width, data: [...canvas.getContext("2d").getImageData(0, 0, width, height).data] };
  })()`);
  assertEquals([width, data.length], [16, 4 * 256]);
  return Array.from({ length: 256 }, (_, i) => data.slice(4 * i, 4 * i + 3));
}

/** A color of sRGB in CIELAB, of white light D65. */
function labOf(color: Color): number[] {
  const [r, g, b] = color.map((part) => part / 255)
    .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  const [x, y, z] = [
    (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505,
    0.2126 * r + 0.7152 * g + 0.0722 * b,
    (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089,
  ].map((part) => part > 216 / 24389 ? Math.cbrt(part) : (841 / 108) * part + 4 / 29);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

/** Two colors that differ by this much are just seen to differ (CIE 1976). */
const justSeen = 2.3;

const differ = (a: Color, b: Color): boolean =>
  Math.hypot(...labOf(a).map((part, i) => part - labOf(b)[i])) >= justSeen;

Deno.test({
  name: "one step is seen in the map of s·B·A, in light and dark",
  ignore,
  fn: async () => {
    await using page = await playground.open("about:blank");
    for (const value of ["light", "dark"]) {
      const features = [{ name: "prefers-color-scheme", value }];
      await page.send("Emulation.setEmulatedMedia", { features });
      await open(page, "");
      const before = await colorsOf(page, "lora");
      assertEquals(new Set(before.map(String)).size, 1, "B is zero");
      await click(page, "step");
      await exactAfter(page, 1);
      const after = await colorsOf(page, "lora");
      const seen = after.filter((color, i) => differ(color, before[i])).length;
      assert(seen >= 128, `${seen} of 256 squares, ${value}`);
    }
  },
});

Deno.test({
  name: "W₀ + s·B·A is W₀ before the first step, and what Merge makes after the last",
  ignore,
  fn: async () => {
    await using page = await playground.open("about:blank");
    await open(page, "");
    assertEquals(await colorsOf(page, "sum"), await colorsOf(page, "base"));
    await open(page, "#stop=8");
    const base = await colorsOf(page, "base"), sum = await colorsOf(page, "sum");
    assert(sum.filter((color, i) => differ(color, base[i])).length >= 128, "it has learned");
    await click(page, "merge");
    await page.until(
      `document.getElementById("sum-title").textContent === "merged"`,
      20_000,
      "a merge",
    );
    const merged = await colorsOf(page, "sum");
    // A value in F32 may be rounded over the edge between two levels of color.
    const levels = merged.flatMap((color, i) =>
      color.map((part, at) => Math.abs(part - sum[i][at]))
    );
    assert(Math.max(...levels) <= 1, `${Math.max(...levels)} levels`);
    assertEquals(page.errors, []);
  },
});
