/** The playground for readers with a small screen, with keys alone, with a screen reader, or without a GPU; answers are in sight. */

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { formatState, hideable, hiding, initial } from "../../playground/state.ts";
import { lessonHandles, memoryHandles, tinyHandles } from "../../playground/views/handles.ts";
import type { Page } from "../../scripts/support/browser.ts";
import { browserPath } from "../../scripts/support/parts.ts";
import { playgroundOfFile, press } from "./in_browser.ts";
import { exactAfter } from "./lesson_checks.ts";

const playground = playgroundOfFile();
const ignore = browserPath() === undefined;

/** Everything that can be opened is open, as a name or a width may hide there. */
const openAll = `{
  document.querySelectorAll("details").forEach((one) => one.open = true);
  const why = document.getElementById("stop-why");
  if (why.checkVisibility()) why.click();
}`;

async function goTo(page: Page, address: string): Promise<void> {
  await page.goTo("about:blank"); // From one address to another of the same page, nothing is loaded.
  await page.goTo(address);
  await page.until(`document.querySelector("#exact pre").textContent`, 20_000, "the lesson");
  await page.until(`document.getElementById("bytes").rows.length > 5`, 20_000, "bytes");
  await page.evaluate(openAll);
}

/** Ticking hides a part and a handle here and in the link, which hides them in another page. */
async function assertHides(page: Page, address: string): Promise<void> {
  const seen = (ids: string[]) =>
    page.evaluate<boolean[]>(
      `${JSON.stringify(ids)}.map((id) => document.getElementById(id).checkVisibility())`,
    );
  const hidden = ["tiny", "alpha"], ids = ["tiny", "alpha", "rank", "planted", "memory"];
  await goTo(page, `${address}#alpha=2`);
  assertEquals(await seen(ids), [true, true, true, true, true]);
  for (const name of hidden) {
    await page.evaluate(`document.getElementById("hide-${name}").click()`);
  }
  assertEquals(await seen(ids), [false, false, true, true, true]);
  const link = await page.evaluate<string>(`document.getElementById("link").value`);
  assertEquals(link, `${address}#alpha=2&hide=tiny,alpha`);
  await goTo(page, link);
  assertEquals(await seen(ids), [false, false, true, true, true]);
  const settings = `JSON.parse(document.querySelector("#exact pre").textContent).settings`;
  assertEquals(await page.evaluate(`${settings}.alpha`), 2);
  await page.evaluate(`document.getElementById("show-all").click()`);
  assertEquals(await seen(ids), [true, true, true, true, true]);
}

/** All can be hidden, and what is not known is said. */
async function assertUnknownIsSaid(page: Page, address: string): Promise<void> {
  const hash = formatState({ ...initial, hide: hiding(hideable) });
  await goTo(page, `${address}${hash},header&__proto__=1`);
  const visible = `[...document.querySelectorAll("section, section form > div")]
    .filter((one) => one.checkVisibility()).length`;
  assertEquals(await page.evaluate(visible), 0);
  const said = await page.evaluate<string>(`document.getElementById("unknown").textContent`);
  assertEquals(said, "Ignored in the address: hide=header, __proto__=1.");
  await goTo(page, `${address}#stop=2&rank=7&foo`);
  const shown = `(({ textContent, offsetHeight }) => offsetHeight > 0 && textContent)(unknown)`;
  assertEquals(await page.evaluate(shown), "Ignored in the address: rank=7, foo.");
}

/** A node of the accessibility tree, which screen readers read. */
interface AccessNode {
  readonly ignored: boolean;
  readonly role: { readonly value: string };
  readonly name?: { readonly value: string };
}

/** Roles of what a reader operates, or finds the way by. */
const named = [
  ...["button", "checkbox", "combobox", "DisclosureTriangle", "form", "heading", "image", "link"],
  ...["region", "slider", "table", "textbox"],
];

/** Every handle is called by its label, without its value, and all else has a name. */
async function assertNames(page: Page): Promise<void> {
  const { nodes } = await page.send("Accessibility.getFullAXTree");
  const told = (nodes as AccessNode[]).filter(({ ignored }) => !ignored);
  const of = (role: string) =>
    told.filter((one) => one.role.value === role).map(({ name }) => name?.value ?? "");
  for (const role of named) assertEquals(of(role).filter((name) => name === ""), [], role);
  const handles = [...lessonHandles, ...tinyHandles, ...memoryHandles];
  const labels = (isList: boolean) =>
    handles.filter(({ names }) => !!names === isList).map(({ label }) => label);
  // The tree lists what is in a fold last; keys reach all in the order of the page.
  assertEquals(of("slider").toSorted(), labels(false).toSorted());
  assertEquals(of("combobox").toSorted(), labels(true).toSorted());
  assertEquals(of("image").length, 13, "charts, matrices, bars and blocks");
}

/** Checks that steps are not read aloud: numbers are in no live region. */
async function assertNoChatter(page: Page): Promise<void> {
  await page.evaluate(`{
    globalThis.spoken = [];
    const live = "[role=status]:not([aria-live=off]), output:not([aria-live=off]), [aria-live=polite]";
    for (const one of document.querySelectorAll(live)) {
      new MutationObserver(() => spoken.push(one.textContent)).observe(one, {
        ...{ childList: true, characterData: true, subtree: true },
      });
    }
  }`);
  const steps = `parseInt(document.querySelector("#numbers dd").textContent)`;
  await page.evaluate(`document.getElementById("run").click()`);
  await page.until(`${steps} > 20`, 20_000, "steps");
  await page.evaluate(`document.getElementById("run").click()`);
  await page.until(`document.getElementById("run").textContent === "Start"`, 20_000, "the end");
  // The range says its value by itself.
  await page.evaluate(`document.getElementById("rank").focus()`);
  await press(page, "ArrowRight", 39);
  await page.until(`document.getElementById("said").textContent === ""`, 20_000, "a new lesson");
  const spoken = await page.evaluate<string[]>(`spoken.filter((text) => text !== "")`);
  assertEquals(spoken.length, 1, spoken.join("\n"));
  assertMatch(spoken[0], /^After \d+ steps the loss is /);
}

/** Tab reaches everything that can be operated, in the order of the page, and where it is can be seen. */
async function assertKeysReachAll(page: Page): Promise<void> {
  const operable = await page.evaluate<string[]>(`{
    const all = "a[href], button, input, select, textarea, summary, [tabindex='0']";
    globalThis.operable = [...document.querySelectorAll(all)]
      .filter((one) => one.checkVisibility() && !one.disabled);
    scrollTo(0, 0);
    document.activeElement.blur();
    operable.map((one) => one.id || one.textContent || one.ariaLabel);
  }`);
  assert(operable.length > 60, `${operable.length}`);
  for (const expected of operable) {
    await press(page, "Tab", 9);
    const [name, outline] = await page.evaluate<string[]>(`{
      const one = document.activeElement, { outlineStyle, outlineWidth } = getComputedStyle(one);
      [one.id || one.textContent || one.ariaLabel, outlineStyle + " " + outlineWidth];
    }`);
    assertEquals([name, outline], [expected, "solid 2px"]);
  }
}

/** Arrows move every range, and what it is at is said in words. */
async function assertArrowsMove(page: Page): Promise<void> {
  for (const { key, names } of [...lessonHandles, ...tinyHandles, ...memoryHandles]) {
    if (names) continue; // A list of the browser's own.
    const said = `document.getElementById("${key}").getAttribute("aria-valuetext")`;
    const before = await page.evaluate<string>(
      `(document.getElementById("${key}").focus(), ${said})`,
    );
    await press(page, "ArrowRight", 39);
    const after = await page.evaluate<string>(said);
    if (after === before) await press(page, "ArrowLeft", 37); // It was at its end.
    assertNotEquals(await page.evaluate<string>(said), before, key);
  }
}

const root = "document.documentElement";

/** Elements that reach beyond the page, except those that scroll in a place of their own. */
const tooWide = `[...document.querySelectorAll("body *")].filter((one) =>
  one.checkVisibility() && !one.parentElement.closest(".scroll, pre, svg, select") &&
  one.getBoundingClientRect().right > ${root}.clientWidth + 0.5).map((one) => one.outerHTML.slice(0, 90))`;

async function assertFits(page: Page, address: string): Promise<void> {
  await page.resize(400, 800);
  for (
    const state of [{ rank: 16 }, { width: 2, shiftRank: 2, rank: 2, start: "pissa" }] as const
  ) {
    await goTo(page, address + formatState({ ...initial, ...state, stop: 8, steps: 3 }));
    for (const end of ["Unmerge", "Merge"]) {
      await page.evaluate(`document.getElementById("merge").click()`);
      await page.until(`document.getElementById("merge").textContent === "${end}"`, 20_000, end);
      assertEquals(await page.evaluate(tooWide), []);
      assertEquals(await page.evaluate(`${root}.scrollWidth - ${root}.clientWidth`), 0);
    }
  }
}

/** With a clock that stands still no picture but the first is due, until the steps end. */
async function assertLessMotion(page: Page, address: string): Promise<void> {
  const features = [{ name: "prefers-reduced-motion", value: "reduce" }];
  await page.send("Emulation.setEmulatedMedia", { features });
  await goTo(page, address);
  const shown = `parseInt(document.querySelector("#numbers dd").textContent)`;
  await page.evaluate(`{
    globalThis.asked = 0;
    performance.now = () => (asked++, 1e9);
    document.getElementById("run").click();
  }`);
  await page.until("asked > 20", 20_000, "frames");
  assertEquals(await page.evaluate(shown), 1);
  await page.evaluate(`document.getElementById("run").click()`);
  await page.until(`${shown} > 1`, 20_000, "the last picture");
  await page.send("Emulation.setEmulatedMedia", { features: [] });
}

Deno.test({
  name: "the playground hides what its address hides, fits a small screen, and has keys and names",
  ignore,
  fn: async () => {
    const { address } = playground;
    await using page = await playground.open("about:blank");
    await goTo(page, address);
    await assertNames(page);
    await assertKeysReachAll(page);
    await assertNoChatter(page);
    await assertArrowsMove(page);
    await assertLessMotion(page, address);
    await assertHides(page, address);
    await assertUnknownIsSaid(page, address);
    await assertFits(page, address);
    assertEquals(page.errors, []);
  },
});

/** Without a GPU nothing of another lesson stays, and a device that is there begins a new one. */
async function assertNoGpuIsSaid(page: Page): Promise<void> {
  const shown = `["run", "step", "merge"].map((id) => document.getElementById(id).disabled).join() +
    document.getElementById("figures").hidden + document.querySelector("#numbers").textContent +
    document.querySelector("#exact pre").textContent`;
  const said = `document.getElementById("said").textContent`;
  const choose = (device: string) =>
    page.evaluate(`(device.value = ${JSON.stringify(device)},
      device.dispatchEvent(new Event("input", { bubbles: true })))`);
  for (let time = 0; time < 2; time++) {
    await page.until(`${shown} === "true,true,truetrue"`, 20_000, "the end of the lesson");
    assertMatch(
      await page.evaluate(said),
      /^No GPU was found: choose the CPU under “Computed by”\.$/,
    );
    assertEquals(await page.evaluate(`document.getElementById("run").textContent`), "Start");
    await choose("cpu");
    await exactAfter(page, 0);
    assertEquals(await page.evaluate(said), "");
    await page.evaluate(`document.getElementById("run").click()`);
    await page.until(`document.getElementById("run").textContent === "Pause"`, 20_000, "a run");
    await choose("webgpu");
  }
}

Deno.test({
  name: "without a GPU nothing of another lesson stays",
  ignore,
  fn: async () => {
    const hash = formatState({ ...initial, device: "webgpu" });
    await using page = await playground.open(playground.address + hash);
    await assertNoGpuIsSaid(page);
    assertEquals(page.errors, []);
  },
});

const click = (page: Page, id: string) => page.evaluate(`document.getElementById("${id}").click()`);

/** The innermost element whose text begins so, and where it is; its height is that of the window. */
const placeOf = (words: string) =>
  `(([one] = [...document.querySelectorAll("#tiny p")].filter(({ textContent }) =>
    textContent.startsWith("${words}"))) => {
    const { top = NaN, bottom = NaN, height = 0 } = one?.getBoundingClientRect() ?? {};
    return { top, bottom, height, window: innerHeight };
  })()`;

/** After a click on a button at an edge of the window, what it says is within the window. */
async function assertMergeIsSeen(page: Page, edge: string): Promise<void> {
  await page.evaluate(`document.querySelectorAll("#tiny p[role=status]")
    .forEach((one) => one.textContent = "")`);
  await page.evaluate(`document.getElementById("tiny-merge").scrollIntoView({ block: "${edge}" })`);
  await click(page, "tiny-merge");
  const place = placeOf("Merged into a copy");
  await page.until(`${place}.height > 0`, 20_000, "a merge");
  const { top, bottom, window } = await page.evaluate<Record<string, number>>(place);
  assert(top >= 0 && bottom <= window, `from ${top} to ${bottom} of ${window}`);
}

/** A handle that is moved on a stop is named, and a button leads back. */
async function assertChangeIsSaid(page: Page, address: string): Promise<void> {
  await page.goTo("about:blank");
  await page.goTo(`${address}#stop=4`);
  const changed = `(({ hidden, querySelector }) => hidden ? "" : document
    .querySelector("#stop-changed span").textContent)(document.getElementById("stop-changed"))`;
  assertEquals(await page.evaluate(changed), "");
  await page.evaluate(`document.getElementById("rank").focus()`);
  await press(page, "ArrowRight", 39);
  assertEquals(
    await page.evaluate(changed),
    "You changed “Rank r of B·A”; the words of this stop are about its own settings.",
  );
  assertEquals(await page.evaluate("location.hash"), "#rank=3&stop=4");
  await click(page, "stop-again");
  assertEquals(await page.evaluate(changed), "");
  assertEquals(await page.evaluate("location.hash"), "#stop=4");
  assertEquals(await page.evaluate("document.activeElement.id"), "next");
  await assertAskedIsNotSaid(page, changed);
  await page.goTo("about:blank");
  await page.goTo(`${address}#rank=3`); // On no stop there are no words to be false.
  assertEquals(await page.evaluate(changed), "");
}

/** The answer of stop 4 asks for another rank; of α it says nothing. */
async function assertAskedIsNotSaid(page: Page, changed: string): Promise<void> {
  const move = async (handle: string) => {
    await page.evaluate(`document.getElementById("${handle}").focus()`);
    await press(page, "ArrowRight", 39);
  };
  await move("rank");
  assertMatch(await page.evaluate(changed), /^You changed “Rank r of B·A”;/);
  await click(page, "stop-why");
  assertEquals(await page.evaluate(changed), "");
  await move("rank");
  assertEquals(await page.evaluate(changed), "");
  await move("alpha");
  assertMatch(await page.evaluate(changed), /^You changed “α”;/);
}

Deno.test({
  name: "what merging did is in sight of its button, and a stop says that its handles were moved",
  ignore,
  fn: async () => {
    const { address } = playground;
    await using page = await playground.open(`${address}#textSteps=5`);
    await click(page, "tiny-load");
    await page.until(`!document.getElementById("tiny-stage").hidden`, 20_000, "the model");
    await click(page, "tiny-run");
    const rows = `document.getElementById("tiny-words").rows.length`;
    const actions = `!document.getElementById("tiny-actions").hidden`;
    await page.until(`${actions} && ${rows} === 4`, 60_000, "a training and its words");
    for (const [width, height] of [[1366, 768], [400, 800]]) {
      await page.resize(width, height);
      for (const edge of ["start", "end"]) await assertMergeIsSeen(page, edge);
    }
    await assertChangeIsSaid(page, address);
    assertEquals(page.errors, []);
  },
});
