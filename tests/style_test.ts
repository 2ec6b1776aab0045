/** The language of `docs/style.md`, in every line of code, tests, docs and notebooks. */

import { assert, assertEquals } from "@std/assert";
import { notebookNames, notebooksPath, readNotebook } from "../scripts/support/notebook_file.ts";
import { filesUnder, sourceText } from "../scripts/support/source_files.ts";

const style = sourceText("docs/style.md");

/** Rows of the table of phrases: a phrase, and the words to write instead. */
const phrases = section("Not these phrases", "British").matchAll(/^\| `(.+?)` +\| (.+?) +\|$/gm)
  .map(([, phrase, instead]) => ({ rule: new RegExp(`\\b${phrase}\\b`, "i"), instead })).toArray();

const stems = section("British spellings", "## Errors").matchAll(/`(\w+)`/g)
  .map(([, stem]) => stem).toArray();

// Optimism, realistic and the like have one spelling.
const british = new RegExp(`(${stems.join("|")})(?![tm])`, "i");

function section(from: string, to: string): string {
  const start = style.indexOf(from);
  return style.slice(start, style.indexOf(to, start + from.length));
}

/** Quotations and names of others: a line of this file that matches keeps its words. */
const quoted: readonly { file: RegExp; line: RegExp }[] = [
  { file: /^(docs\/style\.md|tests\/style_test\.ts)$/, line: /./ },
  // Folders of runs are named by this word.
  { file: /^experiments\/planted\/linear_runs\.ts$/, line: /"coloured"/ },
  // A case's name and a note in the golden files.
  {
    file: /^scripts\/golden\/|^tests\/(adapt\/(golden_\w+|fixtures)|cli\/)/,
    line: /labelled|between neighbours/,
  },
];

/** Faults of a path, as line 0, and of a text: each with `file:line`. */
function faults(file: string, text: string): string[] {
  return [file, ...text.split("\n")].flatMap((line, index) => {
    if (quoted.some((name) => name.file.test(file) && name.line.test(line))) return [];
    const place = `${file}:${index}: `, stem = british.exec(line)?.[0];
    return [
      ...phrases.filter(({ rule }) => rule.test(line))
        .map(({ rule, instead }) => `${place}"${rule.exec(line)![0]}": write ${instead}`),
      ...(stem ? [`${place}"${stem}": American spelling`] : []),
    ];
  });
}

const written = /\.(ts|md|wgsl|py|sh|cff)$/;
const roots = [
  ...[
    "src",
    "experiments",
    "kernels",
    "tests",
    "docs",
    "bench",
    "scripts",
    "models",
    "examples",
    "playground",
    "slides",
  ],
  ...["mod.ts", "cli.ts", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff"],
  "RELEASE.md",
  "SECURITY.md",
];

Deno.test("code, tests and docs keep to the language of docs/style.md", () => {
  const files = roots.flatMap(filesUnder).filter((path) => {
    return written.test(path) && !/^tests\/golden\/|^docs\/site\//.test(path);
  });
  assertEquals(files.flatMap((file) => faults(file, sourceText(file))), []);
});

Deno.test("notebooks keep to the language of docs/style.md", async () => {
  const found: string[] = [];
  for (const name of notebookNames()) {
    const { cells } = await readNotebook(`${notebooksPath}/${name}.ipynb`);
    cells.forEach(({ source }, i) =>
      found.push(...faults(`notebooks/${name}, cell ${i + 1}`, source))
    );
  }
  assertEquals(found, []);
});

/** A doc comment or tag that opens with an indirect question instead of saying what a thing is or does. */
const question = new RegExp(
  "(?:/\\*\\*(?:[ \\t]+|\\s*\\n\\s*\\*\\s*)|@(?:param \\w+|returns) )" +
    "(?:What|Which|Whether|How|Where|When|Who|Whose|Whom|Why)\\b.*",
  "g",
);

/** This file, whose examples are such comments. */
const examples = "tests/style_test.ts";

/** The comments of a text that open with an indirect question, each with `file:line`. */
function questions(file: string, text: string): string[] {
  return text.matchAll(question).map(({ 0: comment, index }) => {
    const line = text.slice(0, index).split("\n").length;
    return `${file}:${line}: ${comment.replace(/\s*\n\s*\*\s*/, " ")}`;
  }).toArray();
}

Deno.test("no doc comment opens with an indirect question", () => {
  const files = roots.flatMap(filesUnder).filter((path) => {
    return path.endsWith(".ts") && path !== examples;
  });
  assertEquals(files.flatMap((file) => questions(file, sourceText(file))), []);
});

Deno.test("the checker finds an indirect question on the first or the second line and in a tag", () => {
  const text = "/** What it is. */\n/**\n * Whether it is.\n *\n * @param a How it is.\n */\n" +
    "/** True if it is: what else? */";
  assertEquals(questions("a.ts", text), [
    "a.ts:1: /** What it is. */",
    "a.ts:2: /** Whether it is.",
    "a.ts:5: @param a How it is.",
  ]);
});

/** A condition that is not said: the reader is sent to another sentence, or to none. */
const unsaid = /@throws \{\w+\} (?:then\b|As there).*/g;

Deno.test("every @throws says its condition", () => {
  const files = roots.flatMap(filesUnder).filter((path) => {
    return path.endsWith(".ts") && path !== examples;
  });
  const found = files.flatMap((file) =>
    sourceText(file).matchAll(unsaid).map(([tag]) => `${file}: ${tag}`).toArray()
  );
  assertEquals(found, []);
  assertEquals(" * @throws {RangeError} then, or never.".match(unsaid)?.length, 1);
});

Deno.test("the checker finds a phrase and a spelling, and leaves other words alone", () => {
  assert(phrases.length > 15 && stems.length > 20);
  const text = "the Optimiser\noptimism, a realistic relief\na buffer that lies here";
  assertEquals(faults("a.ts", text), [
    'a.ts:1: "Optimis": American spelling',
    'a.ts:3: "lies": write is',
  ]);
});
