/** Links between the repository's own files. */

import { assertEquals } from "@std/assert";
import { dirname, normalize } from "node:path/posix";
import { filesUnder, sourceText } from "../../scripts/support/source_files.ts";

Deno.test("every relative link in a Markdown file leads to a file or a folder", () => {
  const roots = [
    "docs",
    "examples",
    "models",
    "bench",
    "scripts",
    "tests",
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
  ];
  const files = roots.flatMap(filesUnder).filter((path) => path.endsWith(".md"));
  const missing = files.flatMap((file) =>
    [...sourceText(file).matchAll(/\]\((?!\w+:|#)([^)#\s]+)[^)]*\)/g)]
      .map(([, link]) => normalize(`${dirname(file)}/${link}`).replace(/\/$/, ""))
      .filter((path) => filesUnder(path).length === 0)
      .map((path) => `${file} links to ${path}, which does not exist`)
  );
  assertEquals(missing, []);
});
