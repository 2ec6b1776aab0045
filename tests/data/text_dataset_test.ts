/** Texts as batches: the split, what is scored, and what becomes of long texts. */

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import {
  encodePrompted,
  promptedBatches,
  textDataset,
  type TextDatasetOptions,
  type Texts,
} from "../../src/data/mod.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { initGpt2, parseGpt2Config } from "../../src/models/mod.ts";
import { loadTokenizer, makeTokenizer } from "../../src/tokenizer/mod.ts";
import { type Batch, evaluate } from "../../src/train/mod.ts";

const tokenizer = await loadTokenizer("models/tiny-gpt2"), end = tokenizer.endOfText!;

const plain = (...rows: string[]): Texts => ({ kind: "plain", rows, description: "", digest: "" });
const prompted = (...rows: [prompt: string, completion: string][]): Texts => ({
  kind: "prompted",
  rows: rows.map(([prompt, completion]) => ({ prompt, completion })),
  description: "",
  digest: "",
});

const dataset = (texts: Texts, options: TextDatasetOptions = {}, positions = 64) =>
  textDataset({ positions }, tokenizer, texts, options);

/** The tokens that each row scores, and those before its first scored one. */
function rowsOf(batches: readonly Batch[]): { context: number[]; scored: number[] }[] {
  return batches.flatMap(({ inputs: { tokens }, targets }) => {
    const [rows, time] = tokens.shape;
    return Array.from({ length: rows }, (_, row) => {
      const at = (list: ArrayLike<number>) => Array.from(list).slice(row * time, (row + 1) * time);
      const inputs = at(tokens.data), labels = at(targets.data);
      const first = labels.findIndex((label) => label >= 0);
      return { context: inputs.slice(0, first + 1), scored: labels.filter((label) => label >= 0) };
    });
  });
}

const scoredTexts = (batches: readonly Batch[]) =>
  rowsOf(batches).map(({ scored }) => tokenizer.decode(scored)).sort();

Deno.test("every text is trained on or held out, never both, and the seed alone says which", () => {
  const texts = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,9}$/), { minLength: 2, maxLength: 40 });
  fc.assert(
    fc.property(
      texts,
      fc.double({ min: 0, max: 0.9, noNaN: true }),
      fc.nat(99),
      (rows, validation, seed) => {
        const { train, validation: held } = dataset(plain(...rows), { validation, seed, batch: 3 });
        const all = [...scoredTexts(train), ...scoredTexts(held)].sort();
        assertEquals(all, rows.map((row) => `${row}<|endoftext|>`).sort());
        assertEquals(rowsOf(held).length > 0, validation > 0);
        assertEquals(dataset(plain(...rows), { validation, seed, batch: 3 }).train, train);
      },
    ),
    { numRuns: 50 },
  );
});

Deno.test("by default a tenth is held out, of many texts 200", () => {
  for (const [count, held] of [[2, 1], [3, 1], [30, 3], [1999, 200], [3000, 200]]) {
    const texts = plain(...Array.from({ length: count }, (_, i) => `${i}`));
    assertEquals(rowsOf(dataset(texts).validation).length, held);
  }
});

Deno.test("of prompted texts the completion and the end are scored, after the prompt as it is remembered", () => {
  const { train, notes } = dataset(prompted(["boat", "a galleon"]), { validation: 0 });
  const [{ context, scored }] = rowsOf(train);
  assertEquals(context, [end, ...tokenizer.encode("boat")]);
  assertEquals(scored, [...tokenizer.encode(" a galleon"), end]);
  assertEquals(train[0].promptFormat, {
    template: "{prompt}",
    endOfTextFirst: true,
    separator: " ",
  });
  assertEquals(notes, ["1 text to train on, 0 held out (0%, seed 0)"]);
});

Deno.test("promptedBatches scores the same tokens of a completion that brings its space", () => {
  const [batch] = promptedBatches(tokenizer, [{ prompt: "boat:", completion: " a galleon" }]);
  for (const completion of ["a galleon", " a galleon"]) {
    const { train } = dataset(prompted(["boat:", completion]), { validation: 0 });
    assertEquals(rowsOf(train), rowsOf([batch]));
  }
  assertEquals(batch.promptFormat!.separator, "");
});

Deno.test("a batch of prompted texts is as long as its own longest text, as a dataset's is, to the same loss", async () => {
  const texts = [1, 9, 3, 20, 5, 2].map((size) => ({
    prompt: "boat:",
    completion: " ship".repeat(size),
  }));
  const fitted = promptedBatches(tokenizer, texts, { batch: 1 });
  const like = promptedBatches(tokenizer, texts, { batch: 1, order: "like-length" });
  const set = promptedBatches(tokenizer, texts, { batch: 1, length: 64 });
  const own = texts.map((text) => {
    const { tokens } = encodePrompted(tokenizer, text);
    return { inputs: { tokens: { shape: [1, tokens.length - 1] } } };
  });
  const lengths = (batches: Iterable<{ inputs: { tokens: { shape: readonly number[] } } }>) =>
    Array.from(batches, ({ inputs }) => inputs.tokens.shape[1]).sort((a, b) => a - b);
  const { train } = dataset(
    prompted(...texts.map((text): [string, string] => [text.prompt, text.completion])),
    {
      validation: 0,
      batch: 1,
    },
  );
  const longest = lengths(fitted).at(-1)!; // A set is as long as that; a dataset rounds it up too.
  const rounded = (step: number) =>
    lengths(own).map((length) => Math.min(step * Math.ceil(length / step), longest));
  assertEquals(lengths(fitted), rounded(16));
  assertEquals(lengths(train).map((length) => Math.min(length, longest)), rounded(4));
  assertEquals(lengths(like), rounded(4));
  assertEquals(lengths(set), texts.map(() => 64));
  using device = new ReferenceDevice();
  const shape = { vocab_size: 1024, n_positions: 64, n_embd: 8, n_layer: 1, n_head: 2 };
  using model = initGpt2(device, parseGpt2Config(shape), { seed: 1 });
  const [short, long] = [await evaluate(model, fitted), await evaluate(model, set)];
  assertEquals(short.counted, long.counted);
  assertAlmostEquals(short.loss, long.loss, 1e-6);
});

Deno.test("labels that only held-out texts have are noted", () => {
  const notes = (labels: string[], ...of: number[]) => {
    const rows = of.map((label) => ({ text: `text ${label}`, label }));
    const texts: Texts = { kind: "labeled", labels, rows, description: "", digest: "" };
    const held: Texts = { ...texts, rows: [{ text: "other", label: 1 }] };
    return dataset(texts, { validation: held }).notes.slice(1);
  };
  assertEquals(notes(["x", "y", "z"], 0, 0), [
    'labels of held-out texts alone, which cannot be learned: "y"',
  ]);
  assertEquals(notes(["x", "y", "z"], 0, 1), []);
});

Deno.test("a space comes before completions unless they, or the prompts, bring their own", () => {
  const separatorOf = (texts: Texts, format = {}) =>
    dataset(texts, { validation: 0, format }).train[0].promptFormat!.separator;
  assertEquals(separatorOf(prompted(["Q", "a"])), " ");
  assertEquals(separatorOf(prompted(["Q", " a"], ["R", "b"])), " ");
  assertEquals(separatorOf(prompted(["Q\n", "a"])), "");
  assertEquals(separatorOf(prompted(["Q", "\na"])), "");
  assertEquals(separatorOf(prompted(["Q", "a"]), { template: "{prompt}\n" }), "");
  assertEquals(separatorOf(prompted(["Q", "a"]), { separator: "=" }), "=");
  const [one, other] = ["a", " a"].map((answer) =>
    dataset(prompted(["Q", answer]), { validation: 0 })
  );
  assertEquals(one.train, other.train);
});

Deno.test("a long text continues in further rows, which score each of its tokens once", () => {
  const text = "We the people of the islands sail at dawn. ".repeat(9),
    tokens = tokenizer.encode(text);
  const { train, notes } = dataset(plain(text), { validation: 0 }, 16);
  const rows = rowsOf(train), inOrder = (ids: readonly number[]) => ids.toSorted((a, b) => a - b);
  assertEquals(rows.length, Math.ceil((tokens.length + 1) / 16));
  assertEquals(inOrder(rows.flatMap(({ scored }) => scored)), inOrder([...tokens, end]));
  assertEquals(notes[1], "1 text is longer than the model's 16 tokens: continued in further rows");
});

Deno.test("a prompted text that is too long is left out, and of a labeled one the beginning is kept", () => {
  const long = "word ".repeat(40), short: [string, string] = ["Q", "a"];
  const { train, notes } = dataset(prompted(short, ["Q", long]), { validation: 0 }, 16);
  assertEquals(rowsOf(train).length, 1);
  assertEquals(notes[1], "1 text is longer than the model's 16 tokens: left out");
  const labeled: Texts = {
    kind: "labeled",
    rows: [{ text: long, label: 1 }, { text: "We", label: 0 }],
    labels: ["a", "b"],
    description: "",
    digest: "",
  };
  const [{ inputs: { tokens }, targets, promptFormat }] =
    dataset(labeled, { validation: 0 }, 16).train;
  const longRow = [...targets.data].indexOf(1);
  assertEquals([tokens.shape, targets.shape, promptFormat], [[2, 16], [2], undefined]);
  const rowAt = (row: number) => [...tokens.data.subarray(16 * row, 16 * row + 16)];
  assertEquals(rowAt(longRow), [...tokenizer.encode(long).subarray(0, 16)]);
  const we = [...tokenizer.encode("We")];
  assertEquals(rowAt(1 - longRow), [...we, ...Array(16 - we.length).fill(end)]);
});

Deno.test("what cannot be trained on is refused", () => {
  const one = plain("a"),
    refuse = (run: () => unknown, sentence: string) => assertThrows(run, RangeError, sentence);
  refuse(
    () => dataset(prompted(["Q", "word ".repeat(99)])),
    "a text of at most 64 tokens, found none",
  );
  refuse(() => dataset(one, { validation: 1 }), "the held-out share must be in [0, 1), found 1");
  refuse(() => dataset(one, { validation: prompted(["Q", "a"]) }), "must be plain like the others");
  refuse(() => dataset(one, { batch: 0 }), "an integer batch of at least 1, found 0");
  refuse(() => dataset(prompted(["Q", "a"]), { format: { template: "" } }), "{prompt} once");
});

Deno.test("an encoder reads texts with labels between its tokens, masked where others are longer", async () => {
  const wordpiece = await makeTokenizer({
    ...{ normalizer: null, pre_tokenizer: { type: "Whitespace" }, decoder: null },
    added_tokens: ["[PAD]", "[CLS]", "[SEP]"].map((content, id) => ({
      ...{ id, content, special: true, single_word: false, lstrip: false, rstrip: false },
      normalized: false,
    })),
    post_processor: {
      type: "TemplateProcessing",
      single: [
        { SpecialToken: { id: "[CLS]", type_id: 0 } },
        { Sequence: { id: "A", type_id: 0 } },
        { SpecialToken: { id: "[SEP]", type_id: 0 } },
      ],
      pair: [],
      special_tokens: {
        "[CLS]": { id: "[CLS]", ids: [1], tokens: ["[CLS]"] },
        "[SEP]": { id: "[SEP]", ids: [2], tokens: ["[SEP]"] },
      },
    },
    model: {
      ...{ type: "WordPiece", unk_token: "[UNK]", continuing_subword_prefix: "##" },
      max_input_chars_per_word: 100,
      vocab: { "[PAD]": 0, "[CLS]": 1, "[SEP]": 2, "[UNK]": 3, "a": 4, "b": 5, "c": 6 },
    },
  }, {});
  const model = { positions: 5, padding: 0, isCausal: false };
  const rows = [{ text: "a b c a b", label: 0 }, { text: "b", label: 1 }];
  const texts: Texts = { kind: "labeled", labels: ["x", "y"], rows, description: "", digest: "" };
  const { train: [{ inputs, targets }] } = textDataset(model, wordpiece, texts, { validation: 0 });
  const order = targets.data[0] === 0 ? [0, 1] : [1, 0];
  const inOrder = (values: number[][]) => order.flatMap((row) => values[row]);
  assertEquals([...inputs.tokens.data], inOrder([[1, 4, 5, 6, 2], [1, 5, 2, 0, 0]]));
  assertEquals([...inputs.attentionMask!.data], inOrder([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]));
  assertThrows(
    () => textDataset(model, tokenizer, plain("a")),
    RangeError,
    "must predict the next token, found an encoder or a classifier",
  );
});
