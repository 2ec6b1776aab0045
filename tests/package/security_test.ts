/** SECURITY.md: every promise names tests, and every test that it names exists. */

import { assert, assertEquals } from "@std/assert";
import { sourceText } from "../../scripts/support/source_files.ts";

const page = sourceText("SECURITY.md");
const from = page.indexOf("## What we promise"), to = page.indexOf("## What we trust");

/** The promises, each on one line. */
const promises = page.slice(from, to).split(/^- /m).slice(1)
  .map((promise) => promise.split(/^#/m)[0].replaceAll(/\s+/g, " ").trim());

/** Tests that a promise names: `[path](path): "name", "name"`. */
function testsOf(promise: string): { path: string; name: string }[] {
  const lists = promise.matchAll(/\[`(\S+)`\]\((\S+)\): ((?:"[^"]+"(?:, )?)+)/g);
  return [...lists].flatMap(([, shown, path, names]) => {
    assertEquals(shown, path);
    return [...names.matchAll(/"([^"]+)"/g)].map(([, name]) => ({ path, name }));
  });
}

/** The names of tests and steps in a source, of which none is ignored everywhere; "…" is what varies. */
function namesIn(source: string): string[] {
  const names = source.matchAll(
    /(?:\b(?:test|step)\(\s*|\bname:\s*)(?:"((?:[^"\\]|\\.)*)"|`([^`]*)`)(?!,\s*(?:\{\s*)?ignore: true)/g,
  );
  return [...names].map(([, plain, template]) => plain ?? template.replaceAll(/\$\{[^}]*\}/g, "…"));
}

Deno.test("every promise of SECURITY.md names tests that exist", () => {
  assert(promises.length >= 9);
  for (const promise of promises) {
    const tests = testsOf(promise);
    assert(tests.length > 0, `no test holds: ${promise}`);
    for (const { path, name } of tests) {
      assert(namesIn(sourceText(path)).includes(name), `${path} has no test named "${name}"`);
    }
  }
});

Deno.test("a part of a name, and a test that is ignored, hold no promise", () => {
  const source = `
    Deno.test("files are read", () => {});
    Deno.test({ name: \`\${count} files\`, ignore: !isUnix, fn });
    Deno.test.ignore("a", () => {});
    Deno.test("b", { ignore: true }, () => {});
    Deno.test({ name: "c", ignore: true, fn });`;
  assertEquals(namesIn(source), ["files are read", "… files"]);
});
