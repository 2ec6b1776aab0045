/** The cut of 45 minutes: the slides and minutes of the instructor notes. */

import { assertEquals } from "@std/assert";
import { minuteInCut, plan } from "../../slides/cut.ts";
import { sourceText } from "../../scripts/support/source_files.ts";

/** Rows of the notes' table: `| 4 to 10 | 5 to 9 | …`. */
function rowsOfNotes(): number[][] {
  const notes = sourceText("docs/teaching/instructor_notes.md");
  const [, section] = notes.split("\n## Forty-five minutes\n");
  const rows = section.split("\n## ")[0].matchAll(/^\| (\d+ to \d+) *\| ([\d to,]+?) *\|/gm);
  return Array.from(rows, ([, minutes, slides]) => {
    const [from, to] = minutes.split(" to "), shown = slides.match(/\d+/g)!;
    return [from, to, shown[0], shown.at(-1)!].map(Number);
  });
}

Deno.test("the cut has the minutes and slides of the instructor notes", () => {
  assertEquals(rowsOfNotes(), plan.map((row) => [...row]));
});

Deno.test("minutes of the cut rise within their rows, and slides that it leaves out have none", () => {
  const minutes = Array.from({ length: 36 }, (_, i) => minuteInCut(i + 1));
  assertEquals(minutes.flatMap((minute, i) => minute === undefined ? [i + 1] : []), [
    ...[10, 26, 27, 28, 34],
  ]);
  const given = minutes.filter((minute) => minute !== undefined);
  assertEquals(given, given.toSorted((a, b) => a - b));
  assertEquals([minutes[0], minutes[10], minutes[35]], [0, 10, 43]);
});
