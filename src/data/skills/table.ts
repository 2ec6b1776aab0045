/** The skills of our small base. @module */

import { dateForm, drawDate } from "./dates.ts";
import {
  alternated,
  doubled,
  drawLetters,
  letterShift,
  plural,
  reversed,
  rotated,
  sorted,
} from "./letters.ts";
import { drawNumber, drawSum, numberDigits, numberWords, romanNumeral, total } from "./numbers.ts";
import type { Skill } from "./skill.ts";

/** A row of a table of skills with one kind of inputs. */
type Row = readonly [name: string, words: string, weight: number, answer: Skill["answer"]];

/** The skills of rows. */
const skillsOn = (input: Skill["input"], rows: readonly Row[]): Skill[] =>
  rows.map(([name, words, weight, answer]) => ({
    ...{ name, words: words.split(" "), weight, input, answer },
  }));

const onNumbers = drawNumber(0, 999);

/** What `models/tiny-skills` has learned, each from words that ask for it. */
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
