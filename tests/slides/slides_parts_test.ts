/** The slides from a file, without a network: one at a time, by keys, with the library's numbers. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { buildSlides } from "../../scripts/slides.ts";
import { plan, type Row } from "../../slides/cut.ts";
import { gpt2StepBytes } from "../../src/accounting/mod.ts";
import { catalog } from "../../src/architectures/mod.ts";
import { palette } from "../../src/figures/figure.ts";
import { Browser, type Page } from "../../scripts/support/browser.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { browserPath } from "../../scripts/support/parts.ts";
import "../support/open_lapack.ts";
import { listen, violations } from "../support/policy.ts";

/** Slides that are shown, by their places from 1. */
const shown = `[...document.querySelectorAll(".slide")].flatMap((one, i) =>
  one.checkVisibility() ? [i + 1] : [])`;

async function press(page: Page, key: string): Promise<void> {
  for (const type of ["keyDown", "keyUp"]) {
    await page.send("Input.dispatchKeyEvent", { type, key });
  }
}

/** GPT-3 175B at the peak of a step: times less memory with LoRA. */
function timesLess(): number {
  const { config } = catalog["gpt3-175b"], step = { batch: 1, length: 2048 };
  const [full, lora] = [undefined, { rank: 4, sites: ["q", "v"] }].map((lora) =>
    Object.values(gpt2StepBytes(config, { ...step, lora })!).reduce((sum, bytes) => sum + bytes)
  );
  return full / lora;
}

function assertWellMade(html: string): void {
  const slides = html.split(/<section /).slice(1);
  assert(html.length < 2e6, `${html.length} characters`);
  for (const slide of slides) {
    const answersStop = /The playground, stop \d/.test(slide) && !slide.includes("slide question");
    assert(!answersStop || slide.includes("slide answer"), "a stop's answer follows its question");
    assertMatch(slide, /<h2 id="[^"]+" tabindex="-1">[^]*?<\/h2>/);
    assertMatch(slide, /<figure><(picture|p class="formula"|div class="scroll( code)?")/);
  }
  const kinds = slides.map((slide) => /class="slide (\w+)"/.exec(slide)![1]);
  kinds.forEach((kind, i) => assertEquals(kind === "question", kinds[i + 1] === "answer"));
  assertEquals(html.match(/(?:src|srcset|href)="(?!data:)[^"]*"/g), null);
  assertEquals(html.match(/https?:\/\/(?!www\.w3\.org\/)/g), null);
  const numbers = Map.groupBy(html.matchAll(/data-number="(\w+)">([^<]+)</g), ([, name]) => name);
  const numberOf = (name: string) => numbers.get(name)![0][2];
  assertEquals(numberOf("less"), timesLess().toFixed(2));
  assertEquals(Number(numberOf("chance")), 64 / 256);
  assertEquals([numberOf("same"), numberOf("restored")], ["3", "3"]);
  // The quiz and the instructor notes say these.
  assertEquals(numberOf("fewer"), "9,251");
  const needed = ["random", "weight", "product", "learned"].map(numberOf);
  assertEquals(needed, ["88", "56", "30", "13"]);
}

/** Each line of a plot has a color of its own on dark paper too, where the blues of LoRA are one. */
function assertTold(html: string): void {
  const pictures = html.matchAll(/data:image\/svg\+xml;base64,([^"]+)/g);
  const blues = Array.from(pictures, ([, data]) => {
    const svg = atob(data);
    return palette.lora.filter((blue) => svg.includes(`style="fill:none;stroke:${blue}`)).length;
  });
  assert(blues.includes(1));
  assertEquals(blues.filter((count) => count > 1), []);
}

/** The Markdown has the same slides, each with its title, its notes, and all of its numbers. */
function assertEditable(markdown: string, html: string): void {
  const slides = markdown.split("\n---\n");
  assertEquals(slides.length, html.split(/<section /).length - 1);
  for (const slide of slides) assertMatch(slide, /^\s*## \S[^]*<!-- Minute \d+\. \S[^]* -->\n$/);
  assertEquals(markdown.replaceAll(/^\$\$.*\$\$$/gm, "").match(/\{\w+\}|<(picture|svg)/g), null);
  assert(markdown.includes("$$W' = W_0 + s\\, B A$$"));
  assert(markdown.includes("13 of 256") && markdown.includes("](data:image/svg+xml;base64,"));
}

async function assertKeysWork(page: Page): Promise<void> {
  const last = await page.evaluate<number>(`document.querySelectorAll(".slide").length`);
  assertEquals(await page.evaluate(shown), [1]);
  const places = { ArrowRight: 2, " ": 3, ArrowLeft: 2, End: last, Home: 1 };
  for (const [key, place] of Object.entries(places)) {
    await press(page, key);
    assertEquals(await page.evaluate(shown), [place], key);
    assertEquals(await page.evaluate("location.hash"), `#slide-${place}`);
    assertEquals(await page.evaluate("document.activeElement.id"), `slide-${place}-title`);
  }
  await page.evaluate(`document.getElementById("next").click()`);
  assertEquals(await page.evaluate(shown), [2]);
}

/** The number of a slide is an address too, and becomes that of the slide. */
async function assertNumbersLead(page: Page): Promise<void> {
  await page.evaluate(`new Promise((done) => {
    addEventListener("hashchange", done, { once: true });
    location.hash = "14";
  })`);
  assertEquals(await page.evaluate(shown), [14]);
  assertEquals(await page.evaluate("location.hash"), "#slide-14");
}

/** N shows the words and the minute of a slide, and hides them again. */
async function assertNotesWork(page: Page): Promise<void> {
  const notes = `[...document.querySelectorAll(".notes")].filter((one) => one.checkVisibility())
    .map(({ textContent }) => textContent)`;
  assertEquals(await page.evaluate(notes), []);
  await press(page, "n");
  const [words] = await page.evaluate<string[]>(notes);
  assertMatch(words, /^Minute \d+\. \S/);
  assertMatch(
    await page.evaluate("document.getElementById('clock').textContent"),
    /^0 min, plan \d+$/,
  );
  await press(page, "n");
  assertEquals(await page.evaluate(notes), []);
}

const slidesIn = ([, , first, last]: Row): number => last - first + 1;

/** The places that are named below the slides, each once. */
const footers = `(() => {
  const slides = [...document.querySelectorAll(".slide")];
  const shown = slides.findIndex((one) => one.matches(".shown"));
  const words = slides.map((slide) => {
    slides.forEach((one) => one.classList.toggle("shown", one === slide));
    return slide.querySelector(".foot > span").innerText.trim();
  });
  slides.forEach((one, i) => one.classList.toggle("shown", i === shown));
  return [...new Set(words)].filter(Boolean);
})()`;

/** The cut leaves out slides in both directions, has its own minutes, and goes again. */
async function assertCutWorks(page: Page): Promise<void> {
  const short = `document.getElementById("forty-five-minutes")`;
  const minute = `document.querySelector(".shown .notes").textContent.match(/\\d+/)[0]`;
  await page.evaluate(`${short}.click()`);
  for (const key of ["Home", ...Array(9).fill("ArrowRight")]) await press(page, key);
  assertEquals([await page.evaluate(shown), await page.evaluate(minute)], [[11], "10"]);
  assertEquals(await page.evaluate(footers), ["The playground"]);
  await press(page, "ArrowLeft");
  assertEquals(await page.evaluate(shown), [9]);
  await page.send("Emulation.setEmulatedMedia", { media: "print" });
  assertEquals(
    await page.evaluate(`${shown}.length`),
    plan.reduce((sum, row) => sum + slidesIn(row), 0),
  );
  await page.send("Emulation.setEmulatedMedia", { media: "" });
  await page.evaluate(`${short}.click()`);
  await press(page, "ArrowRight");
  assertEquals([await page.evaluate(shown), await page.evaluate(minute)], [[10], "14"]);
  assertEquals(
    (await page.evaluate<string[]>(footers)).filter((words) => !/notebook \d\d$/i.test(words)),
    [],
  );
}

/** Every slide fits on a projector, and into the width of a phone. */
async function assertFits(page: Page): Promise<void> {
  const overflows = (size: string) =>
    page.evaluate<number[]>(
      `[...document.querySelectorAll(".slide")].map((slide, i) => {
      dispatchEvent(new KeyboardEvent("keydown", { key: i === 0 ? "Home" : "ArrowRight" }));
      const page = document.documentElement;
      return ${size};
    })`,
    );
  await page.resize(1280, 720);
  const above = await overflows(
    "Math.max(slide.scrollHeight - slide.clientHeight, page.scrollHeight - 720)",
  );
  assertEquals(above.filter((pixels) => pixels > 0), []);
  await page.resize(400, 800);
  const beside = await overflows("page.scrollWidth - 400");
  assertEquals(beside.filter((pixels) => pixels > 0), []);
}

/** Letters of a picture are read from the last row if they are this share of a projector's height. */
const readable = 0.03;

/** The least letters of each slide's pictures, as a share of the window's height. */
const letters = `(async () => {
  const all = [];
  for (const [i, slide] of [...document.querySelectorAll(".slide")].entries()) {
    dispatchEvent(new KeyboardEvent("keydown", { key: i === 0 ? "Home" : "ArrowRight" }));
    for (const image of slide.querySelectorAll("picture img")) {
      await image.decode();
      const { width, height } = image.getBoundingClientRect();
      const scale = Math.min(width / image.naturalWidth, height / image.naturalHeight);
      const drawing = document.createElement("div");
      drawing.innerHTML = new TextDecoder().decode(
        Uint8Array.fromBase64(image.currentSrc.split(",")[1]));
      document.body.append(drawing);
      const sizes = [...drawing.querySelectorAll("text")].filter((one) => one.textContent.trim())
        .map((one) => parseFloat(getComputedStyle(one).fontSize));
      drawing.remove();
      all.push([i + 1, scale * Math.min(...sizes) / innerHeight]);
    }
  }
  return all;
})()`;

async function assertReadable(page: Page): Promise<void> {
  await page.resize(1280, 720);
  const found = await page.evaluate<(readonly [slide: number, share: number])[]>(letters);
  assert(found.length > 15, `${found.length} pictures`);
  assertEquals(found.filter(([, share]) => !(share >= readable)), []);
}

Deno.test({
  name: "the slides have the library's numbers, need no network, and move by keys",
  ignore: browserPath() === undefined,
  fn: () =>
    withFolder(async (folder) => {
      await buildSlides(folder);
      const html = await Deno.readTextFile(`${folder}/index.html`);
      assertWellMade(html);
      assertTold(html);
      assertEditable(await Deno.readTextFile(`${folder}/slides.md`), html);
      await using browser = await Browser.start();
      await using page = await browser.open("about:blank");
      await page.send("Page.addScriptToEvaluateOnNewDocument", { source: listen });
      await page.goTo(`file://${folder}/index.html`);
      await assertKeysWork(page);
      await assertNumbersLead(page);
      await assertNotesWork(page);
      await assertCutWorks(page);
      await assertFits(page);
      await assertReadable(page);
      await page.send("Emulation.setEmulatedMedia", { media: "print" });
      const count = await page.evaluate<number>(`${shown}.length`);
      assertEquals(count, await page.evaluate(`document.querySelectorAll(".slide").length`));
      assertEquals(await violations(page), []);
      assertEquals(page.errors, []);
    }),
});
