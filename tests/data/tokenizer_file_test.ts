import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { isSplitPattern } from "../../src/tokenizer/tokenizer_file.ts";
import { makeTokenizer } from "../../src/tokenizer/tokenizer.ts";
import { WORD_PATTERN } from "../../src/tokenizer/train.ts";
import { added, bytePairs, type Json, llama, unigram, wordPiece } from "./tokenizer_shapes.ts";

Deno.test("files of the shapes of GPT-2, BERT, T5 and Llama load and encode", async () => {
  const encode = async (json: Json, text: string) => {
    const tokenizer = await makeTokenizer(json, {});
    return [tokenizer.vocabularySize, ...tokenizer.encode(text)];
  };
  assertEquals(await encode(wordPiece(), "cats dog"), [4, 1, 3, 2]);
  assertEquals(await encode(unigram(), "cats  cat"), [6, 3, 4, 3]);
  assertEquals(await encode(llama(), "cats"), [10, 8, 9]);
  const old = bytePairs();
  // Files of 2020 do not name the model's type.
  delete old.model.type;
  assertEquals((await encode(old, "the cat"))[0], 260);
});

/** Expects that a change to a file is refused with the words, at once. */
async function refuses(make: () => Json, change: (json: Json) => void, words: string) {
  const json = make();
  change(json);
  const started = performance.now();
  const error = await assertRejects(() => makeTokenizer(json, {}), SyntaxError, words);
  assert(error.message.startsWith("tokenizer.json must "), error.message);
  assert(performance.now() - started < 5000);
}

Deno.test("ids that no vocabulary has are refused at once", async () => {
  const idRule = "have whole ids from 0 to 16777215, found ";
  for (const id of [2 ** 24, 1e8, 2 ** 53, 1.5, -1, "7", null]) {
    await refuses(bytePairs, ({ model }) => model.vocab.zz = id, idRule);
    await refuses(bytePairs, ({ added_tokens }) => added_tokens.push(added("zz", id)), idRule);
  }
  await refuses(bytePairs, ({ model }) => model.vocab.zz = 5, "give each id to one token, found ");
  const twice = (json: Json) => json.added_tokens.push(added("zz", 5));
  await refuses(bytePairs, twice, "give each id to one token, found ");
  const moved = (json: Json) => json.added_tokens[0].id = 1000;
  await refuses(bytePairs, moved, "give each token one id, found ");
  const far = ({ model }: Json) => model.vocab.zz = 100_000;
  await refuses(bytePairs, far, "leave at most 65536 ids without a token, found 99740");
});

Deno.test("models, tokens and merges that the library would misread are refused", async () => {
  const change = (edit: (model: Json) => void) => ({ model }: Json) => edit(model);
  const cases: [() => Json, (json: Json) => void, string][] = [
    [bytePairs, (json) => json.model = null, "have a model, found null"],
    [bytePairs, change((m) => m.type = "WordLevel"), "have a model of the type BPE, WordPiece or"],
    [bytePairs, change((m) => m.vocab = [1]), "have a vocabulary of tokens with ids, found [1]"],
    [bytePairs, change((m) => m.vocab["a".repeat(3000)] = 1), "have tokens of at most 2048"],
    [bytePairs, change((m) => m.merges = {}), "have a list of merges, found {}"],
    [
      bytePairs,
      change((m) => m.merges.push("a b c")),
      'have merges of two tokens each, found "a b c"',
    ],
    [bytePairs, change((m) => m.merges.push(["a", "b"])), "have merges of two tokens each, found"],
    [bytePairs, change((m) => m.merges.push("q q")), "have merges of tokens in its vocabulary"],
    [bytePairs, change((m) => m.continuing_subword_prefix = "##"), "have no continuing_subword"],
    [wordPiece, change((m) => m.unk_token = "no"), "have its unk_token in its vocabulary"],
    [
      wordPiece,
      change((m) => m.max_input_chars_per_word = 1e9),
      "of at most 200, found 1000000000",
    ],
    [wordPiece, change((m) => m.continuing_subword_prefix = 1), "have a continuing_subword_prefix"],
    [unigram, change((m) => m.unk_id = 99), "have an unk_id in its vocabulary, found 99"],
    [unigram, change((m) => m.vocab.push(["x", "y"])), "have a vocabulary of tokens with scores"],
    [unigram, change((m) => m.vocab.push(["x".repeat(200), 0])), "have tokens of at most 128"],
    [bytePairs, (json) => json.added_tokens = {}, "have a list of at most 100000 added tokens"],
    [
      bytePairs,
      (json) => json.added_tokens.push(added("", 300)),
      "have added tokens with contents",
    ],
  ];
  for (const [make, edit, words] of cases) await refuses(make, edit, words);
  await refuses(() => [], () => {}, "be a JSON object, found []");
});

Deno.test("steps that are unknown, endless or make texts explode are refused", async () => {
  const split = (Regex: string) => ({ type: "Split", pattern: { Regex }, behavior: "Isolated" });
  const nested = (depth: number): Json =>
    depth === 0 ? { type: "Digits" } : { type: "Sequence", pretokenizers: [nested(depth - 1)] };
  const replace = { type: "Replace", pattern: { String: "a" }, content: "a".repeat(100) };
  const cases: [field: string, step: Json, words: string][] = [
    [
      "pre_tokenizer",
      split("(a+)+$"),
      "split and replace with a text, a published pattern or a simple",
    ],
    [
      "pre_tokenizer",
      split("a*a*a*b"),
      "split and replace with a text, a published pattern or a simple",
    ],
    [
      "pre_tokenizer",
      { type: "FixedLength", length: 0 },
      "a whole length of at least 1 for FixedLength",
    ],
    ["pre_tokenizer", { type: "Future" }, 'have a pre-tokenizer of a known type, found "Future"'],
    ["pre_tokenizer", nested(60), "have a pre-tokenizer of at most 50 steps, found "],
    ["normalizer", { type: "toString" }, 'have a normalizer of a known type, found "toString"'],
    [
      "normalizer",
      { type: "Sequence", normalizers: [replace, replace] },
      "at most 1000 times as long",
    ],
    ["normalizer", { ...replace, content: "$`" }, 'replace by texts without a $, found "$`"'],
    ["normalizer", { ...replace, pattern: { String: "" } }, "split and replace with a text"],
    ["decoder", { type: "Strip", content: " ", start: "x" }, "strip a whole number of characters"],
    [
      "decoder",
      { type: "WordPiece", prefix: 1 },
      "have a text of at most 100 characters as prefix",
    ],
  ];
  for (const [field, step, words] of cases) {
    await refuses(bytePairs, (json) => json[field] = step, words);
  }
  for (const behavior of [0, true, {}, [], "Else", undefined]) {
    const step = { ...split("\\s+"), behavior };
    await refuses(
      bytePairs,
      (json) => json.pre_tokenizer = step,
      "split by a behavior of Removed,",
    );
  }
});

Deno.test("published and simple patterns split, others do not", () => {
  const llama3 = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|" +
    " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  const known = [WORD_PATTERN.source, llama3, "\\s+", " {2,}", "\\p{N}{1,3}", "[0-9][0-9][0-9]"];
  // DeepSeek Coder and DeepSeek LLM, which has a class of 300 characters.
  known.push("\\s?\\p{L}+", "\\s?\\p{P}+", `\\s?[${"A-Za-zµ".repeat(40)}]+`, "\\s+$");
  for (const pattern of [...known, "[一-龥぀-ゟ゠-ヿ]+", "\\d", "[\\r\\n]"]) {
    assert(isSplitPattern(pattern), pattern);
  }
  for (
    const pattern of [
      "(a)",
      "a+b+",
      "a+b",
      "(?:a|aa)*",
      "a{2}{3}",
      "a|b",
      "a?b?c+",
      "a+$",
      "a?b+c",
      "[[a]+]",
      `${llama3}|x`,
    ]
  ) {
    assert(!isSplitPattern(pattern), pattern);
  }
});

Deno.test("spaces are split at the end only, in linear time", async () => {
  const json = bytePairs(), pattern = { Regex: "\\s+$" };
  json.pre_tokenizer = { type: "Split", pattern, behavior: "Removed", invert: false };
  json.model.unk_token = "x";
  const { encode } = await makeTokenizer(json, {});
  assertEquals(encode("a  b  ").length, 4);
  const started = performance.now();
  encode(" ".repeat(100_000) + "a");
  // Measured: 0.1 s; with the pattern as it is written, 10 s.
  assert(performance.now() - started < 3000);
});

Deno.test("what is no id of a token cannot be decoded", async () => {
  const { decode } = await makeTokenizer(bytePairs(), {});
  for (const id of ["a", -1, 1.5, NaN, null, undefined, {}] as number[]) {
    const error = assertThrows(() => decode([0, id]), RangeError);
    assertStringIncludes(error.message, "a token's id must be an integer of at least 0, found ");
  }
});

Deno.test("a part of a text without a token is an error, not token 0", async () => {
  const json = bytePairs();
  json.model.unk_token = "<none>";
  delete json.model.vocab["z"];
  const tokenizer = await makeTokenizer(json, {});
  const error = await assertRejects(async () => await tokenizer.encode("z"), RangeError);
  assertEquals(
    error.message,
    'a tokenizer must have a token for every part of a text, found none for "<none>"',
  );
});

/** Puts values where a file has others. */
const changes = fc.array(
  fc.tuple(
    fc.nat(),
    fc.oneof(
      fc.constantFrom<Json>(null, [], {}, "", "a", 0, -1, 1.5, 1e8, 2 ** 53, true, "a b", [
        "a",
        "b",
      ]),
      fc.jsonValue({ maxDepth: 2 }),
    ),
  ),
  { minLength: 1, maxLength: 3 },
);

/** All places of a value: objects and arrays with their keys. */
function placesIn(value: Json): [Json, string][] {
  if (typeof value !== "object" || value === null) return [];
  return Object.keys(value).flatMap((
    key,
  ) => [[value, key] as [Json, string], ...placesIn(value[key])]);
}

Deno.test("no change to a file makes a tokenizer that crashes, hangs or gives ids outside", async () => {
  const files = fc.constantFrom(wordPiece, unigram, llama, bytePairs);
  let loaded = 0;
  await fc.assert(
    fc.asyncProperty(files, changes, async (make, edits) => {
      const json = make();
      for (const [at, value] of edits) {
        const places = placesIn(json), [holder, key] = places[at % places.length];
        holder[key] = structuredClone(value);
      }
      const started = performance.now();
      try {
        const tokenizer = await makeTokenizer(json, {});
        loaded++;
        const ids = tokenizer.encode("cats  the 12 naïve 日本 <s> a b");
        assert(ids.every((id) => id < tokenizer.vocabularySize), `${ids}`);
        tokenizer.decode(ids);
      } catch (error) {
        assert(error instanceof SyntaxError || error instanceof RangeError, `${error}`);
        assert(/^(tokenizer.json must|a tokenizer must) /.test(error.message), error.message);
      }
      assert(performance.now() - started < 5000);
    }),
    { seed: 5, numRuns: 1000 },
  );
  assert(loaded > 30, `${loaded} loaded`);
});
