/** Files of texts to train on. @module */

import fc from "npm:fast-check@4.10.2";
import { textDataset } from "../../../src/data/mod.ts";
import { readTexts } from "../../../src/data/texts.ts";
import { loadTokenizer } from "../../../src/tokenizer/mod.ts";
import { type Files, type Kind, onDisk, sound } from "../kind.ts";
import { byteEdits, concatenate, jsonFiles } from "../mutations.ts";

const model = "models/tiny-gpt2", positions = 64;
const tokenizer = await loadTokenizer(model);

const rows = [
  { prompt: "boat", completion: "a galleon" },
  { text: "the sea", label: "wet" },
  { text: "long ".repeat(99) },
];
const utf8 = new TextEncoder();
const csv = utf8.encode('text,label\r\n"a ""b""\n",x\r\nc,y\r\n');
const plain = utf8.encode("We the people\n\nof the islands\r\nsail\n");

const corrupted = (name: string, good: Uint8Array<ArrayBuffer>): fc.Arbitrary<Files> =>
  byteEdits().map((corrupt) => ({ [name]: corrupt(good) }));

/** Files of texts, by their three endings. */
export const textFiles: Kind = {
  name: "files of texts",
  inputs: fc.oneof(
    jsonFiles(fc.constantFrom(...rows)).map((bytes): Files => ({ "mine.jsonl": bytes })),
    corrupted("mine.csv", csv),
    corrupted("mine.txt", plain),
  ),
  refusals: [SyntaxError, RangeError],
  read: (files) =>
    onDisk(files, async (folder) => {
      const texts = await readTexts(`${folder}/${Object.keys(files)[0]}`);
      const { train, validation } = textDataset({ positions }, tokenizer, texts);
      for (const { inputs: { tokens }, targets } of [...train, ...validation]) {
        const [count, length] = tokens.shape;
        sound(tokens.data.length === count * length && length <= positions, `rows of ${length}`);
        sound(tokens.data.every((id) => id < 1024), "a token beyond the vocabulary");
        sound(targets.data.some((label) => label >= 0), "a batch without a target");
      }
    }),
};

const labeledRows = [
  { text: "the sea", label: "wet" },
  { text: "the hold", label: "dry" },
  { text: "the men", label: "wet" },
];
const linesOf = (rows: readonly Uint8Array[]) =>
  concatenate(...rows.flatMap((row) => [row, utf8.encode("\n")]));
const knownLabels: readonly (readonly string[] | undefined)[] = [
  undefined,
  ["dry", "wet"],
  ["0", "1"],
];

/** Files of texts with labels, for a new classifier or for one that knows its labels. */
export const labeledTexts: Kind = {
  name: "files of texts with labels",
  inputs: fc.tuple(
    fc.oneof(
      fc.tuple(
        ...labeledRows.map((row) =>
          jsonFiles(fc.constant(row), { values: [0, 1, true, "dry", "wet", -1], keys: ["label"] })
        ),
      ).map((rows): Files => ({ "mine.jsonl": linesOf(rows) })),
      corrupted("mine.csv", utf8.encode("text,label\na,0\nb,1\nc,1\n")),
    ),
    fc.constantFrom(...knownLabels),
  ).map(([files, labels]): Files => ({
    ...files,
    ...(labels && { labels: utf8.encode(JSON.stringify(labels)) }),
  })),
  refusals: [SyntaxError, RangeError],
  read: (files) =>
    onDisk(files, async (folder) => {
      const known = files.labels && JSON.parse(new TextDecoder().decode(files.labels));
      const texts = await readTexts(`${folder}/${Object.keys(files)[0]}`, known);
      const reader = { positions, isCausal: texts.kind !== "labeled" };
      const { train, validation } = textDataset(reader, tokenizer, texts);
      if (texts.kind !== "labeled") return;
      const { length } = texts.labels;
      sound(length > 1 && (!known || length === known.length), `${length} labels`);
      for (const { inputs: { tokens }, targets } of [...train, ...validation]) {
        sound(targets.data.length === tokens.shape[0], "rows without a label");
        sound(targets.data.every((label) => label >= 0 && label < length), `${targets.data}`);
      }
    }),
};
