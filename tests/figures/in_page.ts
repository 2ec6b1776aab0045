/** Figures in a page of a real browser. */

import { assertEquals } from "@std/assert";
import { plotlySource } from "../../src/figures/still.ts";
import { browserOfFile, type Page } from "../../scripts/support/browser.ts";
import { withFolder } from "../../scripts/support/folders.ts";

const open = browserOfFile();

/** Opens parts of a page as a file, and asks it something. */
export async function inPage(
  parts: readonly string[],
  ask: (page: Page) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const path = `${folder}/page.html`;
    await Deno.writeTextFile(path, `<!doctype html><meta charset="utf-8">${parts.join("\n")}`);
    await using page = await open(`file://${path}`);
    await ask(page);
    assertEquals(page.errors, []);
  });
}

/** Waits for this many live plots. */
export const untilLive = (page: Page, count: number): Promise<unknown> =>
  page.until(
    `document.querySelectorAll(".js-plotly-plot:has(.nsewdrag)").length >= ${count}`,
    60_000,
    "live plots",
  );

/** Plotly as a page of others has it. */
export async function loadedPlotly(): Promise<string> {
  return `<script>${(await plotlySource()).replaceAll("</script", "<\\/script")}</script>`;
}
