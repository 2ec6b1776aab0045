/** Forty tasks in four families of ten, related within a family, all asked by one word. @module */

import { letterShift, type Skill, skills } from "../../../src/data/mod.ts";
import { newWord, taskNamed } from "../tasks.ts";

/** The kind of tasks that a family has. */
export type Family = "a known skill" | "a new shift" | "two skills in a row" | "dates and numbers";

/** A task with its family. */
export interface SharedTask extends Skill {
  /** Its family. */
  readonly family: Family;
}

const known = (name: string): Skill => skills.find((skill) => skill.name === name)!;

const ofFamily = (family: Family, of: readonly Skill[]): SharedTask[] =>
  of.map((skill) => ({ ...skill, family, words: [newWord], weight: 1 }));

const [reverse, upper, sort, cipher, double, alternate, rotate, plural, repeat, next] = [
  ...["reverse", "upper case", "sort", "Caesar's cipher", "double letters", "alternate case"],
  ...["rotate", "plural", "repeat", "next letters"],
].map(known);

/** One skill, then another. */
const inARow = (one: Skill, other: Skill): Skill => ({
  ...{ ...one, name: `${one.name}, then ${other.name}` },
  answer: (input) => other.answer(one.answer(input)),
});

const shifts = [5, 7, 9, 11, 13, 15, 17, 19, 21, 23];

const datesAndNumbers = [
  ...["date: 7 March 2021", "date: March 7, 2021", "date: 07/03/2021", "date: 7 Mar 21"],
  ...["date: 07.03.21", "number in words", "number from words", "addition", "Roman numeral"],
];

/** All tasks, family after family. */
export const sharedTasks: readonly SharedTask[] = [
  ...ofFamily(
    "a known skill",
    [reverse, upper, sort, cipher, double, alternate, rotate, plural, repeat, next],
  ),
  ...ofFamily(
    "a new shift",
    shifts.map((places) => ({
      ...{ ...cipher, name: `Caesar's cipher +${places}`, answer: letterShift(places) },
    })),
  ),
  ...ofFamily("two skills in a row", [
    ...[reverse, cipher, double, rotate, sort].map((one) => inARow(one, upper)),
    ...[cipher, double, alternate, next].map((other) => inARow(reverse, other)),
    inARow(rotate, reverse),
  ]),
  ...ofFamily("dates and numbers", [
    ...datesAndNumbers.map(known),
    taskNamed("date with dashes"),
  ]),
];
