/** The list of decision pages. */

import { assert, assertEquals } from "@std/assert";

const folder = new URL("../../docs/decisions/", import.meta.url);
const list = Deno.readTextFileSync(new URL("README.md", folder));
const listed = [...list.matchAll(/^\| \[(\d{4})\]\((.*?)\)/gm)]
  .map(([, number, link]) => ({ number, page: new URL(link, folder) }));

Deno.test("every decision page is listed once, in order", () => {
  assertEquals(listed.map(({ number }) => Number(number)), listed.map((_, i) => i + 1));
  const here = listed.filter(({ page }) => page.href.startsWith(folder.href));
  const pages = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) =>
    /^\d/.test(name)
  );
  assertEquals(here.map(({ page }) => page.href.slice(folder.href.length)), pages.sort());
});

Deno.test("a page has the number under which it is listed, wherever it is", () => {
  for (const { number, page } of listed) {
    assert(Deno.readTextFileSync(page).startsWith(`# ${number}: `), `${number}: ${page.pathname}`);
  }
});
