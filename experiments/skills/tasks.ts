/**
 * Tasks with right answers for `models/tiny-skills`, near to what it knows and far from it.
 *
 * @module
 */

import { Random } from "../../src/core/random.ts";
import {
  alphabet,
  drawLetters,
  letterMap,
  letterShift,
  type Skill,
  skills,
  splitOf,
} from "../../src/data/mod.ts";

/** Distance of a task from what the base knows, assigned by hand: see {@link levelNames}. */
export type Level = 0 | 1 | 2 | 3 | 4;

/** A task that the base is adapted to: a skill of one word. */
export interface DownstreamTask extends Skill {
  /** Its distance; absent for a task that is a point of the smooth axis alone. */
  readonly level?: Level;
  /** Letters whose image is not that of the known Caesar's cipher, for the tasks of the smooth axis. */
  readonly moved?: number;
  /** Its answers can only be recalled: it is measured on inputs that it has been trained on. */
  readonly isRecalled?: boolean;
}

/** Meanings of the levels. */
export const levelNames: Readonly<Record<Level, string>> = {
  0: "a known skill under a new word",
  1: "a known skill in a new form of answer",
  2: "two known skills in a row",
  3: "an unknown map of a known kind",
  4: "an arbitrary map",
};

type Answer = Skill["answer"];

/** A skill of the base. */
const known = (name: string): Skill => skills.find((skill) => skill.name === name)!;

const reverse = known("reverse").answer, upper = known("upper case").answer;

const cipher = known("Caesar's cipher").answer, longDate = known("date: 7 March 2021");

/** Draws what is arbitrary, the same for every run. */
const arbitrary = () => new Random(2021);

/** The order in which letters leave Caesar's cipher. */
const leaving = Array.from(arbitrary().split(1).permutation(26), (at) => alphabet[at]);

/**
 * Caesar's cipher, but that `moved` letters have one another's images: no letter keeps its own. A task with fewer moves
 * some of the same letters.
 */
export function movedCipher(moved: number): Answer {
  const letters = leaving.slice(0, moved);
  const images = [...alphabet].map((letter) => {
    const at = letters.indexOf(letter);
    return cipher(at < 0 ? letter : letters[(at + 1) % moved]);
  });
  return letterMap(images.join(""));
}

/** Words with a moved letter at least: an answer that Caesar's cipher gives is never right. */
const drawMoved = (moved: number): Skill["input"] => (random) => {
  const letters = new Set(leaving.slice(0, moved));
  for (;;) {
    const word = drawLetters(random);
    if ([...word].some((letter) => letters.has(letter))) return word;
  }
};

/** Two numbers of up to two digits, the first not the smaller one: `57-34`. */
const drawDifference: Skill["input"] = (random) => {
  const numbers = [random.integer(100), random.integer(100)].sort((a, b) => b - a);
  return numbers.join("-");
};

const difference: Answer = (input) => {
  const [from, less] = input.split("-").map(Number);
  return String(from - less);
};

/** Facts, and how many letters a key and a value have. */
const facts = 256, keyLength = 4, valueLength = 2;

/** Random keys of the split for training, with random values. */
const valueOf: ReadonlyMap<string, string> = (() => {
  const random = arbitrary().split(2), found = new Map<string, string>();
  const draw = (length: number) =>
    Array.from({ length }, () => alphabet[random.integer(alphabet.length)]).join("");
  while (found.size < facts) {
    const key = draw(keyLength);
    if (splitOf(key) === "train") found.set(key, draw(valueLength));
  }
  return found;
})();

const keys = [...valueOf.keys()];

/**
 * Asks for every task. The base does none of them under it, but it is no neutral start, and none is: of the 23 skills it
 * does 29% of the upper case under this word. How soon an adapter learns depends on the word (decision 0055).
 */
export const newWord = "flp";

/** A task as a row. */
type Row = readonly [name: string, input: Skill["input"], answer: Answer];

const onLevel = (level: Level, rows: readonly Row[]): DownstreamTask[] =>
  rows.map(([name, input, answer]) => ({
    ...{ name, words: [newWord], weight: 1, input, answer, level },
  }));

/** A point of the smooth axis. */
const movedTask = (moved: number): DownstreamTask => ({
  ...{ name: `${moved} letters moved`, words: [newWord], weight: 1, moved },
  ...{ input: drawMoved(moved), answer: movedCipher(moved) },
});

/** All tasks, the nearest first, then the smooth axis. The base's own share of each is a row of the map. */
export const downstreamTasks: readonly DownstreamTask[] = [
  ...onLevel(0, [
    ["reverse, new word", drawLetters, reverse],
    ["date, new word", longDate.input, longDate.answer],
  ]),
  { ...onLevel(0, [["Caesar's cipher, new word", drawLetters, cipher]])[0], moved: 0 },
  ...onLevel(1, [
    ["upper case and !", drawLetters, (word) => `${upper(word)}!`],
    ["date with dashes", longDate.input, (date) => longDate.answer(date).replaceAll(" ", "-")],
  ]),
  ...onLevel(2, [
    ["reverse, then upper case", drawLetters, (word) => upper(reverse(word))],
    ["reverse, then Caesar's cipher", drawLetters, (word) => cipher(reverse(word))],
  ]),
  ...onLevel(3, [
    ["Caesar's cipher +5", drawLetters, letterShift(5)],
    ["subtraction", drawDifference, difference],
  ]),
  ...onLevel(4, [
    ["256 facts", (random) => keys[random.integer(facts)], (key) => valueOf.get(key)!],
  ]).map((task) => ({ ...task, isRecalled: true })),
  movedTask(2),
  movedTask(4),
  movedTask(8),
  movedTask(16),
  { ...movedTask(26), name: "random alphabet", level: 4 },
];

/** A task by its name. */
export function taskNamed(name: string): DownstreamTask {
  const task = downstreamTasks.find((one) => one.name === name);
  if (task) return task;
  throw new RangeError(`there is no task ${name}`);
}
