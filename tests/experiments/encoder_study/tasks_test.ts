import { assertEquals, assertRejects } from "@std/assert";
import { readTask, type StudyTask } from "../../../experiments/encoder_study/tasks.ts";
import { withFolder } from "../../support/folders.ts";

const task: StudyTask = {
  ...{ name: "made up", asks: "which is it", encoding: "utf-8" },
  trainFile: "own.all",
};
const sizes = { train: 4, validation: 3, test: 100, words: 3 };

/** `0 text 0`, `1 text 1`, `0 text 2`, … */
const lines = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => `${(from + i) % 2} text ${from + i}`);

const write = (folder: string, name: string, all: readonly string[]) =>
  Deno.writeTextFile(`${folder}/${name}`, all.join("\n") + "\n");

Deno.test("parts share no text, repeated and long texts are left out, and the order is always the same", () =>
  withFolder(async (folder) => {
    const long = "1 one two three four";
    await write(folder, "own.all", [...lines(12), ...lines(12), long]);
    const parts = await readTask(folder, task, sizes);
    const texts = Object.values(parts).flatMap(({ rows }) => rows.map(({ text }) => text));
    assertEquals(Object.values(parts).map(({ rows }) => rows.length), [4, 3, 5]);
    assertEquals(texts.toSorted(), lines(12).map((line) => line.slice(2)).toSorted());
    for (const { rows, labels } of Object.values(parts)) {
      assertEquals(labels, ["0", "1"]);
      for (const { text, label } of rows) assertEquals(label, Number(text.slice(5)) % 2);
    }
    assertEquals(await readTask(folder, task, sizes), parts);
  }));

Deno.test("reported texts are of the test file, without those that were trained on or chosen by", () =>
  withFolder(async (folder) => {
    await write(folder, "own.all", lines(7));
    await write(folder, "other.all", [...lines(7), ...lines(5, 20)]);
    const { test } = await readTask(folder, { ...task, testFile: "other.all" }, sizes);
    assertEquals(
      test.rows.map(({ text }) => text).toSorted(),
      [20, 21, 22, 23, 24].map((i) => `text ${i}`),
    );
    const few = await readTask(folder, { ...task, testFile: "other.all" }, { ...sizes, test: 2 });
    assertEquals(few.test.rows, test.rows.slice(0, 2));
  }));

Deno.test("files that are older than UTF-8 are read as what they are", () =>
  withFolder(async (folder) => {
    await Deno.writeFile(`${folder}/own.all`, Uint8Array.of(0x30, 0x20, 0x96, 0xe9, 0x20, 0x0a));
    const { train } = await readTask(folder, { ...task, encoding: "windows-1252" }, sizes);
    assertEquals(train.rows, [{ text: "–é", label: 0 }]);
  }));

Deno.test("a line without a label is named", () =>
  withFolder(async (folder) => {
    await write(folder, "own.all", ["0 good", "none"]);
    const sentence = 'line 2 of own.all must be a label, a space and a text, found "none"';
    await assertRejects(() => readTask(folder, task, sizes), SyntaxError, sentence);
  }));
