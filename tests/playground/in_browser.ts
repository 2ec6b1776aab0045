/** The playground in a browser, and its keys. @module */

import { pathToFileURL } from "node:url";
import { buildPlayground } from "../../scripts/playground.ts";
import { browserOfFile, type BrowserOptions, type Page } from "../../scripts/support/browser.ts";
import { browserPath } from "../../scripts/support/parts.ts";

/** The built page and a browser, for all tests of a file. */
export interface Playground {
  /** The address of the page. */
  readonly folder: string;
  readonly address: string;
  /** Characters of the page. */
  readonly size: number;
  /** Opens an address in a tab of its own. */
  open(url: string): Promise<Page>;
}

/** Builds the page before the first test of a file and removes it after the last. */
export function playgroundOfFile(options: BrowserOptions = {}): Playground {
  const built = { folder: "", address: "", size: 0, open: browserOfFile(options) };
  Deno.test.beforeAll(async () => {
    if (!browserPath()) return;
    built.folder = await Deno.makeTempDir({ prefix: "lowrank_playground_" });
    built.address = pathToFileURL(`${built.folder}/index.html`).href;
    built.size = await buildPlayground(built.folder);
  });
  Deno.test.afterAll(async () => {
    if (built.folder) await Deno.remove(built.folder, { recursive: true });
  });
  return built;
}

/** Presses a key where the page's focus is. */
export async function press(page: Page, key: string, code: number): Promise<void> {
  const text = key === "Enter" ? "\r" : undefined;
  for (const type of ["keyDown", "keyUp"]) {
    const event = { type, key, code: key, windowsVirtualKeyCode: code, text };
    await page.send("Input.dispatchKeyEvent", event);
  }
}
