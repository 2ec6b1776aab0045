/** SECURITY.md: every promise names tests, and every test that it names exists. */

import { assert, assertEquals } from "@std/assert";
import { sourceText } from "../support/source_files.ts";

const page = sourceText("SECURITY.md");
const from = page.indexOf("## What we promise"), to = page.indexOf("## What we trust");

/** The promises, each on one line. */
const promises = page.slice(from, to).split(/^- /m).slice(1)
  .map((promise) => promise.split(/^#/m)[0].replaceAll(/\s+/g, " ").trim());

/** What a promise names: `[path](path): "name", "name"`. */
function testsOf(promise: string): { path: string; name: string }[] {
  const lists = promise.matchAll(/\[`(\S+)`\]\((\S+)\): ((?:"[^"]+"(?:, )?)+)/g);
  return [...lists].flatMap(([, shown, path, names]) => {
    assertEquals(shown, path);
    return [...names.matchAll(/"([^"]+)"/g)].map(([, name]) => ({ path, name }));
  });
}

/** The names of a file's tests and steps, as they are written. */
function namesIn(path: string): string[] {
  const names = sourceText(path).matchAll(
    /(?:\b(?:test|step)\(\s*|\bname:\s*)(?:"((?:[^"\\]|\\.)*)"|`([^`]*)`)/g,
  );
  return [...names].map(([, plain, template]) => plain ?? template);
}

Deno.test("every promise of SECURITY.md names tests that exist", () => {
  assert(promises.length >= 9);
  for (const promise of promises) {
    const tests = testsOf(promise);
    assert(tests.length > 0, `no test holds: ${promise}`);
    for (const { path, name } of tests) {
      const found = namesIn(path).some((written) => written.includes(name));
      assert(found, `${path} has no test named "${name}"`);
    }
  }
});

Deno.test("what users rely on fits on two pages of 150 lines", () => {
  for (const path of ["SECURITY.md", "docs/reliability.md"]) {
    const lines = sourceText(path).trimEnd().split("\n").length;
    assert(lines <= 150, `${path} has ${lines} lines`);
  }
});
