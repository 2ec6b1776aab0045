/** Exercises are graded by answers that are computed, and the page asks for each of them. */

import { assert, assertEquals } from "@std/assert";
import { expectedAnswers, gradesOf } from "../../scripts/grade.ts";
import { sourceText } from "../../scripts/support/source_files.ts";

Deno.test("the sheet of the exercises has the questions that are graded, and the solutions' numbers are right", async () => {
  const expected = await expectedAnswers();
  const [, sheet] = /```json\n([^]*?)```/.exec(sourceText("docs/teaching/exercises.md"))!;
  assertEquals(Object.keys(JSON.parse(sheet)), Object.keys(expected));
  const solved = {
    ...{
      "1 parameters": 393_216,
      "1 rank": 512,
      "2 after one step": "b",
      "2 after two steps": "both",
    },
    ...{ "3 largest role": "activation", "3 times less": 2.04, "5 of one seed": 1 },
    ...{ "5 at width 256": 0.25, "5 at width 4096": 0.016 },
    ...{ "6 loss at rank 1": 0.96, "6 loss at rank 4": 0.06 },
  };
  const grades = gradesOf(solved, expected);
  for (const name of Object.keys(solved)) assertEquals(grades[name], "right", name);
  assertEquals(grades["4 values lost"], "not answered");
  const { is } = expected["4 values lost"];
  assert(typeof is === "number" && is > 0 && is < 256 * 256);
});

Deno.test("an answer is right, nearly right, wrong, missing, or of no question", () => {
  const expected = { a: { is: 100, within: 0.01 }, b: { is: "both" }, c: { is: 1 } };
  const of = (answers: Record<string, unknown>) => Object.values(gradesOf(answers, expected));
  assertEquals(of({ a: 101, b: " Both", c: 1 }), ["right", "right", "right"]);
  assertEquals(of({ a: 103, b: "A" }), ["nearly", "wrong", "not answered"]);
  assertEquals(of({ a: 105, b: 1, c: "1", d: 1 }), ["wrong", "wrong", "wrong", "not a question"]);
  assertEquals(of({ a: NaN, b: null, c: -1 }), ["wrong", "wrong", "wrong"]);
});
