/** The version, and how the program is cited. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { bibtex, version } from "../../src/core/program.ts";
import { sourceText } from "../../scripts/support/source_files.ts";

/** One field of an entry, on one line. */
const fieldOf = (entry: string, name: string): string =>
  new RegExp(`^  ${name} += \\{(.*?)\\},?$`, "ms").exec(entry)![1].replaceAll(/\s+/g, " ");

Deno.test("the BibTeX names the commit of the program where it is known", () => {
  const [software, paper] = bibtex("0fa7af4").split(/\n(?=@)/);
  assertEquals(fieldOf(software, "note"), "Commit 0fa7af4");
  assertEquals(bibtex(), bibtex("0fa7af4").replace(",\n  note    = {Commit 0fa7af4}", ""));
  assertEquals(paper.includes("note"), false);
});

Deno.test("the BibTeX says what CITATION.cff says, of the program and of the paper", () => {
  const [software, paper] = bibtex().split(/\n(?=@)/), cff = sourceText("CITATION.cff");
  const [own, reference] = cff.split("references:");
  assertStringIncludes(own, `title: "${fieldOf(software, "title")}"`);
  assertStringIncludes(own, `\nlicense: ${fieldOf(software, "license")}\n`);
  assertStringIncludes(own, `- name: "${fieldOf(software, "author").replace(/^\{(.*)\}$/, "$1")}"`);
  assertStringIncludes(own, `\nversion: ${fieldOf(software, "version")}\n`);
  assertStringIncludes(reference, `title: "${fieldOf(paper, "title").replaceAll(/[{}]/g, "")}"`);
  assertStringIncludes(reference, `collection-title: "${fieldOf(paper, "booktitle")}"`);
  assertStringIncludes(reference, `year: ${fieldOf(paper, "year")}\n`);
  assertStringIncludes(reference, `url: "${fieldOf(paper, "url")}"`);
  const names = reference.matchAll(/family-names: (.*)\n +given-names: (.*)/g);
  const authors = Array.from(names, ([, family, given]) => `${family}, ${given}`);
  assertEquals(fieldOf(paper, "author").split(" and "), authors);
});

Deno.test("deno.json says the version, and what repeats it agrees", () => {
  const said = JSON.parse(sourceText("deno.json")).version;
  assertEquals(version, said);
  assertEquals(/^version: (.*)$/m.exec(sourceText("CITATION.cff"))?.[1], said);
});
