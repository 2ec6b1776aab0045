import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { readTask, type TextTask } from "../../../experiments/methods/texts/tasks.ts";
import { withFolder } from "../../../scripts/support/folders.ts";

const task: TextTask = {
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

Deno.test("texts to choose by are of their own file, and all others are trained on", () =>
  withFolder(async (folder) => {
    await write(folder, "own.all", lines(7));
    await write(folder, "dev.all", lines(4, 10));
    await write(folder, "other.all", [...lines(3), ...lines(5, 10), ...lines(2, 20)]);
    const all = { train: 7, validation: 4, test: 100 };
    const own = { ...task, validationFile: "dev.all", testFile: "other.all" };
    const { train, validation, test } = await readTask(folder, own, all);
    assertEquals([train, validation].map(({ rows }) => rows.length), [7, 4]);
    const reported = test.rows.map(({ text }) => text).toSorted();
    assertEquals(reported, [14, 20, 21].map((i) => `text ${i}`));
  }));

Deno.test("a draw has other texts to train on, and the same that are reported", () =>
  withFolder(async (folder) => {
    await write(folder, "own.all", lines(60));
    await write(folder, "dev.all", lines(4, 100));
    await write(folder, "other.all", [...lines(60), ...lines(9, 200)]);
    const own = { ...task, validationFile: "dev.all", testFile: "other.all" };
    const few = { train: 9, validation: 4, test: 100 };
    const [one, other, again] = await Promise.all(
      [1, 2, 1].map((draw) => readTask(folder, own, { ...few, draw })),
    );
    assertEquals(one, again);
    const texts = ({ train }: typeof one) => train.rows.map(({ text }) => text).toSorted();
    assertEquals([one, other].map((parts) => new Set(texts(parts)).size), [9, 9]);
    assertNotEquals(texts(one), texts(other));
    assertEquals(one.test, other.test);
    assertEquals(one.test.rows.length, 9); // None of the training file, drawn or not.
  }));

Deno.test("files that are older than UTF-8 are read as what they are", () =>
  withFolder(async (folder) => {
    const old = Uint8Array.of(0x30, 0x20, 0x96, 0xe9, 0x20, 0x0a);
    const others = new TextEncoder().encode("0 a\n0 b\n");
    await Deno.writeFile(`${folder}/own.all`, Uint8Array.of(...old, ...others));
    const few = { ...sizes, train: 1, validation: 1 };
    const parts = await readTask(folder, { ...task, encoding: "windows-1252" }, few);
    const rows = Object.values(parts).flatMap(({ rows }) => rows);
    assertEquals(rows.map(({ text }) => text).toSorted(), ["a", "b", "–é"]);
  }));

Deno.test("a line without a label is named by its number in the file", () =>
  withFolder(async (folder) => {
    await write(folder, "own.all", ["0 good", "", "none"]);
    const sentence = 'line 3 of own.all must be a label, a space and a text, found "none"';
    await assertRejects(() => readTask(folder, task, sizes), SyntaxError, sentence);
  }));

Deno.test("a file without texts, or with too few, is named", () =>
  withFolder(async (folder) => {
    const left = (part: string, file: string) =>
      `made up needs texts of at most 3 words for ${part}, found none left in ${file}`;
    const rejects = (own: TextTask, part: string, file: string) =>
      assertRejects(() => readTask(folder, own, sizes), RangeError, left(part, file));
    await write(folder, "own.all", []);
    await rejects(task, "train", "own.all");
    await write(folder, "own.all", lines(4));
    await rejects(task, "validation", "own.all");
    await write(folder, "own.all", lines(7));
    await rejects(task, "test", "own.all");
    await write(folder, "other.all", ["1 one two three four"]);
    await rejects({ ...task, testFile: "other.all" }, "test", "other.all");
    await write(folder, "none.all", []);
    await rejects({ ...task, validationFile: "none.all" }, "validation", "none.all");
    const any = () => readTask(folder, task, { ...sizes, train: 9, words: undefined });
    await assertRejects(
      any,
      RangeError,
      "made up needs texts for validation, found none left in own",
    );
  }));

Deno.test("labels are numbered as the training file has them, and one that only the test file has is named", () =>
  withFolder(async (folder) => {
    const own = lines(8).map((line) => line.replace(/^1/, "7")), testFile = "other.all";
    await write(folder, "own.all", own);
    await write(folder, testFile, ["7 text 30"]);
    const { train, test } = await readTask(folder, { ...task, testFile }, sizes);
    assertEquals([train.labels, test.labels], [["0", "7"], ["0", "7"]]);
    for (const { text, label } of train.rows) assertEquals(label, Number(text.slice(5)) % 2);
    assertEquals(test.rows, [{ text: "text 30", label: 1 }]);
    await write(folder, testFile, ["7 text 30", "3 text 31"]);
    const read = () => readTask(folder, { ...task, testFile }, sizes);
    const sentence = 'other.all must have the labels of own.all alone, found 3 in "text 31"';
    await assertRejects(read, RangeError, sentence);
  }));
