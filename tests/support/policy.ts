/** Checks that the Content-Security-Policy of a page stops all that is not the page's own. */

import { assertEquals } from "@std/assert";
import type { Page } from "../../scripts/support/browser.ts";

/** Runs before the page's own scripts. */
export const listen = `globalThis.violations = [];
addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) =>
  violations.push(effectiveDirective + " " + blockedURI));
globalThis.injected = [];`;

/** Violations that the policy has stopped so far. */
export const violations = (page: Page) => page.evaluate<string[]>("violations");

/** Elements that would run a script or ask a server. */
export const intrudersFrom = (address: string): string =>
  `<script>injected.push("script")</script>
<img src="x" onerror="injected.push('handler')"><img src="${address}/a.png">
<script src="${address}/a.js"></script><link rel="stylesheet" href="${address}/a.css">
<a id="link" href="javascript:injected.push('link')">link</a>
<iframe src="${address}/frame"></iframe><base href="${address}/">
<form id="form" action="${address}/form"></form>`;

/** Tries them all; that the server was asked nothing is for the caller to say. */
export async function assertIntrudersDoNothing(page: Page, address: string): Promise<void> {
  await page.evaluate("void document.querySelector('#link').click()");
  await page.evaluate("void document.querySelector('#form').submit()");
  const fetched = `fetch("${address}/fetched").then(() => "sent", () => "refused")`;
  assertEquals(await page.evaluate(fetched), "refused");
  assertEquals(await page.evaluate("injected"), []);
  const kinds = new Set((await violations(page)).map((text) => text.split(" ")[0]));
  assertEquals([...kinds].sort(), [
    ...["base-uri", "connect-src", "form-action", "frame-src", "img-src"],
    ...["script-src-attr", "script-src-elem", "style-src-elem"],
  ]);
}
