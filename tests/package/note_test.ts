/** The note of four pages has the numbers of the pages and rows that it names. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { meanOf, neededText, on } from "../../experiments/skills/needed_rank/rows.ts";
import type { MapRow } from "../../experiments/skills/needed_rank/rows.ts";
import shipped from "../../experiments/skills/needed_rank/needed_rank.json" with { type: "json" };
import { sourceText } from "../../scripts/support/source_files.ts";

const note = sourceText("docs/note.md");

/** Cells of the table whose head has a text. */
const tableWith = (head: string): string[][] => {
  const lines = note.slice(note.indexOf(head)).split("\n\n")[0].split("\n").slice(2);
  return lines.map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
};

/** The tasks of the map by the note's words: one of each distance, and the two that stay out of reach. */
const tasks = [
  "reverse, new word",
  "upper case and !",
  "reverse, then Caesar's cipher",
  "Caesar's cipher +5",
  "random alphabet",
  "subtraction",
  "256 facts",
];

Deno.test("the note's table of needed ranks is that of the shipped rows", () => {
  const rows = shipped.rows.mapRuns as unknown as MapRow[];
  const right = (task: string, line: "qv" | "all" | "full", rank?: number) => {
    const share = meanOf(rows, on(task, line, rank))!.right.toFixed(1);
    return `${share === "100.0" || share === "0.0" ? parseInt(share) : share}%`;
  };
  assertEquals(
    tableWith("needed r, q and v").map((cells) => cells.slice(1)),
    tasks.map((task) => [
      right(task, "qv", 1),
      neededText(rows, { task, line: "qv" }),
      right(task, "all", 1),
      right(task, "full"),
    ]),
  );
});

Deno.test("the note's other numbers are on the pages that it names", () => {
  const pages: Record<string, string[]> = {
    "docs/findings.md": [
      ...["9,251 times", "3.68 at batch 1", "1.65 at batch 64"],
      "reverse, new word: 512; Caesar's cipher +5: 2,048; random alphabet: 8,192",
      "α/r = 0.25: 16; α/r = 1: 5; α/r = 4: 3.1; α/r = 16: 1.3; α/r = 64: 0.5",
    ],
    "experiments/intrinsic_dimension/rules.md": ["1,594", "3,188"],
    "docs/decisions/0061_a_real_decoder_for_the_questions_of_rank.md": [
      ...tableWith("same training pairs, same order").flatMap((cells) => cells.slice(1)),
    ],
    "docs/decisions/0037_combining_adapters.md": [
      ...tableWith("A and B added").flatMap((cells) => cells.slice(1)),
    ],
  };
  for (const [path, numbers] of Object.entries(pages)) {
    for (const number of numbers) assertStringIncludes(sourceText(path), number);
  }
});
