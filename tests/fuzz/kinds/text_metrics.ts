/** Files of outputs and references, ZIP archives, and METEOR's tables. @module */

import fc from "npm:fast-check@4.10.2";
import { unzip } from "../../../src/storage/zip.ts";
import { readReferencedOutputs } from "../../../src/data/tasks/e2e.ts";
import { scoreTexts } from "../../../experiments/text_metrics/mod.ts";
import {
  parseParaphrases,
  parseSynonyms,
} from "../../../experiments/text_metrics/meteor_tables.ts";
import { zipOf } from "../../support/zip.ts";
import { type Files, inMemory, type Kind, sound } from "../kind.ts";
import { byteEdits, concatenate, jsonFiles } from "../mutations.ts";

const utf8 = new TextEncoder();
const outputs = utf8.encode("a cheap pub by the river\n\nfrench food\n");
const references: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {
  "r.txt": utf8.encode("a cheap pub\nan inn\n\nno\n\nfood from france\n"),
  "r.csv": utf8.encode('mr,ref\nx,a cheap pub\nx,"an ""inn"""\ny,no\nz,food\n'),
  "r.tsv": utf8.encode("mr\tref\nx\ta pub\ny\tno\nz\tfood\n"),
};
const rows = ["x", "y", "z"].map((input) => ({ input, reference: `text of ${input}` }));

/** Outputs with references in any of their layouts, one of the two corrupted. */
export const referencedOutputs: Kind = {
  name: "files of outputs and references",
  inputs: fc.oneof(
    fc.tuple(fc.constantFrom(...Object.keys(references)), byteEdits()).map((
      [name, corrupt],
    ): Files => ({
      "o.txt": outputs,
      [name]: corrupt(references[name]),
    })),
    byteEdits().map((corrupt): Files => ({
      "o.txt": corrupt(outputs),
      "r.txt": references["r.txt"],
    })),
    fc.tuple(...rows.map((row) => jsonFiles(fc.constant(row), { keys: ["reference", "input"] })))
      .map((lines): Files => ({
        "o.txt": outputs,
        "r.jsonl": concatenate(...lines.flatMap((line) => [line, utf8.encode("\n")])),
      })),
  ),
  refusals: [SyntaxError, RangeError],
  read: async (files) => {
    const [made, written] = inMemory(files);
    const texts = await readReferencedOutputs(made, written);
    sound(texts.every(({ references }) => references.length > 0), "an output without references");
    sound(texts.every(({ references }) => !references.includes("")), "an empty reference");
    const { rougeL } = scoreTexts(texts, ["rougeL"]);
    sound(rougeL >= 0 && rougeL <= 1 + 1e-12, `a score of ${rougeL}`);
  },
};

const text = "mr,ref\nname[A],a pub\n".repeat(20);
const archives = [
  await zipOf({ "d/a.csv": text, b: "b" }, { method: 8 }),
  await zipOf({ "d/a.csv": text }, { method: 0 }),
];

/** Archives of which one file is read. */
export const zipArchives: Kind = {
  name: "ZIP archives",
  inputs: fc.tuple(fc.constantFrom(...archives), byteEdits()).map(([archive, corrupt]): Files => ({
    "a.zip": corrupt(archive),
  })),
  refusals: [SyntaxError, RangeError],
  read: async (files) => {
    const found = await unzip(files["a.zip"], "d/a.csv", 1e6);
    sound(new TextDecoder().decode(found) === text, "a file that is another one");
  },
};

const synsets = utf8.encode("cheap\n101 102\ninexpensive\n101\npub\n201\n");
const exceptions = utf8.encode("woman\nwomen\nchild\nchildren\n");
const paraphrases = utf8.encode("0.5\nclose to\nnear\n0.1\nout of\nof\n");

/** The text of METEOR's three tables. */
export const meteorTables: Kind = {
  name: "METEOR's tables",
  inputs: fc.tuple(fc.constantFrom(0, 1, 2), byteEdits()).map(([which, corrupt]): Files => {
    const [s, e, p] = [synsets, exceptions, paraphrases].map((good, i) =>
      i === which ? corrupt(good) : good
    );
    return { synsets: s, exceptions: e, paraphrases: p };
  }),
  refusals: [SyntaxError],
  read: async (files) => {
    const textOf = (name: string) => new TextDecoder().decode(files[name]);
    const { meanings } = parseSynonyms(textOf("synsets"), textOf("exceptions"));
    for (const numbers of meanings.values()) {
      sound(numbers.length > 0 && numbers.every((one) => one >= 0), `meanings ${numbers}`);
    }
    const parts = [textOf("paraphrases").slice(0, 7), textOf("paraphrases").slice(7)];
    const { phrases } = await parseParaphrases(parts);
    sound([...phrases.values()].every((list) => list.length > 0), "a phrase without paraphrases");
  },
};
