/** Keys of the playground. */

import type { Page } from "../support/browser.ts";

/** Presses a key where the page's focus is. */
export async function press(page: Page, key: string, code: number): Promise<void> {
  const text = key === "Enter" ? "\r" : undefined;
  for (const type of ["keyDown", "keyUp"]) {
    const event = { type, key, code: key, windowsVirtualKeyCode: code, text };
    await page.send("Input.dispatchKeyEvent", event);
  }
}
