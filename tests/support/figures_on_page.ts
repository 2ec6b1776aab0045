/**
 * Figures and sliders on a page, in JupyterLab and in an exported page.
 *
 * @module
 */

import type { Page } from "../../scripts/support/browser.ts";

/** A library of 1 MB is unpacked first, then each figure is drawn. */
const drawMs = 180_000;

const places = `[...document.querySelectorAll("[data-figure]")]`;
/** Drawn, with a size, and not cut by the output around it. */
const isLive = `(place) => {
  const picture = place.querySelector(".main-svg")?.getBoundingClientRect();
  const around = (place.closest(".jp-OutputArea-output") ?? document.body).getBoundingClientRect();
  return picture?.width > 100 && picture.height > 100 && picture.bottom <= around.bottom &&
    picture.right <= around.right;
}`;
const hasSize =
  `(image) => image.naturalWidth > 100 && image.clientWidth > 100 && image.clientHeight > 50`;

/** Unfolds the results below predictions, as far as they are there: what is folded has no size. */
export const unfold = `document.querySelectorAll(".jp-OutputArea details")
  .forEach((details) => { details.open = true; })`;

/** Waits until a page has this many live figures with a size, and no others. */
export async function untilFiguresLive(page: Page, count: number): Promise<void> {
  const live = `(${unfold}, ${places}.length === ${count} && ${places}.every(${isLive}))`;
  try {
    await page.until(live, drawMs, `${count} live figures`);
  } catch (error) {
    const found = await page.evaluate(`${places}.map((place) =>
      place.dataset.figure + ((${isLive})(place) ? " live" : " still")).join(", ")`);
    throw new Error(`${(error as Error).message}; found ${found || "none"}`);
  }
}

/** Waits until a page shows this many still pictures of figures, each with a size. */
export async function untilFiguresStill(page: Page, count: number): Promise<void> {
  const pictures = `[...document.querySelectorAll(".plot img[src^='data:image/svg+xml']")]`;
  const still = `(${unfold}, ${pictures}.filter(${hasSize}).length === ${count})`;
  await page.until(still, drawMs, `${count} still figures`);
  const live = await page.evaluate<number>(`document.querySelectorAll(".main-svg").length`);
  if (live > 0) throw new Error(`a page that runs no script has ${live} live figures`);
}

/** Outputs without a height: nothing of them can be seen. */
export async function emptyOutputs(page: Page): Promise<number> {
  return await page.evaluate(`[...document.querySelectorAll(".jp-OutputArea-output")]
    .filter((output) => output.getBoundingClientRect().height < 4).length`);
}

/** Controls of a kind of slider, and the place of its picture. */
interface SliderKind {
  /** Its controls: ranges and lists. */
  controls: string;
  /** From a control to the element with the picture. */
  picture: string;
}

/** A figure's own, which needs no kernel. */
export const pageSlider: SliderKind = {
  controls: "[data-steps] [data-control]",
  picture: `control.closest("[data-steps]").nextElementSibling.querySelector(".cartesianlayer")`,
};

/** One that asks the kernel. */
export const kernelSlider: SliderKind = {
  controls: "[data-slider] [data-control]",
  picture: `control.closest("[data-slider]").querySelector("[data-picture]")`,
};

/** Moves each control of a kind until its picture is another; returns how many there are. */
export async function moveSliders(
  page: Page,
  { controls, picture }: SliderKind,
): Promise<number> {
  const tracks = `[...document.querySelectorAll(${JSON.stringify(controls)})]`;
  const count = await page.evaluate<number>(`${tracks}.length`);
  for (let index = 0; index < count; index++) {
    const slider = `${tracks}[${index}]`, drawn = `((control) => ${picture}.innerHTML)(${slider})`;
    await page.evaluate(`void (globalThis.before = ${drawn})`);
    const end = performance.now() + drawMs;
    // A page that is still being laid out may miss a click.
    for (let share = 0.95, moved = false; !moved; share = 1.45 - share) {
      if (performance.now() > end) throw new Error(`slider ${index + 1} changed no picture`);
      if (!await choose(page, slider)) await click(page, slider, share);
      moved = await changes(page, drawn);
    }
  }
  return count;
}

/** True if the drawing changes within two seconds. */
async function changes(page: Page, drawn: string): Promise<boolean> {
  return await page.evaluate(`new Promise((done) => {
    const end = performance.now() + 2000;
    const look = () => {
      if (${drawn} !== before) done(true);
      else if (performance.now() > end) done(false);
      else setTimeout(look, 50);
    };
    look();
  })`);
}

/** Chooses the next entry of a list, as a reader does; false if the element is none. */
async function choose(page: Page, element: string): Promise<boolean> {
  return await page.evaluate(`(({ options, selectedIndex }, list) => {
    if (!options) return false;
    list.selectedIndex = (selectedIndex + 1) % options.length;
    list.dispatchEvent(new Event("input", { bubbles: true }));
    return true;
  })(${element}, ${element})`);
}

/** Clicks an element at a share of its width. */
async function click(page: Page, element: string, share: number): Promise<void> {
  const { x, y } = await page.evaluate<{ x: number; y: number }>(`(() => {
    const element = ${element};
    element.scrollIntoView({ block: "center", behavior: "instant" });
    const { x, y, width, height } = element.getBoundingClientRect();
    return { x: x + ${share} * width, y: y + height / 2 };
  })()`);
  for (const type of ["mousePressed", "mouseReleased"]) {
    const button = { button: "left", buttons: type === "mousePressed" ? 1 : 0, clickCount: 1 };
    await page.send("Input.dispatchMouseEvent", { type, x, y, ...button });
  }
}

/** The highest piece of a page that one picture holds. */
const pieceHeight = 4000;

/** Writes pictures of a tab of this height, from the top down: `PATH_1.png`, … */
export async function screenshots(page: Page, path: string, height: number): Promise<void> {
  for (let y = 0, piece = 1; y < height; y += pieceHeight, piece++) {
    const clip = { x: 0, y, width: 1280, height: Math.min(pieceHeight, height - y), scale: 1 };
    const { data } = await page.send("Page.captureScreenshot", { format: "png", clip });
    await Deno.writeFile(`${path}_${piece}.png`, Uint8Array.fromBase64(data));
  }
}
