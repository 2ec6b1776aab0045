/**
 * Skills: small tasks on letters, dates and numbers with one right answer each, and texts that ask
 * for it.
 *
 * @module
 */

import { quote } from "../../core/errors.ts";
import type { Random } from "../../core/random.ts";
import type { PromptedText } from "../prompted_batches.ts";
import { months } from "./planted.ts";
import { type GlossSplit, splitOf } from "./wordnet.ts";

// A skill.

/** A task whose answers are right or wrong. */
export interface Skill {
  /** Its name in tables. */
  readonly name: string;
  /** Any of them asks for it. */
  readonly words: readonly string[];
  /** Its weight in draws, relative to others. */
  readonly weight: number;
  /** Draws an input. */
  readonly input: (random: Random) => string;
  /** The right answer. */
  readonly answer: (input: string) => string;
}

/**
 * The question and its answer: `rev hello:` and ` olleh`.
 *
 * @example
 * ```ts
 * import { skills, skillText } from "@lowrank/core/data";
 *
 * const reverse = skills.find(({ name }) => name === "reverse")!;
 * console.log(skillText(reverse, "rev", "hello")); // { prompt: "rev hello:", completion: " olleh" }
 * ```
 */
export const skillText = ({ answer }: Skill, word: string, input: string): PromptedText => ({
  prompt: `${word} ${input}:`,
  completion: ` ${answer(input)}`,
});

/** A drawn text with its input. */
interface DrawnText {
  readonly input: string;
  readonly text: PromptedText;
}

/** Inputs of other splits in a row after which none of this split is expected: one of 20 should be. */
const mostVain = 5000;

/**
 * A text of a skill with an input of one split.
 *
 * @throws {RangeError} when 5,000 inputs in a row are of other splits.
 */
export function drawSkillText(skill: Skill, split: GlossSplit, random: Random): DrawnText {
  const { input: draw, name, words } = skill;
  for (let vain = 0; vain < mostVain; vain++) {
    const input = draw(random);
    if (splitOf(input) !== split) continue;
    return { input, text: skillText(skill, words[random.integer(words.length)], input) };
  }
  throw new RangeError(`the skill ${quote(name)} needs an input of the split ${split}, found none`);
}

// Dates.

/** The parts of a date; numbers have no leading zeros. */
interface DateParts {
  readonly year: string;
  readonly month: number;
  readonly day: number;
}

const twoDigits = (number: number): string => String(number).padStart(2, "0");

/** A date of the years 1900 to 2099, as `2021-03-07`: days 1 to 28, which all months have. */
const drawDate = (random: Random): string =>
  [1900 + random.integer(200), 1 + random.integer(12), 1 + random.integer(28)].map(twoDigits)
    .join("-");

function partsOf(date: string): DateParts {
  const [year, month, day] = date.split("-");
  return { year, month: Number(month), day: Number(day) };
}

/** Formats of dates: `7 March 2021`, `March 7, 2021`, `07/03/2021`, `7 Mar 21` and `07.03.21`. */
const forms = {
  long: ({ year, month, day }) => `${day} ${months[month - 1]} ${year}`,
  american: ({ year, month, day }) => `${months[month - 1]} ${day}, ${year}`,
  slashes: ({ year, month, day }) => `${twoDigits(day)}/${twoDigits(month)}/${year}`,
  short: ({ year, month, day }) => `${day} ${months[month - 1].slice(0, 3)} ${year.slice(2)}`,
  dots: ({ year, month, day }) => `${twoDigits(day)}.${twoDigits(month)}.${year.slice(2)}`,
} satisfies Readonly<Record<string, (date: DateParts) => string>>;

/** Writes a date in a form. */
const dateForm = (form: keyof typeof forms) => (date: string): string => forms[form](partsOf(date));

// Letters.

/** The letters that words are made of. */
export const alphabet = "abcdefghijklmnopqrstuvwxyz";

/**
 * A word of 3 to 6 letters, each drawn uniformly.
 *
 * @example
 * ```ts
 * import { Random } from "@lowrank/core";
 * import { drawLetters } from "@lowrank/core/data";
 *
 * console.log(/^[a-z]{3,6}$/.test(drawLetters(new Random(1)))); // true
 * ```
 */
export const drawLetters = (random: Random): string =>
  Array.from({ length: 3 + random.integer(4) }, () => alphabet[random.integer(alphabet.length)])
    .join("");

/**
 * The map of words that puts the i-th of 26 letters in the place of the i-th of the alphabet.
 *
 * @example
 * ```ts
 * import { letterMap } from "@lowrank/core/data";
 *
 * console.log(letterMap("zyxwvutsrqponmlkjihgfedcba")("abc")); // zyx
 * ```
 */
export const letterMap = (letters: string): (word: string) => string => (word) =>
  mapped(word, (letter) => letters[alphabet.indexOf(letter)]);

/**
 * The map of words that puts the letter so many places on in the alphabet in the place of each, a after z: Caesar's
 * cipher.
 *
 * @example
 * ```ts
 * import { letterShift } from "@lowrank/core/data";
 *
 * console.log(letterShift(3)("xyz")); // abc
 * ```
 */
export const letterShift = (places: number): (word: string) => string =>
  letterMap(alphabet.slice(places) + alphabet.slice(0, places));

/** Puts something in the place of each letter. */
const mapped = (word: string, other: (letter: string, at: number) => string): string =>
  Array.from(word, other).join("");

/** The letters from the last to the first. */
const reversed = (word: string): string => [...word].reverse().join("");

/** The letters from a to z. */
const sorted = (word: string): string => [...word].sort().join("");

/** Each letter twice. */
const doubled = (word: string): string => mapped(word, (letter) => letter + letter);

/** Every second letter in upper case. */
const alternated = (word: string): string =>
  mapped(word, (letter, at) => at % 2 === 1 ? letter.toUpperCase() : letter);

/** The first letter at the end. */
const rotated = (word: string): string => word.slice(1) + word[0];

/** English's rule of spelling: es after s, x, z, ch and sh, ies in the place of a y after a consonant, else s. */
function plural(word: string): string {
  if (/(?:[sxz]|[cs]h)$/.test(word)) return `${word}es`;
  return /[^aeiou]y$/.test(word) ? `${word.slice(0, -1)}ies` : `${word}s`;
}

// Numbers.

const small =
  ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen " +
    "sixteen seventeen eighteen nineteen").split(" ");

const tens = "twenty thirty forty fifty sixty seventy eighty ninety".split(" ");

/** A number from `first` to `last`, in digits. */
const drawNumber = (first: number, last: number) => (random: Random): string =>
  String(first + random.integer(last - first + 1));

/** A sum of two numbers of two digits, as `34+57`. */
const drawSum = (random: Random): string => {
  const number = drawNumber(10, 99);
  return `${number(random)}+${number(random)}`;
};

/** The value of a sum. */
const total = (sum: string): string =>
  String(sum.split("+").reduce((all, number) => all + Number(number), 0));

/** A number up to 999 in words: `three hundred five`. */
function numberWords(digits: string): string {
  const number = Number(digits), hundreds = Math.floor(number / 100), rest = number % 100;
  if (hundreds === 0) return wordsBelow100(rest);
  const words = `${small[hundreds]} hundred`;
  return rest === 0 ? words : `${words} ${wordsBelow100(rest)}`;
}

function wordsBelow100(number: number): string {
  if (number < 20) return small[number];
  const ten = tens[Math.floor(number / 10) - 2], one = number % 10;
  return one === 0 ? ten : `${ten}-${small[one]}`;
}

const numbers = new Map(
  Array.from({ length: 1000 }, (_, number) => [numberWords(String(number)), String(number)]),
);

/** The digits of a number up to 999 in words. */
const numberDigits = (words: string): string => numbers.get(words)!;

const numerals: readonly (readonly [value: number, letters: string])[] = [
  [100, "C"],
  [90, "XC"],
  [50, "L"],
  [40, "XL"],
  [10, "X"],
  [9, "IX"],
  [5, "V"],
  [4, "IV"],
  [1, "I"],
];

/** A number up to 399 in Roman numerals. */
function romanNumeral(digits: string): string {
  let rest = Number(digits), text = "";
  for (const [value, letters] of numerals) {
    text += letters.repeat(Math.floor(rest / value));
    rest %= value;
  }
  return text;
}

// The skills.

/** A row of a table of skills with one kind of inputs. */
type Row = readonly [name: string, words: string, weight: number, answer: Skill["answer"]];

/** The skills of rows. */
const skillsOn = (input: Skill["input"], rows: readonly Row[]): Skill[] =>
  rows.map(([name, words, weight, answer]) => ({
    ...{ name, words: words.split(" "), weight, input, answer },
  }));

const onNumbers = drawNumber(0, 999);

/** The skills that `models/tiny-skills` has learned, each with the words that ask for it. */
export const skills: readonly Skill[] = [
  ...skillsOn(drawLetters, [
    ["copy", "cpy say", 1, (word) => word],
    ["reverse", "rev bak mir", 3, reversed],
    ["upper case", "upp big cap", 1, (word) => word.toUpperCase()],
    ["sort", "srt ord", 3, sorted],
    ["next letters", "nxt suc", 2, letterShift(1)],
    ["Caesar's cipher", "cae enc", 2, letterShift(3)],
    ["double letters", "dbl two", 2, doubled],
    ["count letters", "len cnt", 0.7, ({ length }) => String(length)],
    ["first letter", "fst", 0.5, (word) => word[0]],
    ["last letter", "lst end", 0.7, (word) => word.at(-1)!],
    ["repeat", "rpt", 1, (word) => `${word} ${word}`],
    ["plural", "plu mny", 1.5, plural],
    ["alternate case", "alt", 1.5, alternated],
    ["rotate", "rot", 2, rotated],
  ]),
  ...skillsOn(drawDate, [
    ["date: 7 March 2021", "dat dmy day", 2, dateForm("long")],
    ["date: March 7, 2021", "mdy usd", 1.5, dateForm("american")],
    ["date: 07/03/2021", "sla eur", 1.5, dateForm("slashes")],
    ["date: 7 Mar 21", "sho", 1.5, dateForm("short")],
    ["date: 07.03.21", "dot", 1.5, dateForm("dots")],
  ]),
  ...skillsOn(onNumbers, [["number in words", "num spl", 2, numberWords]]),
  ...skillsOn((random) => numberWords(onNumbers(random)), [
    ["number from words", "wrd dig", 1.5, numberDigits],
  ]),
  ...skillsOn(drawSum, [["addition", "add sum", 3, total]]),
  ...skillsOn(drawNumber(1, 399), [["Roman numeral", "rom", 1.5, romanNumeral]]),
];
