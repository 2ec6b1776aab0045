/** The site of guides and reference: every link resolves without a server, and nothing is fetched. */

import { assert, assertEquals } from "@std/assert";
import { existsSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { buildSite } from "../../scripts/site.ts";
import { slugOf } from "../../scripts/site/markdown.ts";
import { pagesBelow } from "../../scripts/site/reference.ts";
import { withFolder } from "../support/folders.ts";

/** The values of attributes that lead somewhere. */
const linksOf = (html: string): string[] =>
  Array.from(
    html.matchAll(/ (?:href|src)="([^"]*)"/g),
    ([, link]) => link.replaceAll("&#x2F;", "/").replaceAll("&amp;", "&"),
  );

const idsOf = (html: string): Set<string> =>
  new Set(Array.from(html.matchAll(/ id="([^"]*)"/g), ([, id]) => id));

Deno.test({
  name: "every link of the site leads to a file, and every anchor to a heading",
  sanitizeResources: false, // the slides' decompositions open the system's BLAS, which stays open
  fn: () =>
    withFolder(async (folder) => {
      const site = `${folder}/site`, count = await buildSite(site);
      assert(count > 40, `${count} pages`);
      const ids = new Map<string, Set<string>>(), broken = new Set<string>();
      const read = (path: string) => Deno.readTextFileSync(path);
      const pages = [...pagesBelow(site)];
      assert(pages.length > count + 1000, `${pages.length} pages in all`);
      for (const page of pages) {
        const html = read(page),
          fetched = /<(script|link|img)\b[^>]* (href|src)="https?:/.exec(html);
        if (fetched) broken.add(`${relative(site, page)} fetches: ${fetched[0]}`);
        const unknown = /data-copy="import [^"]* from &quot;(?!@lowrank\/core)[^&]*/.exec(html);
        if (unknown) broken.add(`${relative(site, page)} imports ${unknown[0]}`);
        for (
          const link of linksOf(html).filter((link) => !/^(https?|mailto|data):/.test(link))
        ) {
          const [path, anchor = ""] = decodeURIComponent(link).split("#");
          const target = path === "" ? page : join(dirname(page), path);
          const isFile = existsSync(target) && statSync(target).isFile();
          if (isFile && anchor !== "" && !ids.has(target)) ids.set(target, idsOf(read(target)));
          if (isFile && (anchor === "" || ids.get(target)!.has(anchor))) continue;
          broken.add(`${relative(site, page)}: ${link}`);
        }
      }
      assertEquals([...broken].slice(0, 20), []);
    }),
});

Deno.test("a heading's anchor is the one that GitHub makes", () => {
  assertEquals(slugOf("The paper's numbers"), "the-papers-numbers");
  assertEquals(slugOf("Two commands, now: `a_b` & c"), "two-commands-now-a_b--c");
});
