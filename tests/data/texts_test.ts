/** Files of texts: what is read of them, and what is refused. */

import { assertEquals, assertRejects } from "@std/assert";
import { readPrompts, readTexts } from "../../src/data/mod.ts";
import { withFolder } from "../../scripts/support/folders.ts";

async function read(folder: string, name: string, content: string, labels?: string[]) {
  await Deno.writeTextFile(`${folder}/${name}`, content);
  const { digest: _, description, ...texts } = await readTexts(`${folder}/${name}`, labels);
  return { description: description.replace(folder, "…"), ...texts };
}

const pairs = [{ prompt: 'say "a, b"', completion: "c\nd" }, { prompt: "é", completion: " f" }];
const rows = { kind: "prompted", rows: pairs } as const;

Deno.test("prompts and completions are the same from JSON Lines and from CSV, however it is quoted", () =>
  withFolder(async (folder) => {
    const lines = pairs.map((pair) => JSON.stringify({ id: 1, ...pair })).join("\r\n\r\n");
    const description = "2 rows with prompt and completion in …/a.jsonl, without id";
    assertEquals(await read(folder, "a.jsonl", lines), { description, ...rows });
    const csv = '\ufeffid,prompt,completion\r\n1,"say ""a, b""","c\nd"\r\n\r\n2,é, f\r\n';
    const { description: _, ...fromCsv } = await read(folder, "a.CSV", csv);
    assertEquals(fromCsv, rows);
  }));

Deno.test("a text file is read by lines, or by paragraphs where blank lines separate them", () =>
  withFolder(async (folder) => {
    const lines = await read(folder, "a.txt", "\n\n one \r\ntwo\n");
    assertEquals(lines, {
      description: "2 lines with text in …/a.txt",
      kind: "plain",
      rows: [" one", "two"],
    });
    const paragraphs = await read(folder, "b.txt", "one\r\nmore\r\n \r\n\r\ntwo\n\n");
    assertEquals(paragraphs, {
      description: "2 paragraphs with text in …/b.txt, which blank lines such as line 3 separate",
      kind: "plain",
      rows: ["one\nmore", "two"],
    });
    const many = Array.from({ length: 200 }, (_, index) => `line ${index + 1}`);
    const blank = await read(folder, "c.txt", many.toSpliced(100, 0, " ").join("\n"));
    const description = "200 lines with text in …/c.txt"; // One blank line does not make two texts of them.
    assertEquals(blank, { description, kind: "plain", rows: many });
  }));

Deno.test("labels are numbered in the order of their names or numbers, or as a model knows them", () =>
  withFolder(async (folder) => {
    const csv = (...labels: unknown[]) =>
      ["text,label", ...labels.map((label) => `t,${label}`)].join("\n");
    const labelsOf = async (content: string, known?: string[]) => {
      const texts = await read(folder, "a.csv", content, known);
      return texts.kind === "labeled"
        ? [texts.labels, texts.rows.map(({ label }) => label)]
        : texts.kind;
    };
    assertEquals(await labelsOf(csv("sea", "farm", "sea")), [["farm", "sea"], [1, 0, 1]]);
    assertEquals(await labelsOf(csv(10, 9, 10)), [["9", "10"], [1, 0, 1]]);
    assertEquals(await labelsOf(csv("b"), ["b", "a"]), [["b", "a"], [0]]);
    const lines = '{"text": "t", "label": 1}\n{"text": "u", "label": 0}';
    const texts = await read(folder, "b.jsonl", lines);
    assertEquals(texts.kind === "labeled" && texts.labels, ["0", "1"]);
  }));

Deno.test("a file that is not one of texts is refused in a sentence with its line", () =>
  withFolder(async (folder) => {
    const refuses = async (name: string, content: string, ...sentence: string[]) => {
      await Deno.writeTextFile(`${folder}/${name}`, content);
      const { message } = await assertRejects(() => readTexts(`${folder}/${name}`), Error);
      for (const part of sentence) assertEquals([message.includes(part), message], [true, message]);
    };
    await refuses("a.json", "{}", "must end in .jsonl, .csv or .txt, found");
    await refuses("a.txt", "\n \n", "must hold 1 to 4,194,304 texts, found 0");
    await refuses("a.csv", "", "texts, found 0");
    await refuses(
      "a.csv",
      "q,a\n1,2",
      "must have the fields prompt and completion, text and label, or text; found q, a",
    );
    await refuses("a.csv", "text,label\na,b,c\n", "it is not CSV", "on line 2");
    await refuses("a.csv", 'text,label\n"a,b\n', "it is not CSV");
    await refuses("a.csv", "text,label\na,x\n", "labels must be 2 to 4096 different ones, found 1");
    await refuses("a.csv", "text,label\na,x\n,y", "text in line 3 of", 'must be a text, found ""');
    await refuses("a.jsonl", '{"text": "a"}\n\n{"text": 3}', "text in line 3 of", "found 3");
    await refuses("a.jsonl", '{"text": "a"}\n{"label": 3}', "text in line 2 of", "found nothing");
    await refuses("a.jsonl", '{"text": "a"}\n["a"]', "line 2 of", "must be a JSON object");
    await refuses("a.jsonl", '{"text": "a"', "line 1 of", "must be JSON");
    await refuses("a.jsonl", '{"text": "a"}\n{"text": "a", "text": "b"}', "line 2", '"text" twice');
    await refuses("a.jsonl", "[".repeat(1e5), "line 1 of", "nested more than 512 deep");
    await refuses("a.jsonl", '{"__proto__": {"text": "a"}}', "must have the fields");
    await refuses("a.jsonl", '{"text": "a", "label": 0.5}', "label in line 1 of", "found 0.5");
    await refuses("a.csv", "toString,constructor\na,b", "must have the fields");
    await Deno.writeFile(`${folder}/b.txt`, Uint8Array.of(0xff, 0xfe));
    await assertRejects(() => readTexts(`${folder}/b.txt`), SyntaxError, "it is not UTF-8");
    await assertRejects(() => readTexts(folder), RangeError, "must end in .jsonl, .csv or .txt");
  }));

Deno.test("prompts for answers need no completions", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/a.jsonl`, '{"prompt": "a"}\n{"prompt": "b", "x": 1}');
    assertEquals(await readPrompts(`${folder}/a.jsonl`), ["a", "b"]);
    await Deno.writeTextFile(`${folder}/a.txt`, "a\nb");
    assertEquals(await readPrompts(`${folder}/a.txt`), ["a", "b"]);
    await Deno.writeTextFile(`${folder}/a.csv`, "ask\na");
    const error = "must have the field prompt or text, found ask";
    await assertRejects(() => readPrompts(`${folder}/a.csv`), RangeError, error);
  }));
