/** Files of outputs and references, in the layouts of the E2E scripts. */

import { assertEquals, assertRejects } from "@std/assert";
import { readReferencedOutputs } from "../../src/data/mod.ts";

const file = (name: string, text: string) => new File([text], name);
const outputs = file("outputs.txt", "one\n\nthree\n");

async function read(made: File, written: File): Promise<[string, readonly string[]][]> {
  const found = await readReferencedOutputs(made, written);
  return found.map(({ output, references }) => [output, references]);
}

const blocks: [string, readonly string[]][] = [
  ["one", ["a", "b"]],
  ["", ["c"]],
  ["three", ["d", "e"]],
];

Deno.test("references in blocks that empty lines separate; an output may be empty", async () => {
  assertEquals(await read(outputs, file("refs.txt", "a\nb\n\nc\n\nd\ne")), blocks);
  assertEquals(await read(outputs, file("refs", "\ufeffa\r\nb\r\n \r\nc\n\nd\ne\n\n\n")), blocks);
});

Deno.test("without empty lines every output has one reference, and a single output has them all", async () => {
  const each: typeof blocks = [["one", ["a"]], ["", ["b"]], ["three", ["c"]]];
  assertEquals(await read(outputs, file("refs.txt", "a\nb\nc\n")), each);
  assertEquals(await read(file("o.txt", "one"), file("refs.txt", "a\nb\n")), [["one", ["a", "b"]]]);
});

Deno.test("tables: neighboring rows of an input are one group, in the order of the outputs", async () => {
  const csv = 'mr,ref\nx,a\nx,b\ny,c\n"z, 1","d"\n"z, 1",e\n';
  assertEquals(await read(outputs, file("refs.csv", csv)), blocks);
  const tsv = 'MR\tReference\nx\ta\nx\tb\ny\tc\n"z"\td\n"z"\te\n';
  assertEquals(await read(outputs, file("refs.tsv", tsv)), blocks);
  const jsonl = ["xa", "xb", "yc", "zd", "ze"]
    .map(([input, reference]) => JSON.stringify({ input, reference })).join("\n");
  assertEquals(await read(outputs, file("refs.jsonl", jsonl)), blocks);
});

Deno.test("tables of outputs with inputs find their references by them", async () => {
  const references = file("refs.csv", "mr,ref\nx,a\ny,c\nx,b\n");
  const made = file("outs.tsv", 'MR\toutput\ny\tsays "y"\nx\t\n');
  assertEquals(await read(made, references), [['says "y"', ["c"]], ["", ["a", "b"]]]);
  // What `generate` writes for a prompt that comes twice.
  const answer = (prompt: string, text: string) => JSON.stringify({ prompt, tokens: [1], text });
  const answers = [answer("x", "t"), answer("y", "u"), answer("x", "t")].join("\n");
  const found = [["t", ["a", "b"]], ["u", ["c"]]] as typeof blocks;
  assertEquals(await read(file("o.jsonl", answers), references), found);
  const lone = file("o.csv", "output\none\ntwo\n");
  assertEquals(await read(lone, file("refs.txt", "a\nb\n\nc")), [["one", ["a", "b"]], ["two", [
    "c",
  ]]]);
});

const references = file("refs.txt", "a\n\nb\n\nc\n");

async function fails(made: File, written: File, kind: typeof RangeError, ...parts: string[]) {
  const { message } = await assertRejects(() => readReferencedOutputs(made, written), kind);
  for (const part of parts) assertEquals(message.includes(part), true, message);
}

Deno.test("empty files and different numbers are refused", async () => {
  await fails(
    file("o.txt", ""),
    references,
    RangeError,
    "o.txt must hold 1 to 4,194,304 lines, found 0",
  );
  await fails(outputs, file("refs.txt", ""), RangeError, "refs.txt", "found 0");
  await fails(outputs, file("refs.txt", "\n\n"), RangeError, "refs.txt", "at least 1 reference");
  await fails(
    file("o.csv", ""),
    references,
    RangeError,
    "o.csv must hold 1 to 4,194,304 rows, found 0",
  );
  await fails(
    file("o.txt", "one\n"),
    references,
    RangeError,
    "found 1 output in o.txt and 3 groups in refs.txt",
  );
});

Deno.test("a malformed line is named by its number", async () => {
  await fails(outputs, file("refs.txt", "a\n\n\nb\n"), SyntaxError, "line 3 of refs.txt");
  await fails(outputs, file("refs.txt", "\na\n"), SyntaxError, "line 1 of refs.txt");
  await fails(outputs, file("r.csv", "mr,ref\nx,a\nx\n"), SyntaxError, "r.csv", "line 3");
  await fails(outputs, file("r.csv", 'mr,ref\nx,a\n"x",\n'), SyntaxError, "ref in line 3 of r.csv");
  await fails(outputs, file("r.tsv", "mr\tref\nx\ta\tb\n"), SyntaxError, "it is not TSV", "line 2");
  const half = file("r.jsonl", '{"mr":"x","ref":"a"}\n{"mr":"x"}\n');
  await fails(outputs, half, SyntaxError, "ref in line 2 of r.jsonl must be a text, found nothing");
  await fails(
    outputs,
    file("r.jsonl", "[]"),
    SyntaxError,
    "line 1 of r.jsonl must be a JSON object",
  );
});

Deno.test("a table needs one field of each kind, and an input a reference", async () => {
  const none = file("r.csv", "mr,text\nx,a\n"), two = file("r.csv", "mr,ref,target\nx,a,b\n");
  await fails(outputs, none, RangeError, "one field for the reference (ref, ", "found mr, text");
  await fails(outputs, two, RangeError, "found mr, ref, target");
  await fails(outputs, file("r.csv", "ref\na\n"), RangeError, "one field for the input");
  const made = file("o.csv", "mr,output\nx,one\nq,two\n");
  const expected = "the input in line 3 of o.csv must have a reference in r.csv, found none for q";
  await fails(made, file("r.csv", "mr,ref\nx,a\n"), RangeError, expected);
});

Deno.test("a part of the set is refused, as are two outputs of one input", async () => {
  const written = file("r.csv", "mr,ref\nx,a\ny,c\nx,b\nz,d\n");
  const part = file("o.csv", "mr,output\nx,one\n"), whole = "x,one\ny,two\nz,three\n";
  const expected =
    "every input in r.csv must have an output in o.csv, as scores are of a whole set, found 1 of 3 " +
    "and none for y";
  await fails(part, written, RangeError, expected);
  const twice = file("o.csv", `mr,output\n${whole}y,other\n`);
  const two =
    "an input must have one output, found two for y, in line 3 of o.csv and in line 5 of o.csv";
  await fails(twice, written, RangeError, two);
  assertEquals((await read(file("o.csv", `mr,output\n${whole}`), written)).length, 3);
});

Deno.test("a line that is longer than any text is refused by its number", async () => {
  const long = "a".repeat(2 ** 23 + 1);
  const message = (name: string) =>
    `line 2 of ${name} must have at most 8388608 characters, found 8388609`;
  await fails(file("o.txt", `one\n${long}\n`), references, RangeError, message("o.txt"));
  await fails(outputs, file("refs.txt", `a\n${long}\n`), RangeError, message("refs.txt"));
});
