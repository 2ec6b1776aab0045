/** Skills: the answers are right, no input is in two splits, and batches depend on seed and index alone. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { Random } from "../../mod.ts";
import {
  alphabet,
  drawLetters,
  letterMap,
  letterShift,
  type PromptedText,
  type Skill,
  skillBatches,
  skills,
  skillText,
  skillTexts,
  splitOf,
} from "../../src/data/mod.ts";
import { makeTokenizer, trainBytePairs } from "../../src/tokenizer/mod.ts";
import { tokenizerConfig, tokenizerJson } from "../../src/tokenizer/train.ts";

const splits = ["train", "validation", "test"] as const;

const bytes = trainBytePairs([], { vocabularySize: 257 });
const tokenizer = await makeTokenizer(tokenizerJson(bytes), tokenizerConfig(bytes));

const skillOf = (name: string): Skill => skills.find((skill) => skill.name === name)!;
const codes = (word: string) => [...word].map((letter) => letter.charCodeAt(0) - 97);

/** True if `to` is `from` with each letter moved by `places`. */
const isShifted = (from: string, to: string, places: number) =>
  from.length === to.length &&
  codes(to).every((code, i) => (code - codes(from)[i] + 26) % 26 === places);

/** A date as the language's own formatter has it. */
function formatted(date: string, locale: string, options: Intl.DateTimeFormatOptions): string {
  return new Intl.DateTimeFormat(locale, { ...options, timeZone: "UTC" }).format(new Date(date));
}

/** The value of number words, added up. */
function valueOf(words: string): number {
  const names: Readonly<Record<string, number>> = {
    ...{ zero: 0, one: 1, two: 2, three: 3, four: 4, five: 5, six: 6, seven: 7, eight: 8, nine: 9 },
    ...{ ten: 10, eleven: 11, twelve: 12, thirteen: 13, fourteen: 14, fifteen: 15, sixteen: 16 },
    ...{ seventeen: 17, eighteen: 18, nineteen: 19, twenty: 20, thirty: 30, forty: 40, fifty: 50 },
    ...{ sixty: 60, seventy: 70, eighty: 80, ninety: 90 },
  };
  return words.split(/[ -]/).reduce(
    (sum, word) => word === "hundred" ? 100 * sum : sum + names[word],
    0,
  );
}

/** Names, hundreds and the hyphen where English has them. */
const isSpelled = (words: string) =>
  /^(?:[a-z]+ hundred(?: |$))?(?:[a-z]+|[a-z]+ty-[a-z]+)?$/.test(words);

/** The value of Roman numerals: one before a larger one is taken off. */
function romanValue(text: string): number {
  const values = [...text].map((letter) => ({ I: 1, V: 5, X: 10, L: 50, C: 100 })[letter]!);
  return values.reduce((sum, value, i) => sum + (value < values[i + 1] ? -value : value), 0);
}

const isCanonical = (text: string) => /^C{0,3}(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})$/.test(text);

/** An independent check of each skill. */
const checks: Readonly<Record<string, (input: string, answer: string) => boolean>> = {
  "copy": (word, answer) => answer === word,
  "reverse": (word, answer) =>
    codes(answer).every((code, i) => code === codes(word)[word.length - 1 - i]) &&
    answer.length === word.length,
  "upper case": (word, answer) => answer.toLowerCase() === word && /^[A-Z]+$/.test(answer),
  "sort": (word, answer) =>
    codes(answer).every((code, i, all) => i === 0 || all[i - 1] <= code) &&
    [...alphabet].every((one) => word.split(one).length === answer.split(one).length),
  "next letters": (word, answer) => isShifted(word, answer, 1),
  "Caesar's cipher": (word, answer) => isShifted(word, answer, 3),
  "double letters": (word, answer) =>
    answer.replace(/(.)\1/g, "$1") === word && answer.length === 2 * word.length,
  "count letters": (word, answer) => word.match(/./g)!.length === Number(answer),
  "first letter": (word, answer) => word.startsWith(answer) && answer.length === 1,
  "last letter": (word, answer) => word.endsWith(answer) && answer.length === 1,
  "repeat": (word, answer) => answer.split(" ").join() === [word, word].join(),
  "plural": (word, answer) =>
    ["s", "es", "ies"][
      ["s", "x", "z", "ch", "sh"].some((end) => word.endsWith(end))
        ? 1
        : word.endsWith("y") && !"aeiou".includes(word.at(-2)!)
        ? 2
        : 0
    ] === answer.slice(word.endsWith("y") && answer.endsWith("ies") ? -3 : word.length),
  "alternate case": (word, answer) =>
    answer.toLowerCase() === word &&
    [...answer].every((one, i) => (one === one.toUpperCase()) === (i % 2 === 1)),
  "rotate": (word, answer) => answer.at(-1)! + answer.slice(0, -1) === word,
  "date: 7 March 2021": (date, answer) =>
    answer === formatted(date, "en-GB", { dateStyle: "long" }),
  "date: March 7, 2021": (date, answer) =>
    answer === formatted(date, "en-US", { dateStyle: "long" }),
  "date: 07/03/2021": (date, answer) =>
    answer === formatted(date, "en-GB", { day: "2-digit", month: "2-digit", year: "numeric" }),
  "date: 7 Mar 21": (date, answer) =>
    // The British September has four letters.
    answer.replace("Sep", "Sept") ===
      formatted(date, "en-GB", { day: "numeric", month: "short", year: "2-digit" }),
  "date: 07.03.21": (date, answer) =>
    answer === formatted(date, "de-DE", { day: "2-digit", month: "2-digit", year: "2-digit" }),
  "number in words": (digits, answer) => valueOf(answer) === Number(digits) && isSpelled(answer),
  "number from words": (words, answer) => valueOf(words) === Number(answer) && isSpelled(words),
  "addition": (sum, answer) => Number(sum.slice(0, 2)) + Number(sum.slice(3)) === Number(answer),
  "Roman numeral": (digits, answer) => romanValue(answer) === Number(digits) && isCanonical(answer),
};

/** The parts of a text. */
function partsOf({ prompt, completion }: PromptedText) {
  const at = prompt.indexOf(" ");
  return {
    word: prompt.slice(0, at),
    input: prompt.slice(at + 1, -1),
    answer: completion.slice(1),
  };
}

Deno.test("every skill has words of its own, and a check", () => {
  assertEquals(skills.map(({ name }) => name), Object.keys(checks));
  const words = skills.flatMap((skill) => skill.words);
  assertEquals(new Set(words).size, words.length);
  assert(words.every((word) => /^[a-z]{3}$/.test(word)));
});

for (const skill of skills) {
  Deno.test(`${skill.name}: the answers are right, and the splits are apart`, () => {
    const all = splits.flatMap((split) => {
      const texts = skillTexts(skill, { split, examples: 300, seed: 1 });
      assert(texts.length > 15 && texts.every((text) => splitOf(partsOf(text).input) === split));
      return texts.map(partsOf);
    });
    for (const { word, input, answer } of all) {
      assert(
        skill.words.includes(word) && checks[skill.name](input, answer),
        `${input}: ${answer}`,
      );
    }
    assertEquals(new Set(all.map(({ input }) => input)).size, all.length);
    assertEquals(new Set(all.map(({ word }) => word)).size, skill.words.length);
  });
}

Deno.test("rare forms of plurals and numbers", () => {
  const asked = {
    plural: "box bush lady day cat",
    "Roman numeral": "4 399",
    "number in words": "0",
  };
  const answers = Object.entries(asked).flatMap(([name, inputs]) =>
    inputs.split(" ").map(skillOf(name).answer)
  );
  assertEquals(answers.join(" "), "boxes bushes ladies days cats IV CCCXCIX zero");
  for (let number = 0; number < 1000; number++) {
    const words = skillOf("number in words").answer(String(number));
    assert(valueOf(words) === number && isSpelled(words), words);
    assertEquals(skillOf("number from words").answer(words), String(number));
  }
});

Deno.test("a seed gives the same texts everywhere, and a smaller number a prefix of them", () => {
  const draw = (examples: number, seed: number) =>
    skillTexts(skillOf("reverse"), { split: "test", examples, seed });
  assertEquals(draw(50, 3).slice(0, 8), draw(8, 3));
  assert(draw(1, 4)[0].prompt !== draw(1, 3)[0].prompt);
  // What is held out must stay held out of a model that is shipped.
  assertEquals(draw(2, 0).map(({ prompt, completion }) => prompt + completion), [
    "bak stt: tts",
    "mir afhgy: yghfa",
  ]);
  const splitsOf = Map.groupBy("hello paper value green 99 34+57".split(" "), splitOf);
  assertEquals(splitsOf.get("validation"), ["paper", "value"]);
  assertEquals(splitsOf.get("test"), ["green", "99"]);
});

Deno.test("a skill with few inputs has all of them in its texts", () => {
  const roman = skillOf("Roman numeral");
  const texts = splits.flatMap((split) => skillTexts(roman, { split, examples: 1000, seed: 5 }));
  const inputs = texts.map((text) => Number(partsOf(text).input)).sort((a, b) => a - b);
  assertEquals(inputs, Array.from({ length: 399 }, (_, i) => i + 1));
});

Deno.test("maps of letters", () => {
  assertEquals(letterMap([...alphabet].reverse().join(""))("azby"), "zayb");
  assertEquals([0, 5, 25].map((places) => letterShift(places)("azm")), ["azm", "fer", "zyl"]);
  const words = Array.from({ length: 500 }, (_, seed) => drawLetters(new Random(seed)));
  assertEquals(new Set(words.map(({ length }) => length)), new Set([3, 4, 5, 6]));
  assertEquals(new Set(words.join("")).size, 26);
});

Deno.test("a batch depends on the seed and its index, and holds inputs to train on alone", () => {
  const batchesOf = (seed: number) => skillBatches(tokenizer, skills, { batch: 64, seed });
  const batches = batchesOf(1), again = batchesOf(1);
  assertEquals(batches(7), again(7));
  assert(String(batches(8).targets.data) !== String(batches(7).targets.data));
  assert(String(batchesOf(2)(7).targets.data) !== String(batches(7).targets.data));
  const { inputs: { tokens: { shape: [rows, time], data } }, targets } = batches(7);
  for (let row = 0; row < rows; row++) {
    const own = data.subarray(row * time, (row + 1) * time);
    const wanted = targets.data.subarray(row * time, (row + 1) * time).filter((id) => id >= 0);
    const [prompt] = tokenizer.decode(own, { skipSpecialTokens: true }).split(/(?<=:)/);
    const completion = tokenizer.decode(wanted);
    const { word, input } = partsOf({ prompt, completion });
    const skill = skills.find(({ words }) => words.includes(word))!;
    assertEquals(splitOf(input), "train");
    assertEquals(completion, `${skillText(skill, word, input).completion}<|endoftext|>`);
    assertEquals(own[0], tokenizer.endOfText);
  }
});

Deno.test("skills come as often as their weights say", () => {
  const reverse = skillOf("reverse"), first = skillOf("first letter"), batch = 4000;
  const { inputs: { tokens: { shape: [, time], data } } } = skillBatches(
    tokenizer,
    [first, reverse],
    { batch, seed: 1 },
  )(0);
  const starts = Array.from(
    { length: batch },
    (_, row) => tokenizer.decode(data.subarray(row * time + 1, row * time + 4)),
  );
  const share = starts.filter((word) => reverse.words.includes(word)).length / batch;
  // 3 of 3.5, within five standard deviations.
  const expected = 3 / 3.5, deviation = Math.sqrt(expected * (1 - expected) / batch);
  assert(Math.abs(share - expected) < 5 * deviation, `${share}`);
});

Deno.test("what cannot be drawn is named", () => {
  const reverse = skillOf("reverse");
  for (const examples of [0, 1.5, NaN]) {
    assertThrows(
      () => skillTexts(reverse, { split: "test", examples, seed: 1 }),
      RangeError,
      `skillTexts needs examples to be a positive integer, found ${examples}`,
    );
  }
  const [input] = ["hello", "world", "abc"].filter((word) => splitOf(word) === "train");
  const constant = { ...reverse, input: () => input };
  assertThrows(
    () => skillTexts(constant, { split: "test", examples: 1, seed: 1 }),
    RangeError,
    'the skill "reverse" needs an input of the split test, found none',
  );
});
