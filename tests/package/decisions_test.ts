/** The list of decision pages. */

import { assertEquals } from "@std/assert";

const folder = new URL("../../docs/decisions/", import.meta.url);

Deno.test("every decision page is listed once, in order", () => {
  const pages = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) =>
    /^\d/.test(name)
  );
  const list = Deno.readTextFileSync(new URL("README.md", folder));
  const listed = [...list.matchAll(/^\| \[\d{4}\]\((.*?)\)/gm)].map(([, name]) => name);
  assertEquals(listed, pages.sort());
});
