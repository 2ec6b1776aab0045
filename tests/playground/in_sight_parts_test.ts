/** Answers are in sight: what merging did, and that a stop's words are of other settings. */

import { assert, assertEquals } from "@std/assert";
import type { Page } from "../support/browser.ts";
import { browserPath } from "../support/parts.ts";
import { playgroundOfFile, press } from "./in_browser.ts";

const playground = playgroundOfFile();

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
  await page.goTo("about:blank");
  await page.goTo(`${address}#rank=3`); // On no stop there are no words to be false.
  assertEquals(await page.evaluate(changed), "");
}

Deno.test({
  name: "what merging did is in sight of its button, and a stop says that its handles were moved",
  ignore: browserPath() === undefined,
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
