/** Numbers, and how they are written. @module */

import type { Random } from "../../core/random.ts";

const small =
  ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen " +
    "sixteen seventeen eighteen nineteen").split(" ");

const tens = "twenty thirty forty fifty sixty seventy eighty ninety".split(" ");

/** A number from `first` to `last`, in digits. */
export const drawNumber = (first: number, last: number) => (random: Random): string =>
  String(first + random.integer(last - first + 1));

/** A sum of two numbers of two digits, as `34+57`. */
export const drawSum = (random: Random): string => {
  const number = drawNumber(10, 99);
  return `${number(random)}+${number(random)}`;
};

/** What a sum is. */
export const total = (sum: string): string =>
  String(sum.split("+").reduce((all, number) => all + Number(number), 0));

/** A number up to 999 in words: `three hundred five`. */
export function numberWords(digits: string): string {
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
export const numberDigits = (words: string): string => numbers.get(words)!;

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
export function romanNumeral(digits: string): string {
  let rest = Number(digits), text = "";
  for (const [value, letters] of numerals) {
    text += letters.repeat(Math.floor(rest / value));
    rest %= value;
  }
  return text;
}
