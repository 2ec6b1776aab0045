/** Screens of `deno task lab --blank`: around a question there is no answer. */

import { assert, assertEquals } from "@std/assert";
import { blankNotebook } from "../../scripts/lab_blank.ts";
import {
  type Cell,
  codeCells,
  type Notebook,
  notebookNames,
  notebooksPath,
  readNotebook,
} from "../../scripts/support/notebook_file.ts";

/** Height of a screen, and of a line of code and of text, as JupyterLab draws them. */
const screen = 768, codeLine = 17, textLine = 22, gap = 20;

/** Characters of a line of text at a width of 1366. */
const across = 120;

const isFolded = ({ metadata }: Cell) =>
  (metadata.jupyter as { source_hidden?: boolean } | undefined)?.source_hidden === true;

/** The visible text of a cell before anything runs: of folded code the first line, of a folded text its heading. */
function seenOf(cell: Cell): string {
  if (cell.cell_type === "code") {
    return isFolded(cell) ? cell.source.split("\n")[0] : cell.source;
  }
  return cell.source.replaceAll(
    /<details>\s*<summary>(.*?)<\/summary>[\s\S]*?<\/details>/g,
    "$1",
  ).replaceAll(/\s*\n(?=\S)(?![-|#\d])/g, " ");
}

/** The pixels that it takes. */
function heightOf(cell: Cell): number {
  const lines = seenOf(cell).split("\n");
  if (cell.cell_type === "code") return gap + codeLine * lines.length;
  return gap + textLine * lines.reduce((sum, line) => sum + Math.ceil(line.length / across), 0);
}

/** A question of a notebook. */
interface Question {
  /** The place of its cell. */
  readonly at: number;
  readonly id: string;
  /** The measured value, where the page keeps the answer. */
  readonly measured?: string;
  /** The answers in words to choose from, where it does. */
  readonly answers: readonly string[];
}

const htmlOf = (cell: Cell): string =>
  (cell.outputs ?? []).map((output) => "data" in output ? `${output.data["text/html"] ?? ""}` : "")
    .join("\n");

/** The values of an attribute in HTML. */
const attributes = (html: string, name: string): string[] =>
  Array.from(
    html.matchAll(new RegExp(`\\b${name}="([^"]*)"`, "g")),
    ([, value]) => value.replaceAll("&lt;", "<").replaceAll("&quot;", '"'),
  );

/** The questions that the page keeps, with what was measured, and those in words. */
function questionsOf({ cells }: Notebook): Question[] {
  const measured = new Map(
    cells.map(htmlOf).filter((html) => html.includes("data-measured")).map((html) =>
      [attributes(html, "data-question")[0], attributes(html, "data-measured")[0]] as const
    ),
  );
  return cells.flatMap((cell, at): Question[] => {
    const { id, source } = cell, html = htmlOf(cell), [kept] = attributes(html, "data-question");
    if (cell.cell_type === "code" && /\bawait predict\(/.test(source)) {
      return [{ at, id, measured: measured.get(kept), answers: attributes(html, "value") }];
    }
    const isAsked = cell.cell_type === "markdown" && /\*\*Predict/.test(source);
    return isAsked ? [{ at, id, answers: [] }] : [];
  });
}

/** The cells that share a screen with one: those above it, and those below. */
function screenAround({ cells }: Notebook, at: number): [above: Cell[], below: Cell[]] {
  const take = (all: Cell[]) => {
    let left = screen - heightOf(cells[at]);
    return all.filter((cell) => (left -= heightOf(cell)) > -heightOf(cell));
  };
  return [take(cells.slice(0, at).toReversed()), take(cells.slice(at + 1))];
}

/** True if a text has the answer: a sentence or some words as they are, a number of three digits or more. */
function tells(text: string, answer: string): boolean {
  const plain = text.replaceAll(/\s+/g, " ");
  if (/[a-z]{2,} \S*[a-z]{2}/i.test(answer)) return plain.includes(answer);
  const number = /^−?\d[\d,.]*/.exec(answer)?.[0] ?? "";
  if (number.replaceAll(/\D/g, "").length < 3) return false;
  return new RegExp(`(?<![\\d.,])${number.replaceAll(".", "\\.")}(?![\\d]|[.,]\\d)`).test(plain);
}

async function blanks(): Promise<[name: string, ours: Notebook, blank: Notebook][]> {
  const all = notebookNames().map(async (name) => {
    const ours = await readNotebook(`${notebooksPath}/${name}.ipynb`);
    return [name, ours, blankNotebook(ours, "..")] as [string, Notebook, Notebook];
  });
  return await Promise.all(all);
}

Deno.test("a blank notebook has no figure but those of its first cell, and no output", async () => {
  for (const [name, , blank] of await blanks()) {
    assertEquals(codeCells(blank).filter(({ outputs }) => outputs.length > 0), [], name);
    const pictures = blank.cells.slice(1).filter(({ cell_type, source }) =>
      cell_type === "markdown" && /!\[|<img|<svg/.test(source)
    );
    assertEquals(pictures.map(({ id }) => id), [], name);
  }
});

/** Cells that name an answer beside its question and do not tell it. */
const named: Readonly<Record<string, string>> = {
  "04_train, lower-question, fit-full": "trains the first of the two",
  "09_against_what, fit-predict, rate-text": "asks for the rate of one of the six",
};

Deno.test("no screen around a question of a blank notebook has its measured answer", async () => {
  const told: string[] = [];
  let read = 0;
  for (const [name, ours, blank] of await blanks()) {
    for (const { at, id, measured, answers } of questionsOf(ours)) {
      if (measured === undefined) continue;
      read++;
      const others = answers.filter((answer) => answer !== measured);
      const seen = screenAround(blank, at).flat().filter((cell) => {
        const text = seenOf(cell);
        return tells(text, measured) && !others.some((other) => tells(text, other));
      });
      told.push(...seen.map((cell) => `${name}, ${id}, ${cell.id}`));
    }
  }
  assert(read > 30, `${read} questions`);
  assertEquals(told, Object.keys(named));
});

/** The claims of checks up to the next question in words. */
function claimsBelow({ cells }: Notebook, at: number): string[] {
  const below = cells.slice(at + 1);
  const next = below.findIndex(({ cell_type, source }) =>
    cell_type === "markdown" && /\*\*Predict/.test(source)
  );
  return below.slice(0, next < 0 ? below.length : next)
    .flatMap(({ source }) => /\bawait check\(\s*"([^"]*)"/.exec(source)?.[1] ?? []);
}

Deno.test("no check beside a question says in its code what comes out", async () => {
  const told: string[] = [];
  let read = 0;
  for (const [name, ours, blank] of await blanks()) {
    for (const { at, id } of questionsOf(ours)) {
      const claims = claimsBelow(ours, at);
      read += claims.length;
      const seen = screenAround(blank, at).flat().map((cell) => seenOf(cell));
      told.push(
        ...claims.filter((claim) => seen.some((text) => text.includes(claim)))
          .map((claim) => `${name}, ${id}: ${claim}`),
      );
    }
  }
  assert(read > 40, `${read} claims`);
  assertEquals(told, []);
});

/** Numbers with a point, and whole ones of four digits or more. */
const numbersIn = (text: string): Set<string> =>
  new Set(text.match(/(?<![\d.,])\d+\.\d+|(?<![\d.,])\d{1,3}(?:,\d{3})+/g));

/** Up to the next question or heading: what is shown below a question, and the open texts between. */
function resultsBelow({ cells }: Notebook, at: number): [shown: string, open: Cell[]] {
  const below = cells.slice(at + 1), isText = ({ cell_type }: Cell) => cell_type === "markdown";
  const end = below.findIndex((cell) =>
    /\bawait predict\(/.test(cell.source) || isText(cell) && /\*\*Predict|^## /m.test(seenOf(cell))
  );
  const own = below.slice(0, end < 0 ? below.length : end + 1);
  const shown = own.flatMap(({ outputs = [] }) => outputs).map((output) =>
    "data" in output ? `${output.data["text/plain"] ?? ""}` : ""
  );
  return [shown.join("\n"), own.filter(isText)];
}

Deno.test("no open text below a question has a number that only its result shows", async () => {
  const told: string[] = [];
  for (const [name, ours] of await blanks()) {
    for (const { at, id } of questionsOf(ours)) {
      const [shown, open] = resultsBelow(ours, at), found = numbersIn(shown);
      const given = numbersIn(ours.cells.slice(0, at + 1).map(seenOf).join("\n"));
      for (const cell of open) {
        const [before] = seenOf(cell).split(/\*\*Predict|^## /m);
        const numbers = [...numbersIn(before)].filter((one) => found.has(one) && !given.has(one));
        told.push(...numbers.map((number) => `${name}, ${id}, ${cell.id}: ${number}`));
      }
    }
  }
  assertEquals(told, []);
});

/** The sentences of an explanation that is folded, long enough to be its own. */
const reasonsOf = (cell: Cell): string[] =>
  Array.from(
    cell.source.matchAll(/<summary>Why<\/summary>([\s\S]*?)<\/details>/g),
    ([, why]) => why,
  )
    .flatMap((why) => why.replaceAll(/\s+/g, " ").split(/(?<=[.:;]) /))
    .filter((sentence) => sentence.length > 40);

Deno.test("each question has a reason below it that is folded, and is told nowhere else", async () => {
  const told: string[] = [];
  for (const [name, ours, blank] of await blanks()) {
    const reasons = ours.cells.flatMap(reasonsOf);
    assert(reasons.length > 3, `${name}: ${reasons.length} reasons`);
    const seen = blank.cells.map((cell) => seenOf(cell).replaceAll(/\s+/g, " "));
    told.push(
      ...reasons.filter((reason) => seen.some((text) => text.includes(reason)))
        .map((reason) => `${name}: ${reason}`),
    );
  }
  assertEquals(told, []);
});

Deno.test("the reader of screens finds an answer in code, in prose and in a check, and not in a fold", () => {
  const cell = (cell_type: "code" | "markdown", source: string, hidden = false): Cell => ({
    ...{ cell_type, id: source.slice(0, 8), source },
    metadata: hidden ? { jupyter: { source_hidden: true } } : {},
  });
  const answer = "all in one direction";
  const seen = (one: Cell) => tells(seenOf(one), answer);
  assertEquals(seen(cell("code", `const a = "x";\nconst b = "${answer}";`)), true);
  assertEquals(seen(cell("code", `const a = "x";\nconst b = "${answer}";`, true)), false);
  assertEquals(seen(cell("code", `const b = "${answer}";`, true)), true);
  assertEquals(seen(cell("markdown", "They move all\nin one direction.")), true);
  const fold = `<details><summary>Why</summary>\n\nThey move ${answer}.\n\n</details>`;
  assertEquals([seen(cell("markdown", fold)), seen(cell("markdown", `${fold}\n${answer}`))], [
    false,
    true,
  ]);
  assertEquals(["it is 13.5%", "it is 113.5%", "13,512"].map((text) => tells(text, "13.5 %")), [
    true,
    false,
    false,
  ]);
  const far = Array.from({ length: 40 }, (_, i) => cell("code", `line${i};\nx;`));
  const [above, below] = screenAround({ cells: far } as Notebook, 20);
  assertEquals([above.length, below.length], [14, 14]); // 768 less its own 54, by 54 each, begun
});
