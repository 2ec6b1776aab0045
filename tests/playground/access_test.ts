/** The playground for readers with a small screen, with keys alone, or with a screen reader. */

import { assertEquals } from "@std/assert";
import { pathToFileURL } from "node:url";
import { formatState, hideable, hiding, initial } from "../../playground/state.ts";
import { buildPlayground } from "../../scripts/playground.ts";
import { Browser, type Page } from "../support/browser.ts";
import { withFolder } from "../support/folders.ts";
import { browserPath } from "../support/parts.ts";

/** Everything that can be opened is open, as a name or a width may hide there. */
const openAll = `document.querySelectorAll("details").forEach((one) => one.open = true)`;

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
}

Deno.test({
  name: "an address hides parts and handles of the playground, and the page makes such addresses",
  ignore: browserPath() === undefined,
  fn: () =>
    withFolder(async (folder) => {
      await buildPlayground(folder);
      const address = pathToFileURL(`${folder}/index.html`).href;
      await using browser = await Browser.start();
      await using page = await browser.open("about:blank");
      await assertHides(page, address);
      await assertUnknownIsSaid(page, address);
      assertEquals(page.errors, []);
    }),
});
